"""Trials that failed and are run again: the same trials, with their ids, and only their last word counts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from summtune.errors import TrialFailure
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Ended, PointDrawn, RunResumed
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.reporting.study_view import write_study
from summtune.reporting.views import write_views
from summtune.tuning import failures
from summtune.tuning.driver import Driver
from summtune.tuning.orders import Orders
from tests.tuning.playing import EPOCHS, events_of, make_run, play, replayed, step, study_digest
from tests.tuning.test_driver import between

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 3
early_terminate: none
resources: {max_failures: 0}
settings: {training: {num_train_epochs: 4}, evaluation: {strategy: full}}
"""

FAILURES = {"0001": (2, "worker_lost"), "0002": (1, "diverged")}
"""After how many evaluations a trial failed, and why."""


@pytest.fixture
def left(tmp_path: Path) -> tuple[RunPaths, RunState]:
    """A finished run, two of whose trials failed."""
    run, experiment = make_run(tmp_path / "run", SPACE)
    state, _ = mended_run(run)
    log = EventLog(run.events)
    driver = Driver(run, experiment, log, state, lambda event, state: None)
    while isinstance(trial := driver.next_trial(), TrialState):
        driver.start(trial.id)
        after, cause = FAILURES.get(trial.id, (EPOCHS, ""))
        for _ in range(after):
            assert step(driver, trial)
        if cause == "diverged":
            between(run.trial(trial.id).attempt(1), 0, 5)
        driver.over(trial.id, TrialFailure(cause, "it failed") if cause else None)
    driver.close("finished")
    log.close()
    return run, state


def gone_on(run: RunPaths, log: EventLog) -> Driver:
    """A driver that runs the failed trials again, as `summtune resume --failed` does."""
    from summtune.config.experiment import Experiment

    state, _ = mended_run(run)
    assert state.opened is not None
    again, anew = failures.to_run_again(state)
    state.apply(log.append(RunResumed(state.count, "rebuild", [], str(run.folder), again, anew)))
    return Driver(run, Experiment.from_record(state.opened.experiment), log, state, lambda event, state: None)


def test_what_can_pass_goes_on_and_what_can_not_begins_anew(left: tuple[RunPaths, RunState]) -> None:
    run, state = left
    assert [trial.status for trial in state.trials.values()] == ["finished", "failed", "failed", "finished"]
    log = EventLog(run.events)
    driver = gone_on(run, log)
    assert not driver.complete
    for trial_id in ("0001", "0002"):
        trial = driver.next_trial()
        assert isinstance(trial, TrialState)
        assert (trial.id, trial.status) == (trial_id, "pending")
        driver.start(trial_id)
    first, second = (Orders.read(run.trial(trial_id).progress) for trial_id in ("0001", "0002"))
    assert (first.attempt, first.resume_from, first.best_iteration) == (2, "checkpoints/checkpoint-20", 2)
    assert (second.attempt, second.resume_from, second.best_score) == (2, None, None)
    log.close()


def test_run_again_a_trial_is_there_once_and_told_by_its_last_word(left: tuple[RunPaths, RunState]) -> None:
    run, _ = left
    log = EventLog(run.events)
    driver = gone_on(run, log)
    play(driver, look=lambda live: None)
    log.close()
    state = driver.state
    assert [(trial.status, trial.attempts, trial.cause) for trial in state.trials.values()] == [
        ("finished", 1, ""),
        ("finished", 2, ""),
        ("finished", 2, ""),
        ("finished", 1, ""),
    ]
    assert all([report.iteration for report in trial.reports] == [1, 2, 3, 4] for trial in state.trials.values())
    assert Counter(event.trial for event in events_of(run, PointDrawn)) == dict.fromkeys(state.trials, 1)
    assert [event.trial for event in events_of(run, Ended)] == ["0000", "0001", "0002", "0003", "0001", "0002"]
    assert replayed(driver) == (state, study_digest(driver._search))
    assert {one.state.name for one in driver.study.trials} == {"COMPLETE"}
    write_views(run, state)
    write_study(run, state)
    rows = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    assert [(row["run_id"], row["status"]) for row in rows] == [(trial_id, "finished") for trial_id in state.trials]
    assert json.loads(run.summary.read_text(encoding="utf-8"))["failed"] == 0
    assert all(run.trial(trial_id).best_model.is_dir() for trial_id in state.trials)


def test_a_run_again_that_fails_again_has_failed(left: tuple[RunPaths, RunState]) -> None:
    run, _ = left
    log = EventLog(run.events)
    driver = gone_on(run, log)
    for trial_id in ("0001", "0002"):
        driver.next_trial()
        driver.start(trial_id)
        driver.over(trial_id, TrialFailure("diverged", "once more"))
    assert driver.complete
    assert [driver.state.trials[trial_id].status for trial_id in ("0001", "0002")] == ["failed", "failed"]
    assert replayed(driver) == (driver.state, study_digest(driver._search))
    best = standings.best(driver.state)
    assert best is not None
    assert best.id not in ("0001", "0002")
    log.close()
