"""What a run has used up, from its events alone."""

from __future__ import annotations

import pytest

from summtune.events.fold import fold
from summtune.events.kinds import Ended, Event, GroupStarted, Noted, PointDrawn, Reported, RunClosed, RunOpened, RunResumed, TrialStarted
from summtune.events.spending import HOUR_S, Spending
from tests.events.test_fold import EXPERIMENT


def spent(*events: Event) -> Spending:
    spending = Spending()
    for event in events:
        spending.take(event)
    return spending


def opened(time: float) -> RunOpened:
    return RunOpened("r", "r", {}, "results", [], time=time)


def resumed(time: float) -> RunResumed:
    return RunResumed(3, "restore", [], time=time)


def reported(trial: str, iteration: int, epoch: float, time: float = 0.0, attempt: int = 1) -> Reported:
    return Reported(trial, attempt, iteration, {"epoch": epoch}, None, time=time)


def test_hours_are_those_of_sessions() -> None:
    """A killed driver's session ends with its last event; one that closed, with its closing."""
    killed = spent(opened(100.0), TrialStarted("1", 1, 0, time=200.0), reported("1", 1, 1.0, 1900.0))
    assert killed.hours == pytest.approx(1800 / HOUR_S)
    again = spent(opened(100.0), reported("1", 1, 1.0, 1900.0), resumed(90000.0), RunClosed("interrupted", time=91800.0), resumed(2e6))
    assert again.hours == pytest.approx(1.0)


def test_a_clock_that_was_set_back_takes_nothing_away() -> None:
    assert spent(opened(1000.0), reported("1", 1, 1.0, 2000.0), reported("1", 2, 2.0, 1500.0)).hours == pytest.approx(1000 / HOUR_S)
    assert spent(opened(1000.0), reported("1", 1, 1.0, 2000.0), resumed(500.0), reported("1", 2, 2.0, 600.0)).hours * HOUR_S == 1100


def test_gpu_hours_are_those_of_attempts() -> None:
    two = (opened(0.0), TrialStarted("1", 1, 0, gpus=0.5, time=HOUR_S), TrialStarted("2", 1, 0, gpus=2.0, time=HOUR_S))
    assert spent(*two).gpu_hours == 0
    running = (*two, reported("1", 1, 1.0, 2 * HOUR_S))
    assert spent(*running).gpu_hours == pytest.approx(2.5), "those under way count up to the last event"
    ended = (*running, Ended("2", "finished", time=3 * HOUR_S), reported("1", 2, 2.0, 5 * HOUR_S))
    assert spent(*ended).gpu_hours == pytest.approx(2 * 2.0 + 4 * 0.5)
    again = (*ended, resumed(50 * HOUR_S), TrialStarted("1", 2, 1, gpus=1.0, time=51 * HOUR_S), Ended("1", "finished", time=52 * HOUR_S))
    assert spent(*again).gpu_hours == pytest.approx(2 * 2.0 + 4 * 0.5 + 1.0), "nothing between the sessions"


def test_a_group_costs_from_when_all_its_workers_are_there() -> None:
    waits = (opened(0.0), TrialStarted("1", 1, 0), Noted("1", "something", time=3 * HOUR_S))
    assert spent(*waits).gpu_hours == 0
    trains = (*waits, GroupStarted("1", 1, gpus=2.0, time=4 * HOUR_S))
    assert spent(*trains, reported("1", 1, 1.0, 5 * HOUR_S)).gpu_hours == pytest.approx(2.0)
    assert spent(*trains, Ended("1", "failed", time=6 * HOUR_S), Noted("1", "more", time=9 * HOUR_S)).gpu_hours == pytest.approx(4.0)


def test_a_retry_begins_where_the_attempt_before_ended() -> None:
    events = (
        opened(0.0),
        TrialStarted("1", 1, 0, gpus=1.0),
        TrialStarted("1", 2, 0, gpus=1.0, time=HOUR_S),
        Ended("1", "failed", time=2 * HOUR_S),
    )
    assert spent(*events).gpu_hours == pytest.approx(2.0)


def test_epochs_count_whenever_they_are_trained() -> None:
    first = (
        opened(0.0),
        TrialStarted("1", 1, 0),
        reported("1", 1, 2.0),
        reported("1", 2, 4.0),
        TrialStarted("2", 1, 0),
        reported("2", 1, 0.5),
    )
    assert spent(*first).epochs == 4.5
    again = (*first, resumed(1.0), TrialStarted("1", 2, 1), reported("1", 2, 4.0, attempt=2))
    assert spent(*again).epochs == 6.5, "from the checkpoint of the first evaluation, the second one's epochs are trained again"


def test_it_is_part_of_the_run_s_fold() -> None:
    experiment = EXPERIMENT | {"budget": {"hours": 2.0}}
    events = [
        RunOpened("r", "r", experiment, "results", []),
        PointDrawn("1", 0, {}, time=9.0),
        TrialStarted("1", 1, 0, gpus=1.0, time=HOUR_S),
    ]
    state = fold(events)
    assert (state.spent, state.budget) == (spent(*events), {"hours": 2.0})
    state.apply(RunResumed(3, "rebuild", [], budget={"epochs": 7.0}))
    assert state.budget == {"epochs": 7.0}
    state.apply(RunResumed(3, "rebuild", []))
    assert state.budget == {"epochs": 7.0}, "a resume that says nothing of it leaves it"
