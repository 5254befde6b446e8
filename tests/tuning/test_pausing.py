"""Trials that pause at a rung: who goes on when, and what is left of those that never do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune.cli.event_lines import event_line
from summtune.events.fold import fold
from summtune.events.kinds import Decided, Ended, Told, TrialStarted, WentOn
from summtune.events.log import EventLog, read_events
from summtune.events.trial_state import TrialState
from summtune.tuning.driver import Driver, NoMore, NotYet
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 4
baseline: false
early_terminate: {type: asha, min_iter: 1, eta: 2}
settings: {training: {num_train_epochs: 2}}
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Driver, EventLog]]:
    driver, log = open_driver(tmp_path / "run", SPACE)
    yield driver, log
    log.close()


def evaluated(driver: Driver, score: float) -> str:
    """The next trial, evaluated once; Ray Tune is done with it if it pauses."""
    trial = drawn(driver)
    if not step(driver, trial, score):
        driver.over(trial)
    return trial


def test_a_trial_pauses_and_goes_on_once_it_is_among_the_best(opened: tuple[Driver, EventLog]) -> None:
    driver, _ = opened
    first = evaluated(driver, 0.5)
    assert driver.state.trials[first].status == "paused"
    second = evaluated(driver, 0.2)
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    assert trial.id == first, "the best of two, rather than a new point"
    assert trial.status == "pending"
    driver.start(first)
    started = [event for event in read_events(driver.run.events)[0] if isinstance(event, TrialStarted) and event.trial == first]
    assert [(event.attempt, event.iteration) for event in started] == [(1, 0), (2, 1)], "from where it paused"
    assert step(driver, first, 0.6)
    driver.over(first)
    assert driver.state.trials[first].status == "finished"
    assert driver.state.trials[second].status == "paused"


def test_those_that_never_go_on_end_with_the_search(opened: tuple[Driver, EventLog]) -> None:
    driver, _ = opened
    trials = [evaluated(driver, score) for score in (0.1, 0.2, 0.05, 0.04)]
    assert [driver.state.trials[trial].status for trial in trials] == ["paused", "running", "paused", "paused"], "0.2 is the best of two"
    assert drawn(driver) == trials[0], "0.1 is among the best two of four"
    assert isinstance(driver.next_trial(), NotYet), "those under way may still show more"
    for trial in trials[:2]:
        assert step(driver, trial, 0.3)
        driver.over(trial)
    assert not driver.complete
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.complete
    assert [driver.state.trials[trial].status for trial in trials] == ["finished", "finished", "stopped", "stopped"]
    events = read_events(driver.run.events)[0]
    assert [event.state for event in events if isinstance(event, Told)] == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert all(driver.run.trial(trial).best_model.is_dir() for trial in trials), "paused ones leave a model, too"


def test_with_too_few_to_compare_the_best_goes_on_at_the_last_call(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE.replace("run_cap: 4", "run_cap: 1"))
    only = evaluated(driver, 0.1)
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    assert trial.id == only
    log.close()


def test_the_baseline_is_compared_with_and_somebody_else_goes_on(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE.replace("baseline: false", "baseline: true").replace("run_cap: 4", "run_cap: 1"))
    baseline, only = drawn(driver), drawn(driver)
    assert step(driver, baseline, 0.9)
    assert not step(driver, only, 0.1)
    driver.over(only)
    assert isinstance(driver.next_trial(), NotYet), "the baseline is under way"
    step(driver, baseline, 0.9)
    driver.over(baseline)
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    assert trial.id == only
    log.close()


def test_a_driver_that_dies_between_the_word_and_the_deed_goes_on_alike(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    first, _ = evaluated(driver, 0.5), evaluated(driver, 0.2)
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    log.close()
    again, log = open_driver(tmp_path / "run", SPACE)
    assert again.state.trials[first].status == "pending"
    assert again.waiting == [first]
    assert drawn(again) == first
    assert fold(read_events(again.run.events)[0]) == again.state
    log.close()


def test_patience_counts_each_trial_that_comes_to_rest_once(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE + "patience_trials: 2\n")
    first, _ = evaluated(driver, 0.5), evaluated(driver, 0.2)
    assert driver.state.unimproved == 1
    assert drawn(driver) == first
    step(driver, first, 0.4)
    driver.over(first)
    assert driver.state.unimproved == 2, "the first has come to rest once more, and is no better"
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.state.search_ended is not None
    assert driver.state.search_ended.by == "patience_trials"
    assert driver.complete
    log.close()


def test_what_is_said(opened: tuple[Driver, EventLog]) -> None:
    driver, _ = opened
    evaluated(driver, 0.5), evaluated(driver, 0.2)
    driver.next_trial()
    events = read_events(driver.run.events)[0]
    said = [event_line(event, driver.state, 2) for event in events if isinstance(event, (Decided, WentOn, Ended))]
    assert said == [
        "0001  pauses after 1 of 2: 0.5000 at rung 1; it is the next to go on from there",
        "0002  pauses after 1 of 2: 0.2000 at rung 1; 0.5000 goes on before it",
        "0001  goes on from rung 1: it is the best of those that wait there",
    ]


def test_a_paused_trial_is_let_on_only_once_its_attempt_has_ended(tmp_path: Path) -> None:
    """Ray Tune says so later than the trial pauses, and would mean the attempt that paused when the next has begun."""
    driver, log = open_driver(tmp_path / "run", SPACE.replace("run_cap: 4", "run_cap: 1"))
    only = drawn(driver)
    assert not step(driver, only, 0.1)
    assert isinstance(driver.next_trial(), NotYet), "also at the last call"
    assert driver.state.trials[only].status == "paused"
    driver.over(only)
    assert drawn(driver) == only
    driver.start(only)
    assert driver.state.trials[only].status == "running"
    log.close()


def test_meanwhile_a_new_point_is_drawn(tmp_path: Path) -> None:
    """The slot would be idle otherwise, and Ray Tune would give its actor to a trial that another is being started for."""
    driver, log = open_driver(tmp_path / "run", SPACE.replace("run_cap: 4", "run_cap: 3"))
    first, second = drawn(driver), drawn(driver)
    assert not step(driver, first, 0.5)
    assert not step(driver, second, 0.1)
    assert driver.state.trials[first].paused, "there is a place for it, and its attempt has not ended"
    assert drawn(driver) not in (first, second)
    assert isinstance(driver.next_trial(), NotYet), "nothing is left to draw"
    driver.over(first)
    assert drawn(driver) == first
    driver.over(second)
    log.close()


def test_paused_trials_end_with_the_budget_only_once_their_attempts_have_ended(tmp_path: Path) -> None:
    """Their last attempt still writes what is promoted."""
    driver, log = open_driver(tmp_path / "run", SPACE + "budget: {gpu_hours: 1.0e-9}\n", gpus=1.0)
    only = drawn(driver)
    assert not step(driver, only, 0.1)
    assert isinstance(driver.next_trial(), NotYet)
    assert not driver.complete
    driver.over(only)
    assert not isinstance(driver.next_trial(), NotYet)
    assert driver.complete
    assert driver.state.trials[only].status == "stopped"
    log.close()
