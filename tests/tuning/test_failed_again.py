"""Trials that failed and are run again: the same trials, with their ids, and only their last word counts."""

from __future__ import annotations

import json
import shutil
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
from summtune.paths import RunPaths, TrialPaths
from summtune.reporting.study_view import write_study
from summtune.reporting.views import write_views
from summtune.training.checkpoints import MANIFEST
from summtune.tuning import causes
from summtune.tuning.driver import Driver
from summtune.tuning.orders import Orders
from tests.tuning.driving import open_driver
from tests.tuning.playing import EPOCHS, events_of, make_run, play, replayed, step, study_digest
from tests.tuning.test_driver import between, drawn
from tests.tuning.test_driver import step as scored

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
    again, anew = causes.to_run_again(state)
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


LOST = TrialFailure("worker_lost", "its node was lost")
PATIENT = SPACE.replace("max_failures: 0", "max_failures: 1")


def failed_after(folder: Path, scores: list[float], failure: TrialFailure, space: str = SPACE) -> TrialPaths:
    """A run whose baseline failed after these evaluations."""
    driver, log = open_driver(folder, space)
    trial = drawn(driver)
    for score in scores:
        scored(driver, trial, score)
    driver.over(trial, failure)
    log.close()
    return driver.run.trial(trial)


def again(folder: Path, *, anew: bool, space: str = SPACE) -> tuple[Driver, EventLog]:
    """The run when it is gone on with, and its baseline run again."""
    lists = ([], ["0000"]) if anew else (["0000"], [])
    driver, log = open_driver(folder, space, resumed=RunResumed(3, "rebuild", [], str(folder), *lists))
    assert drawn(driver) == "0000"
    return driver, log


def test_begun_anew_a_trial_goes_on_from_what_it_has_written_since(tmp_path: Path) -> None:
    """The checkpoint of the life that failed has the same step."""
    paths = failed_after(tmp_path / "run", [0.1, 0.2], TrialFailure("error", "it failed"), PATIENT)
    assert (paths.checkpoints / "checkpoint-20").is_dir()
    driver, log = again(tmp_path / "run", anew=True, space=PATIENT)
    assert not paths.checkpoints.exists()
    assert not paths.best_model.exists()
    for score in (0.3, 0.4):
        scored(driver, "0000", score)
    shutil.copytree(paths.attempt(2).checkpoints, paths.checkpoints)  # as where the driver was killed before it could clear away
    driver.over("0000", LOST)
    driver.start("0000")
    assert Orders.read(paths.progress).resume_from == "attempts/2/checkpoints/checkpoint-20"
    log.close()


@pytest.mark.parametrize(("failure", "anew"), [(TrialFailure("bad_checkpoint", "it failed"), True), (LOST, False)])
def test_a_damaged_checkpoint_of_before_makes_room_for_the_new_one(tmp_path: Path, failure: TrialFailure, anew: bool) -> None:
    paths = failed_after(tmp_path / "run", [0.1, 0.2], failure)
    (paths.checkpoints / "checkpoint-20" / "model.safetensors").unlink()
    driver, log = again(tmp_path / "run", anew=anew)
    assert Orders.read(paths.progress).resume_from is None
    for score in (0.3, 0.4):
        scored(driver, "0000", score)
    damaged = paths.checkpoints / "checkpoint-20"  # as where the driver was killed before it could clear away
    damaged.mkdir(parents=True)
    (damaged / "rest.json").write_text("{}", encoding="utf-8")
    driver.over("0000", TrialFailure("error", "once more"))
    assert driver.state.trials["0000"].promoted
    assert sorted(file.name for file in damaged.iterdir()) == [MANIFEST, "model.safetensors"]
    log.close()


def test_of_a_trial_that_failed_further_on_the_last_checkpoint_is_kept_alone(tmp_path: Path) -> None:
    paths = failed_after(tmp_path / "run", [0.1, 0.2], LOST)
    driver, log = again(tmp_path / "run", anew=False)
    assert Orders.read(paths.progress).resume_from == "checkpoints/checkpoint-20"
    for score in (0.3, 0.4):
        scored(driver, "0000", score)
    driver.over("0000", TrialFailure("timeout", "it took too long"))
    assert [folder.name for folder in paths.checkpoints.iterdir()] == ["checkpoint-40"]
    log.close()


@pytest.mark.parametrize("killed", [False, True])
def test_what_failed_anew_without_a_report_has_no_model(tmp_path: Path, killed: bool) -> None:
    paths = failed_after(tmp_path / "run", [0.1], TrialFailure("error", "it failed"))
    assert json.loads(paths.results.read_text(encoding="utf-8"))["model_path"] == "models/best_model"
    shutil.copytree(paths.folder, tmp_path / "before")
    driver, log = again(tmp_path / "run", anew=True)
    if killed:  # before it could clear away
        shutil.copytree(tmp_path / "before", paths.folder, dirs_exist_ok=True)
    driver.over("0000", TrialFailure("error", "once more"))
    assert json.loads(paths.results.read_text(encoding="utf-8"))["model_path"] is None
    assert [file.name for file in (paths.checkpoints, paths.best_model, paths.predictions) if file.exists()] == []
    log.close()


def test_begun_anew_nothing_between_evaluations_of_before_counts(tmp_path: Path) -> None:
    """The driver was killed when the end was on record, and the attempt's folder had not been cleared away."""
    driver, log = open_driver(tmp_path / "run", SPACE)
    between(driver.run.trial(drawn(driver)).attempt(1), 0, 4)
    shutil.copytree(driver.run.trials, tmp_path / "before")
    driver.over("0000", TrialFailure("error", "it failed"))
    log.close()
    lines = driver.run.events.read_bytes().splitlines(keepends=True)
    driver.run.events.write_bytes(b"".join(line for line in lines if json.loads(line)["kind"] != "promoted"))
    shutil.copytree(tmp_path / "before", driver.run.trials, dirs_exist_ok=True)
    driver, log = again(tmp_path / "run", anew=True)
    assert Orders.read(driver.run.trial("0000").progress).resume_from is None
    driver.over("0000", TrialFailure("error", "once more"))
    log.close()
