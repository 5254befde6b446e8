"""Runs that are asked to stop from another terminal, failed trials that are run again, and what a killed driver leaves running."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from summtune.events.fold import RunState
from summtune.events.kinds import Decoded, Event, PointDrawn, Reported, RunResumed, Scored, StopAsked, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from tests.integration.conftest import CommandLine, Heard, state_of
from tests.integration.test_causes import CASES
from tests.integration.test_resume import ONE_AT_A_TIME, SEARCH, check_whole, has, only_run, wait_until

SpaceFile = Callable[..., Path]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def begun(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> Iterator[Callable[..., tuple[subprocess.Popen[str], RunPaths]]]:
    """Starts a run in a process of its own, and waits until its events satisfy a condition."""
    processes: list[subprocess.Popen[str]] = []

    def start(reached: Callable[[list[Event]], bool], **changes: Any) -> tuple[subprocess.Popen[str], RunPaths]:
        processes.append(summtune_on_cluster.start("run", space_file(**changes)))
        results = summtune_on_cluster.folder / "results"
        wait_until(results, reached, processes[-1], timeout_s=240)
        return processes[-1], only_run(results)

    yield start
    for process in processes:
        process.kill()
        process.wait()


class SecondTerminal(CommandLine):
    """The command line again, with an output file of its own."""

    def __init__(self, first: CommandLine) -> None:
        (first.folder / "second").mkdir()
        super().__init__(first.folder / "second", first.environment)


def test_stop_lets_trials_end_evaluates_them_in_full_and_can_be_resumed(summtune_on_cluster: CommandLine, begun: Any) -> None:
    proxy = {"settings": {"training": {"num_train_epochs": 4}, "evaluation": {"strategy": "proxy", "proxy_samples": 2}}}
    process, run = begun(has(Reported, 2), **{**ONE_AT_A_TIME, **proxy})
    second = SecondTerminal(summtune_on_cluster)
    code, output = second("stop", run.folder, "--wait")
    assert code == 0, output
    assert f"asked process {process.pid} on " in output
    assert "No new trials. Trained to their end first: 000" in output
    assert output.splitlines()[-1] == "Stopped: interrupted (stopped by `summtune stop`)."
    assert process.wait(120) == 130
    assert "Asked to stop, by process" in summtune_on_cluster.output()
    assert "Best      rouge_combined_f1" in summtune_on_cluster.output(), "what it has come to is shown"
    state = state_of(run)
    assert len(state.trials) < 4, "no new trials"
    assert all(trial.status in ("finished", "stopped") for trial in state.trials.values())
    events, _ = read_events(run.events)
    stopped = next(place for place, event in enumerate(events) if isinstance(event, StopAsked))
    assert not any(isinstance(event, PointDrawn) for event in events[stopped:])
    assert any(isinstance(event, Scored) for event in events[stopped:]), "without full evaluations there would be no best"
    assert not run.stop.exists()
    code, output = second("stop", run.folder)
    assert (code, "is not under way: it is interrupted." in output) == (2, True), output
    code, output = summtune_on_cluster("resume", run.folder)
    assert code == 0, output
    check_whole(run, trials=3)


def test_stop_now_leaves_trials_to_be_resumed(summtune_on_cluster: CommandLine, begun: Any) -> None:
    long = {"settings": {"training": {"num_train_epochs": 300}, "evaluation": {"strategy": "full"}}, "run_cap": 1, "baseline": False}
    process, run = begun(has(Reported, 2), **{**SEARCH, **long})
    code, output = SecondTerminal(summtune_on_cluster)("stop", run.folder, "--now", "--wait")
    assert code == 0, output
    assert process.wait(120) == 130
    state = state_of(run)
    assert (state.status, [trial.status for trial in state.trials.values()]) == ("interrupted", ["running"])
    assert state.trials["0001"].iteration < 300


@pytest.mark.slow
@pytest.mark.parametrize("now", [False, True])
def test_stop_while_checkpoints_are_decoded(summtune_on_cluster: CommandLine, begun: Any, now: bool) -> None:
    """Nothing is trained any more then: decoding is left where it is, and gone on with later."""
    changes = {
        "parameters": {"learning_rate": {"values": [1e-2]}},
        "baseline": False,
        "settings": {"data": {"max_val_samples": 64}},
        "decode": {
            "top_k": 1,
            "run_cap": 60,
            "parameters": {"length_penalty": {"min": 0.5, "max": 2.0}, "num_beams": {"values": [2, 3, 4]}},
        },
    }
    process, run = begun(has(Decoded), **changes)
    code, output = SecondTerminal(summtune_on_cluster)("stop", run.folder, "--wait", *(["--now"] if now else []))
    assert code == 0, output
    assert process.wait(120) == 130
    state = state_of(run)
    assert state.status == "interrupted"
    assert 0 < len(state.trials["0001"].decoded) < 60
    assert not list(state.unfinished())


@pytest.mark.slow
def test_failed_trials_are_run_again(tune_here: Any, resume_here: Any, space_file: SpaceFile) -> None:
    """One fails for what it is, and again; one lost its worker, which is not forgiven even once, and goes on when it is asked for."""
    bundle = {"broken": CASES["broken"][0], "fine": CASES["fine"][0]}
    settings = {"training": {"num_train_epochs": 8}}
    resources = {"max_concurrent_trials": 1, "max_failures": 0}
    file = space_file(parameters={"case": {"bundle": bundle}}, baseline=False, settings=settings, resources=resources)

    def lose_the_worker(event: Event, state: RunState) -> None:
        if isinstance(event, Reported):
            os.kill(event.pid, signal.SIGKILL)

    run, _ = tune_here(file, Heard(hook=lose_the_worker))
    before = state_of(run)
    causes = {trial.cause: trial for trial in before.trials.values()}
    assert causes.keys() == {"error", "worker_lost"}
    lost, broken = causes["worker_lost"], causes["error"]
    assert 0 < lost.iteration < 8
    heard = resume_here(run, failed=True)
    assert heard.resumed == "rebuild"
    state = state_of(run)
    assert {trial.id: trial.status for trial in state.trials.values()} == {lost.id: "finished", broken.id: "failed"}
    assert [report.iteration for report in state.trials[lost.id].reports] == list(range(1, 9))
    events, _ = read_events(run.events)
    (resumed,) = (place for place, event in enumerate(events) if isinstance(event, RunResumed))
    assert (events[resumed].again, events[resumed].anew) == ([lost.id], [broken.id])  # type: ignore[attr-defined]
    started = {event.trial: event for event in reversed(events[resumed:]) if isinstance(event, TrialStarted)}
    assert started[lost.id].iteration == lost.iteration
    assert started[lost.id].resumed.startswith("checkpoints/checkpoint-")
    assert (started[broken.id].iteration, started[broken.id].resumed) == (0, "")
    assert resume_here(run).notes == ["The run is finished: there is nothing to go on with. `--count N` adds trials."]


@pytest.mark.slow
def test_a_killed_driver_leaves_no_processes_behind(summtune: CommandLine, space_file: SpaceFile) -> None:
    """With a Ray of its own: actors, which hold the memory, go soon; Ray's agents first try for a minute to tell servers that are gone."""
    process = summtune.start("run", space_file(**{**SEARCH, "settings": {"training": {"num_train_epochs": 300}}}))
    wait_until(summtune.folder / "results", has(Reported, 2), process, timeout_s=240)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("raylet" in one.name() for one in family)
    agents = [one for one in family if one.name().endswith("Agent") or "Agent" in " ".join(one.cmdline()[:1])]
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs([one for one in family if one not in agents], timeout=30)
    assert alive == []
    _, alive = psutil.wait_procs(agents, timeout=180)
    assert alive == []
