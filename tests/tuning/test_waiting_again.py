"""A finished run that is to have more trials: those that had paused to its end may go on after all, from where they paused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from summtune.config.experiment import Experiment
from summtune.events.fold import RunState
from summtune.events.kinds import Ended, RunResumed, TrialStarted
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.paths import RunPaths
from summtune.reporting.views import write_views
from summtune.training.checkpoints import sealed_checkpoints
from summtune.tuning.driver import Driver
from summtune.tuning.launch import _to_wait_again
from summtune.tuning.verdicts import paused_to_the_end
from tests.tuning.playing import SPACE as LEARNS
from tests.tuning.playing import events_of, make_run, play, replayed, study_digest

SPACE = LEARNS.replace("eta: 2", "eta: 3").replace("run_cap: 6", "run_cap: 3") + "method: random\n"


@pytest.fixture
def left(tmp_path: Path) -> tuple[RunPaths, RunState]:
    """A finished run, some of whose trials had paused to the end."""
    run, experiment = make_run(tmp_path / "run", SPACE)
    state, _ = mended_run(run)
    log = EventLog(run.events)
    play(Driver(run, experiment, log, state, lambda event, state: None))
    log.close()
    return run, state


def gone_on(run: RunPaths, waiting: list[str], count: int) -> tuple[Driver, EventLog]:
    state, warnings = mended_run(run)
    assert warnings == []
    assert state.opened is not None
    log = EventLog(run.events)
    state.apply(log.append(RunResumed(count, "rebuild", [], str(run.folder), waiting=waiting)))
    driver = Driver(run, Experiment.from_record(state.opened.experiment), log, state, lambda event, state: None)
    assert [state.trials[trial_id].status for trial_id in waiting] == ["paused"] * len(waiting)
    assert replayed(driver) == (state, study_digest(driver._search))
    return driver, log


def test_those_that_had_paused_to_the_end_go_on_where_they_are_among_the_best(left: tuple[RunPaths, RunState]) -> None:
    run, state = left
    waiting = paused_to_the_end(state)
    assert len(waiting) >= 2
    assert _to_wait_again(run, state) == waiting
    paused_at = {trial_id: state.trials[trial_id].iteration for trial_id in waiting}
    driver, log = gone_on(run, waiting, count=14)
    play(driver)
    log.close()
    state = driver.state
    again = [trial_id for trial_id in waiting if state.trials[trial_id].iteration > paused_at[trial_id]]
    assert again, "with more to compare them with, there is a place for the best of them"
    begun = {event.trial: event.iteration for event in events_of(run, TrialStarted) if event.attempt == 2 and event.trial in again}
    assert begun == {trial_id: paused_at[trial_id] for trial_id in again}, "nothing is trained twice"
    assert {trial.status for trial in state.trials.values()} == {"finished", "stopped"}
    ended = Counter(event.trial for event in events_of(run, Ended))
    assert ended == {trial_id: 2 if trial_id in waiting else 1 for trial_id in state.trials}
    assert replayed(driver) == (state, study_digest(driver._search))
    assert all(run.trial(trial_id).best_model.is_dir() for trial_id in state.trials)
    assert all(len(sealed_checkpoints(run.trial(trial_id).checkpoints)) == 1 for trial_id in state.trials)
    write_views(run, state)
    rows = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    assert [(row["run_id"], row["status"]) for row in rows] == [(trial.id, trial.status) for trial in state.trials.values()]


def test_without_its_checkpoint_a_trial_does_not_wait_again(left: tuple[RunPaths, RunState]) -> None:
    """It would have to begin anew."""
    run, state = left
    first, *others = paused_to_the_end(state)
    (checkpoint,) = sealed_checkpoints(run.trial(first).checkpoints)
    checkpoint.rename(run.folder / "gone")
    assert _to_wait_again(run, state) == others


def test_where_nothing_pauses_nobody_waits(tmp_path: Path) -> None:
    run, experiment = make_run(tmp_path / "run", LEARNS.replace("type: asha", "type: hyperband"))
    state, _ = mended_run(run)
    log = EventLog(run.events)
    play(Driver(run, experiment, log, state, lambda event, state: None))
    log.close()
    assert any(trial.status == "stopped" for trial in state.trials.values())
    assert paused_to_the_end(state) == []
