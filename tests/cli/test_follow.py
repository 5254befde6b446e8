"""`summtune show --follow`, with a driver that is a thread: what it shows, and how it ends."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from summtune.cli import watching
from summtune.cli.main import main
from summtune.events.following import Follower
from summtune.events.kinds import Ended, Event, Promoted, Reported, RunClosed, RunResumed, TrialStarted
from summtune.events.log import EventLog, read_events
from summtune.paths import RunPaths
from summtune.tuning import lock
from tests.reporting.test_views import recorded

Driven = Callable[..., None]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    monkeypatch.setattr(watching, "LOCK_EVERY_S", 0.05)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run that was resumed, with a trial to be run."""
    monkeypatch.chdir(tmp_path)
    return recorded(tmp_path)


@pytest.fixture
def driven(run: RunPaths) -> Iterator[Driven]:
    """Lets a driver append events, one after another; it lets go of the run when it has none left, or a moment later another takes it."""
    threads: list[threading.Thread] = []

    def drive(*sessions: list[Event]) -> None:
        held = threading.Event()

        def work() -> None:
            for events in sessions:
                with lock.held(run.lock) as check:
                    log = EventLog(run.events, check=check)
                    log.append(events[0])
                    held.set()
                    for event in events[1:]:
                        time.sleep(0.1)
                        log.append(event)
                    log.close()
                time.sleep(0.3)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        assert held.wait(10)

    yield drive
    for thread in threads:
        thread.join(10)


RESUMED = RunResumed(5, "rebuild", [])
TRAINED = [
    TrialStarted("0003", 2, 0),
    Reported("0003", 2, 1, {"iteration": 1, "loss": 2.0, "rouge_combined_f1": 0.7}, None),
    Ended("0003", "finished"),
    Promoted("0003", 2),
]


def test_a_driven_run_is_shown_until_it_ends(run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str]) -> None:
    driven([RESUMED, *TRAINED, RunClosed("finished")])
    assert main(["show", "plain", "--follow"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{run.folder.name}: 3/5 trials"
    assert re.fullmatch(rf"driven by process {os.getpid()} on \S+, for \d+ s", lines[1])
    assert lines[3].split()[:3] == ["trial", "status", "epoch"], "what had happened before is a table"
    assert "0003  1/4  rouge_combined_f1 0.7000  loss 2.000  * best so far" in lines
    assert "0003  finished: 0.7000" in lines
    assert lines.count("finished") == 1
    assert any(line.startswith("Best      rouge_combined_f1 0.7000: trial 0003") for line in lines)


def test_one_that_is_interrupted_ends_the_showing_with_its_code(run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str]) -> None:
    driven([RESUMED, *TRAINED[:2], RunClosed("interrupted", "stopped by a person")])
    assert main(["show", "plain", "--follow"]) == 130
    out = capsys.readouterr().out
    assert "interrupted: stopped by a person" in out
    assert out.endswith("Next      summtune resume plain\n")


def test_a_driver_that_died_is_said_and_who_goes_on_is_followed(run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str]) -> None:
    driven([RESUMED, TRAINED[0]], [RunResumed(5, "restore", []), *TRAINED, RunClosed("finished")])
    assert main(["show", "plain", "--follow"]) == 0
    out = capsys.readouterr().out
    died = "Nobody drives it: its driver died. It is waited for; `summtune resume plain` goes on with it."
    assert [part in out for part in (died, "Resumed (restore), to 5 trials.")] == [True, True]
    assert out.index(died) < out.index("Resumed (restore)") < out.index("0003  finished: 0.7000")


def test_a_run_that_failed_ends_as_what_drove_it_did(run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str]) -> None:
    driven([RESUMED, RunClosed("failed", "Ray Tune ended before all trials had")])
    assert main(["show", "plain", "--follow"]) == 3
    assert "failed: Ray Tune ended before all trials had" in capsys.readouterr().out


def test_a_finished_run_is_shown_and_that_is_all(run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "plain", "--follow"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{run.folder.name}: finished"
    assert "drive" not in lines[1]


def test_as_json_the_logs_records_are_lines(run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str]) -> None:
    driven([RESUMED, *TRAINED, RunClosed("finished")])
    assert main(["show", "plain", "--follow", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert records == [json.loads(json.dumps(event.to_record())) for event in read_events(run.events)[0]]


def test_ctrl_c_ends_the_showing_only(
    run: RunPaths, driven: Driven, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(follower: Follower) -> None:
        raise KeyboardInterrupt

    driven([RESUMED, *TRAINED, RunClosed("finished")])
    monkeypatch.setattr(Follower, "news", interrupt)
    assert main(["show", "plain", "--follow"]) == 130
    assert capsys.readouterr().err == "\nThe run goes on. It is stopped by:  summtune stop plain\n"
