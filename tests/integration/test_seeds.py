"""Promising points repeated with other seeds on a real cluster, also across the death of the driver."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.events import standings
from summtune.events.kinds import PointDrawn, Scored, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from tests.integration.conftest import CommandLine, Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

SEEDED: dict[str, Any] = {
    "seeds": [1, 2],
    "settings": {"evaluation": {"strategy": "proxy", "proxy_samples": 2, "proxy_top_k": 2}},
    "resources": {"max_concurrent_trials": 2},
}


def check(run: RunPaths) -> None:
    """What must hold of every run that was asked to repeat its best points."""
    state = state_of(run)
    assert state.status == "finished"
    assert len(state.searched) == 3
    best = standings.best(state)
    assert best is not None
    assert [trial.seed for trial in standings.trainings(state, best)] == [None, 1, 2], "the best has all seeds"
    assert len(standings.full_scores(state, best)) == 3, "and each of them was evaluated in full"
    assert standings.ranking(state)[0] is best
    for trial in state.trials.values():
        assert trial.status == "finished"
        assert run.trial(trial.id).best_model.is_dir()
        assert f"seed: {trial.seed or 42}" in run.trial(trial.id).settings.read_text(encoding="utf-8")
    losses = [trial.reports[0].metrics["loss"] for trial in standings.trainings(state, best)]
    assert len(set(losses)) == 3, "another seed is another training"
    events = read_events(run.events)[0]
    scored = [event.trial for event in events if isinstance(event, Scored)]
    assert len(scored) == len(set(scored))
    first = next(place for place, event in enumerate(events) if isinstance(event, PointDrawn) and event.repeats)
    assert all(trial.ended_at <= events[first].time for trial in (*state.searched, state.trials["0000"]) if trial.ended_at)


def test_the_best_points_are_repeated(tune_here: Tune, space_file: SpaceFile) -> None:
    run, heard = tune_here(space_file(**SEEDED))
    check(run)
    assert heard.most_at_once == 2


@pytest.mark.slow
def test_a_driver_that_dies_while_points_are_repeated_is_resumed(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    process = summtune_on_cluster.start("run", space_file(**SEEDED))
    summtune_on_cluster.wait_for(r"-seed\d  1/2", process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    run = summtune_on_cluster.run_called("tiny")
    before = read_events(run.events)[0]
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    assert read_events(run.events)[0][: len(before)] == before
    check(run)
    started = [event for event in read_events(run.events)[0] if isinstance(event, TrialStarted)]
    assert any(event.attempt == 2 and "-seed" in event.trial for event in started), "it went on from its checkpoint"
    assert "Seeds     " in output
    assert " ± " in output
