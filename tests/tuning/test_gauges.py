"""What a run exports: at every event the figures are those of the state, however they were kept up."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Event, RunClosed
from summtune.events.log import read_events
from summtune.tuning import gauges
from summtune.tuning.gauges import BEST_SCORE, STATUSES, TOKENS_PER_SECOND, TRIALS, Count, Gauges
from tests.tuning.playing import REPEATED, make_run, play_through

Told = dict[tuple[str, str], float]
"""What Prometheus would hold: the last value of each figure and tag."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The events of a run with pauses, losses and repetitions."""
    run, experiment = make_run(tmp_path_factory.mktemp("played") / "run", REPEATED)
    play_through(run, experiment, at_once=2, choices=random.Random(1), losses=0.1)
    return read_events(run.events)[0]


def taken(samples: Iterator[gauges.Sample], told: Told) -> None:
    for figure, value, tags in samples:
        assert set(tags) == set(figure.tags)
        told[figure.name, ",".join(tags.values())] = value


def test_figures_follow_the_state_event_by_event(played: list[Event]) -> None:
    state = RunState()
    state.apply(played[0])
    count, seen = Count(state), set()
    told: Told = {}
    for event in played[1:]:
        state.apply(event)
        taken(count.samples(event, state), told)
        statuses = Counter(trial.status for trial in state.trials.values())
        assert {status: told[TRIALS.name, status] for status in STATUSES} == {status: statuses[status] for status in STATUSES}
        seen |= set(statuses)
        best = standings.best(state) if isinstance(event, RunClosed) else standings.likeliest(state)
        if best is not None:
            assert told[BEST_SCORE.name, f"{state.objective},full"] == standings.shown_score(state, best)[1]
    assert {"pending", "running", "finished"} <= seen
    assert set(seen) <= set(STATUSES), "a status that is not exported"


def test_a_run_that_is_opened_again_exports_what_it_has_come_to(played: list[Event]) -> None:
    told: Told = {}
    state = fold(played[:-1])
    taken(Count(state).samples(None, state), told)
    best = standings.best(state)
    assert best is not None
    assert told[BEST_SCORE.name, f"{state.objective},full"] == standings.shown_score(state, best)[1]
    assert sum(value for (name, _), value in told.items() if name == TRIALS.name) == len(state.trials)


def test_speed_is_that_of_running_trials(played: list[Event]) -> None:
    state = fold(played[:-1])
    first, second, third = list(state.trials.values())[:3]
    for trial, status, speed in ((first, "running", 100.0), (second, "running", 20.0), (third, "finished", 3.0)):
        trial.status = status
        trial.reports[-1].metrics["tokens_per_second"] = speed
    count = Count(state)
    told: Told = {}
    taken(count.samples(None, state), told)
    assert told[TOKENS_PER_SECOND.name, ""] == 120.0
    taken(count.samples(RunClosed("interrupted"), state), told)
    assert told[TOKENS_PER_SECOND.name, ""] == 0.0, "nothing runs any longer"


def test_metrics_that_break_are_said_once_and_end_no_run(played: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no agent")

    monkeypatch.setattr(gauges, "Gauge", broken)
    monkeypatch.setattr(logging.getLogger("ray.tune"), "warning", lambda text, **more: said.append(text))
    state = fold(played[:-1])
    exported = Gauges("lr-1", state)
    exported(played[-1], state)
    assert said == ["metrics for Prometheus broke, and are off from here on"]
