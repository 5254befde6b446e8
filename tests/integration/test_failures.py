"""Trials whose processes are killed, suspended or fail: what can pass is tried again, and no other trial is the worse for it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import NothingUsable
from summtune.events.fold import RunState
from summtune.events.kinds import Ended, Event, PointDrawn, Reported, Retried, RunClosed, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import list_runs
from summtune.tuning import watchdog
from tests.integration.conftest import CommandLine, Heard, state_of
from tests.integration.test_resume import SEARCH, has, only_run, wait_until
from tests.small_training import rows, write_csv

Tune = Callable[..., tuple[RunPaths, Heard]]
Resume = Callable[..., Heard]
SpaceFile = Callable[..., Path]

RATES = {"first": 1e-3, "second": 2e-3, "third": 3e-3, "fourth": 4e-3}
BROKEN = {"optim": "sgd", "optim_args": "momentum=nonsense", "learning_rate": 5e-3}


def bundled(*, broken: bool, at_once: int) -> dict[str, Any]:
    """A grid of trials of three epochs, one of which may be bound to fail."""
    bundle: dict[str, Any] = {label: {"learning_rate": rate, "optim": "sgd", "optim_args": "momentum=0.5"} for label, rate in RATES.items()}
    bundle |= {"broken": BROKEN} if broken else {}
    return {
        "parameters": {"case": {"bundle": bundle}},
        "settings": {"training": {"num_train_epochs": 3}},
        "resources": {"max_concurrent_trials": at_once},
    }


def scores(state: RunState) -> dict[float, list[tuple[int, float, float]]]:
    """What each trial that did not fail reported, by its learning rate."""
    return {
        trial.point.get("training.learning_rate", 0.0): [
            (report.iteration, report.metrics["loss"], report.metrics["rouge_combined_f1"]) for report in trial.reports
        ]
        for trial in state.searched
        if trial.status != "failed"
    }


def gone(pids: list[int], within_s: float = 20) -> bool:
    """Whether these processes end in time."""
    deadline = time.monotonic() + within_s
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_trials_that_are_killed_or_fail_cost_the_others_nothing(tune_here: Tune, space_file: SpaceFile) -> None:
    """One is killed in mid-training, another can't be trained at all: every report is that of a run without failures."""
    killed: list[str] = []

    def kill(event: Event, state: RunState) -> None:
        if isinstance(event, Reported) and event.iteration == 2 and not killed:
            killed.append(event.trial)
            os.kill(event.pid, signal.SIGKILL)

    undisturbed, _ = tune_here(space_file(name="undisturbed", baseline=False, **bundled(broken=False, at_once=1)))
    run, heard = tune_here(space_file(name="disturbed", baseline=False, **bundled(broken=True, at_once=2)), Heard(hook=kill))
    state = state_of(run)
    assert state.status == "finished"
    assert scores(state) == scores(state_of(undisturbed))
    assert sorted(scores(state)) == sorted(RATES.values())
    (failed,) = [trial for trial in state.searched if trial.status == "failed"]
    assert (failed.cause, failed.attempts, failed.retried) == ("error", 1, [])
    (lost,) = [trial for trial in state.searched if trial.attempts > 1]
    assert lost.id == killed[0]
    assert (lost.status, lost.attempts, [one.cause for one in lost.retried]) == ("finished", 2, ["worker_lost"])
    (again,) = [event for event in heard.events if isinstance(event, TrialStarted) and event.attempt == 2]
    assert again.iteration == 2, "it went on where it was"
    assert heard.most_at_once == 2
    events, _ = read_events(run.events)
    after = events[next(number for number, event in enumerate(events) if isinstance(event, Retried)) :]
    running = {event.trial for event in after if isinstance(event, Ended)}
    assert len(running) >= 2, "both slots were used to the end"


@pytest.mark.slow
def test_a_trial_that_hangs_is_ended_and_its_slot_is_free_again(tune_here: Tune, space_file: SpaceFile) -> None:
    """One slot; the trial's process is suspended twice, so that the second time it has failed."""
    hung: list[int] = []

    def suspend(event: Event, state: RunState) -> None:
        first = state.searched[0].id if state.searched else ""
        if isinstance(event, Reported) and event.trial == first:
            hung.append(event.pid)
            os.kill(event.pid, signal.SIGSTOP)

    file = space_file(
        parameters={"learning_rate": {"values": [1e-3, 1e-2]}},
        baseline=False,
        settings={"training": {"num_train_epochs": 3}},
        resources={"cpus_per_trial": 2, "hung_after_s": 15},
    )
    run, _ = tune_here(file, Heard(hook=suspend))
    state = state_of(run)
    events, _ = read_events(run.events)
    assert [(trial.status, trial.cause, trial.attempts) for trial in state.searched] == [("failed", "hung", 2), ("finished", "", 1)]
    assert len(hung) == len(set(hung)) == 2
    ended = [event for event in events if isinstance(event, Retried) or (isinstance(event, Ended) and event.cause == "hung")]
    assert len(ended) == 2
    assert all(event.message.startswith("it has not been heard of for 1") for event in ended)
    assert state.searched[0].message.endswith("15 s are what a trial is given here. Given up after 2 attempts.")
    following = next(event for event in events if isinstance(event, TrialStarted) and event.time > ended[0].time)
    assert following.time - ended[0].time < 40, "the slot was free again"
    assert gone(hung), "even a suspended process"


@pytest.mark.slow
def test_a_process_that_hangs_between_two_trials_is_noticed(
    tune_here: Tune, space_file: SpaceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Tune gives the next trial the process of the one before, and would wait for ever for it to be reset."""
    monkeypatch.setattr(watchdog, "RESET_S", 8.0)
    pids: dict[str, int] = {}

    def suspend(event: Event, state: RunState) -> None:
        if isinstance(event, Reported):
            pids[event.trial] = event.pid
        if isinstance(event, Ended) and event.trial == "0001":
            os.kill(pids["0001"], signal.SIGSTOP)

    file = space_file(
        parameters={"learning_rate": {"values": [1e-3, 1e-2]}},
        baseline=False,
        settings={"training": {"num_train_epochs": 1}},
        resources={"cpus_per_trial": 2},
    )
    run, heard = tune_here(file, Heard(hook=suspend))
    state = state_of(run)
    assert [trial.status for trial in state.searched] == ["finished", "finished"]
    (retried,) = [event for event in heard.events if isinstance(event, Retried)]
    assert (retried.trial, retried.attempt, retried.cause) == ("0002", 0, "worker_lost")
    assert gone([pids["0001"]])


def test_a_run_whose_first_trials_fail_alike_stops_and_goes_on_once_that_is_mended(
    tune_here: Tune, resume_here: Resume, space_file: SpaceFile, tmp_path: Path
) -> None:
    train, dev = write_csv(tmp_path / "train.csv", rows(16)), write_csv(tmp_path / "dev.csv", rows(4, start=100))
    whole = train.read_bytes()

    def spoil(event: Event, state: RunState) -> None:
        if isinstance(event, PointDrawn) and event.trial == "0001":
            with train.open("a", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerow(["row_x", "#Person1#: 네.", ""])

    file = space_file(
        parameters={"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3]}},
        data={"train": str(train), "dev": str(dev)},
        baseline=False,
        resources={"max_concurrent_trials": 1},
        settings={"training": {"num_train_epochs": 1}},
    )
    with pytest.raises(NothingUsable) as caught:
        tune_here(file, Heard(hook=spoil))
    (run,) = list_runs(tmp_path / "out")
    text = str(caught.value)
    assert text.startswith("The first 3 trials failed alike, and none has reported (bad_data): ")
    assert re.search(r"train\.csv:\d+: summary: is empty", text)
    assert text.endswith(f"mend the cause, then go on with `summtune resume {run.folder.name} --failed`.")
    assert str(run.trials) in text.partition("Look into ")[2]
    state = state_of(run)
    assert (state.status, state.reason) == ("failed", text)
    events, _ = read_events(run.events)
    assert isinstance(events[-1], RunClosed)
    assert sum(trial.status == "failed" for trial in state.searched) == 3
    assert len(state.searched) < 6
    train.write_bytes(whole)
    heard = resume_here(run)
    assert heard.resumed == "restore"
    state = state_of(run)
    assert state.status == "finished"
    assert sorted(trial.status for trial in state.searched) == ["failed"] * 3 + ["finished"] * 3


def snapshot(run: RunPaths) -> list[str]:
    """The states of Ray Tune's trials by its last snapshot; empty while that is being written."""
    file = max(run.tune.glob("experiment_state-*.json"), key=lambda file: file.stat().st_mtime)
    try:
        trials = json.loads(file.read_text(encoding="utf-8"))["trial_data"]
    except ValueError:
        return []
    return [json.loads(trial)["status"] for trial, _ in trials]


@pytest.mark.slow
@pytest.mark.parametrize(("quiet_s", "known"), [(4, "RUNNING"), (0, "ERROR")])
def test_a_trial_that_was_tried_again_is_brought_back_once(
    summtune_on_cluster: CommandLine, space_file: SpaceFile, quiet_s: int, known: str
) -> None:
    """Ray Tune's snapshot has two trials that are one of ours; the lost one, where it was silent before, as if it still ran."""
    file = space_file(**{**SEARCH, "settings": {"training": {"num_train_epochs": 12}}, "run_cap": 1, "baseline": False})
    summtune_on_cluster.environment["TUNE_GLOBAL_CHECKPOINT_S"] = "1"
    results = summtune_on_cluster.folder / "results"
    process = summtune_on_cluster.start("run", file)
    try:
        wait_until(results, has(Reported, 2), process)
        run = only_run(results)
        report = next(event for event in read_events(run.events)[0] if isinstance(event, Reported))
        os.kill(report.pid, signal.SIGSTOP)
        time.sleep(quiet_s)
        os.kill(report.pid, signal.SIGKILL)
        wait_until(results, has(TrialStarted, attempt=2), process)
        deadline = time.monotonic() + 30
        while sorted(snapshot(run)) != sorted([known, "RUNNING"]):
            assert time.monotonic() < deadline, snapshot(run)
    finally:
        process.kill()
        process.wait()
    assert sorted(snapshot(run)) == sorted([known, "RUNNING"])
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    assert "Resuming (restore)" in output
    events, _ = read_events(run.events)
    starts = [event.attempt for event in events if isinstance(event, TrialStarted)]
    assert starts == [1, 2, 3]
    state = state_of(run)
    assert state.status == "finished"
    assert [trial.iteration for trial in state.trials.values()] == [12]


@pytest.mark.slow
def test_an_actor_that_can_not_be_reset_costs_nobody_a_trial(summtune: CommandLine, space_file: SpaceFile) -> None:
    """The thread of a trial that a rung stopped is given no time at all to end; Ray Tune then drops the next one without a word."""
    summtune.environment["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = "0"
    file = space_file(
        parameters={"learning_rate": {"values": [1e-2, 1e-7, 2e-7, 1e-3, 3e-7]}},
        metric={"name": "loss", "goal": "minimize"},
        early_terminate={"type": "asha", "min_iter": 1, "eta": 2},
        baseline=False,
        resources={"max_concurrent_trials": 1},
    )
    code, output = summtune("run", file)
    assert code == 0, output
    state = state_of(only_run(summtune.folder / "results"))
    assert state.status == "finished"
    assert {trial.status for trial in state.searched} == {"finished", "stopped"}
    retried = [one for trial in state.searched for one in trial.retried]
    assert retried
    assert {one.cause for one in retried} == {"worker_lost"}
    assert ", and is tried again: " in output


@pytest.mark.slow
def test_where_every_trial_is_bound_to_fail_three_are_enough(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    broken = {"general": {"device": "cpu"}, "training": {"optim": "sgd", "optim_args": "momentum=nonsense"}}
    rates = {"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3, 5e-3]}}
    file = space_file(parameters=rates, settings=broken, resources={"max_concurrent_trials": 1})
    code, output = summtune_on_cluster("run", file)
    assert code == 1, output
    run = only_run(summtune_on_cluster.folder / "results")
    assert [trial.status for trial in state_of(run).trials.values()] == ["failed"] * 3, "the baseline is one of them"
    assert "The first 3 trials failed alike, and none has reported (error): " in output
    assert f"Look into {run.trial('0002').log}, mend the cause, then go on with `summtune resume {run.folder.name} --failed`." in output
    assert "Traceback" not in output
