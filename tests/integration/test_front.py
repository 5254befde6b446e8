"""A search for two objectives on a real cluster: it ends with a front of full scores, also across the death of its driver."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.experiment import Experiment
from summtune.events import standings
from summtune.events.fold import fold
from summtune.events.kinds import PointDrawn, RunOpened, Scored
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.reporting.page import write_page
from summtune.reporting.views import write_views
from summtune.search.methods.nsga2 import LEAST
from summtune.search.study import Search
from tests.integration.conftest import CommandLine, Heard, state_of

SpaceFile = Callable[..., Path]
Tune = Callable[..., tuple[RunPaths, Heard]]

TWO: dict[str, Any] = {
    "method": "nsga2",
    "objectives": [{"name": "loss"}, {"name": "latency_s", "goal": "minimize"}],
    "decode": "inline",
    "parameters": {"learning_rate": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"}, "num_beams": {"values": [1, 2, 4]}},
    "run_cap": 8,
    "settings": {
        "training": {"num_train_epochs": 1},
        "evaluation": {"metrics": ["rouge", "latency"], "strategy": "proxy", "proxy_samples": 2, "proxy_top_k": 1, "proxy_front_k": 2},
    },
    "resources": {"max_concurrent_trials": 2},
}


def check(run: RunPaths) -> None:
    """What must hold of every run for two objectives."""
    state = state_of(run)
    assert state.status == "finished"
    assert len(state.searched) == 8
    assert all(trial.status == "finished" for trial in state.trials.values())
    events = read_events(run.events)[0]
    scored = [event.trial for event in events if isinstance(event, Scored)]
    assert len(scored) == len(set(scored))
    assert 1 <= len(scored) <= 4, "the best by the first objective, who may be the fastest, too, and at most two of the front by proxy"
    front = standings.front(state)
    assert front
    assert {point.id for point in front} <= set(scored)
    assert front[0] is standings.best(state)
    write_views(run, state)
    write_page(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert [one["run_id"] for one in summary["front"]] == [point.id for point in front]
    assert "<circle" in run.report.read_text(encoding="utf-8")


def check_each_point_follows_from_what_was_known(run: RunPaths) -> None:
    """What a driver drew is what one that was made anew from the log at that moment would have drawn."""
    events = read_events(run.events)[0]
    assert isinstance(events[0], RunOpened)
    experiment = Experiment.from_record(events[0].experiment)
    crossed = 0
    for place, event in enumerate(events):
        if not isinstance(event, PointDrawn) or event.baseline:
            continue
        search = Search(experiment.space, "nsga2", maximize=[False, False], seed=42, count=8, identity=experiment.identity)
        search.replay(fold(events[:place]))
        proposal = search.propose(event.trial, int(event.trial) - 1)
        assert proposal is not None
        assert proposal.point == event.point
        crossed += sum(trial.values is not None for trial in search.study.trials) >= LEAST
    assert crossed, "some points came of others"


def test_two_objectives_end_with_a_front(tune_here: Tune, space_file: SpaceFile) -> None:
    run, _ = tune_here(space_file(**TWO))
    check(run)
    check_each_point_follows_from_what_was_known(run)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_driver_that_dies_draws_what_it_would_have_drawn(summtune_on_cluster: CommandLine, space_file: SpaceFile, tmp_path: Path) -> None:
    file = space_file(**TWO)
    summtune_on_cluster.kill_at(r"0005  finished", "run", file)
    run = summtune_on_cluster.run_called("tiny")
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    assert "beaten by no other in all of loss, latency_s" in output
    check(run)
    check_each_point_follows_from_what_was_known(run)

    picked = standings.front(state_of(run))[-1].id
    data = tmp_path / "test.csv"
    data.write_text("fname,dialogue\na,#Person1#: 안녕?\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    code, output = summtune_on_cluster("predict", "tiny", data, "--trial", picked, "--out", out)
    assert code == 0, output
    assert f"trials/{picked}/models/best_model" in output
    with out.open(encoding="utf-8", newline="") as stream:
        assert [row["fname"] for row in csv.DictReader(stream)] == ["a"]
