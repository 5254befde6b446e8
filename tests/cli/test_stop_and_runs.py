"""`summtune stop` and `summtune runs` as a person types them; what a driver makes of the wish is tested with the driver."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.events.kinds import RunResumed, TrialStarted
from summtune.events.log import EventLog
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.views import write_views
from summtune.tuning import lock
from tests.reporting.test_views import recorded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def under_way(folder: Path) -> RunPaths:
    """A run that was resumed and has a trial running; nobody holds its lock yet."""
    run = recorded(folder)
    log = EventLog(run.events)
    log.append(RunResumed(5, "rebuild", [], ""))
    log.append(TrialStarted("0003", 2, 0))
    log.close()
    return run


@pytest.mark.parametrize(
    ("words", "said", "now"),
    [
        ([], "No new trials. Trained to their end first: 0003. Then the likeliest are evaluated in full where that is due.", False),
        (["--now"], "It ends within seconds. Trials left as they are, to go on from their last checkpoint: 0003.", True),
    ],
)
def test_stop_leaves_a_wish_and_says_what_will_happen(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str, now: bool
) -> None:
    run = under_way(folder)
    with lock.held(run.lock):
        assert main(["stop", "plain", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        driver = re.escape(f"{run.folder.name}: asked process {os.getpid()} on {socket.gethostname()}, for ")
        assert re.fullmatch(driver + r"\d+ s to stop\.", lines[0])
        assert lines[1:] == [said, "Go on later with:  summtune resume plain"]
        wish = json.loads(run.stop.read_text(encoding="utf-8"))
        assert wish == {"now": now, "by": f"process {os.getpid()} on {socket.gethostname()}"}


def test_a_wish_to_stop_now_is_not_taken_back_by_a_weaker_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = under_way(folder)
    with lock.held(run.lock):
        assert main(["stop", "plain", "--now", "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record == {"run": run.folder.name, "folder": str(run.folder), "now": True, "trials_running": ["0003"], "status": "running"}
        assert main(["stop", "plain"]) == 0
    assert json.loads(run.stop.read_text(encoding="utf-8"))["now"] is True


def test_what_is_not_under_way_can_not_be_stopped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    assert main(["stop", "plain"]) == 2
    assert capsys.readouterr().err == f"{run.folder.name} is finished: there is nothing to stop.\n"
    log = EventLog(run.events)
    log.append(RunResumed(5, "rebuild", [], ""))
    log.close()
    assert main(["stop", "plain"]) == 2
    said = capsys.readouterr().err
    assert said == f"{run.folder.name} is not under way: its driver died. `summtune resume plain` goes on with it.\n"
    assert not run.stop.exists()


def test_a_folder_that_can_not_be_written_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = under_way(folder)
    run.stop.mkdir()
    with lock.held(run.lock):
        assert main(["stop", "plain"]) == 2
    said = "the wish to stop can't be left there: Is a directory. Press Ctrl-C where the run is driven."
    assert capsys.readouterr().err == f"{run.stop}: {said}\n"


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    assert main(["runs", "--json", *words]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_runs_says_what_became_of_each_newest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = recorded(folder)
    older = RunPaths(first.folder.rename(first.folder.parent / "older-20251122-000000-abcd"))
    newer = under_way(folder)
    rows = listed(capsys)
    assert [(row["run"], row["status"], row["ended"], row["asked"], row["best"]) for row in rows] == [
        (newer.folder.name, "crashed", 2, 5, 0.6),
        (older.folder.name, "finished", 3, 3, 0.6),
    ]
    assert [row["next"] for row in rows] == ["summtune resume plain", "summtune show older"]
    with lock.held(newer.lock):
        row = listed(capsys)[0]
        assert (row["status"], row["next"]) == ("running", "summtune show plain")
        assert row["driver"] is not None
        assert main(["runs"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["run", "status", "trials", "best", "when", "next"]
        assert f"running: process {os.getpid()} on {socket.gethostname()}, for 0 s" in lines[1]
    assert [row["run"] for row in listed(capsys, "--output-dir", "results")] == [newer.folder.name, older.folder.name]


def test_a_folder_of_runs_is_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0, "nothing has been run yet"
    assert capsys.readouterr().out == "results holds no runs.\n"
    (folder / "space.yaml").touch()
    for words, said in (
        (["nowhere"], "there is no folder nowhere. Name a folder of run directories.\n"),
        (["space.yaml"], "space.yaml is a file. Name a folder of run directories.\n"),
        (["--output-dir", "nowhere"], "there is no folder nowhere. Name a folder of run directories.\n"),
        ([".", "--output-dir", "."], "--output-dir: . is named already. Leave one of them out.\n"),
    ):
        assert main(["runs", *words]) == 2
        assert capsys.readouterr().err == said


def test_a_closed_run_is_read_from_its_summary_and_one_that_is_older_from_its_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    write_views(run, read_run(run)[0])
    whole = listed(capsys)
    lines = run.events.read_bytes().splitlines(keepends=True)
    stamp = run.events.stat()
    run.events.write_bytes(lines[0] + b"{not read}\n" + lines[-1])
    os.utime(run.events, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    cheap = listed(capsys)
    assert [{**row, "idle_s": 0} for row in cheap] == [{**row, "idle_s": 0} for row in whole]
    os.utime(run.events, (time.time() + 5, time.time() + 5))
    (row,) = listed(capsys)
    assert row["ended"] == 0, "the log has been written to since: it counts, whatever is left of it"
    assert "damaged" in str(row["notes"])


def test_a_run_whose_log_says_nothing_is_listed_with_the_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    run.events.write_bytes(b"")
    (row,) = listed(capsys)
    assert (row["status"], row["next"]) == ("unreadable", None)
    assert main(["runs"]) == 0
    assert "the run was never opened: its event log is empty" in capsys.readouterr().err


def test_show_says_what_a_damaged_log_has_lost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    lines = run.events.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"iteration": 1', b'"iteration": 3')
    run.events.write_bytes(b"".join(lines))
    assert main(["show", "plain"]) == 0
    said = capsys.readouterr()
    assert f"note: {run.events}:4: the line (reported of 0000) is damaged, and was left out: its checksum is another" in said.err
    assert "0001" in said.out
