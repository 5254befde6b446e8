"""Several workers per trial, on a real Ray cluster: nested worker groups of Ray Train, over gloo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from summtune.events.kinds import Reported
from summtune.paths import RunPaths
from tests.integration.conftest import Heard, state_of

SpaceFile = Callable[..., Path]
TuneHere = Callable[..., tuple[RunPaths, Heard]]

TWO: dict[str, Any] = {
    "parameters": {"learning_rate": {"values": [1e-2]}},
    "baseline": False,
    "resources": {"workers_per_trial": 2},
    "settings": {"model": {"dropout_rate": 0.0}},
}


def test_two_workers_train_what_one_does(tune_here: TuneHere, space_file: SpaceFile, tmp_path: Path) -> None:
    alone, _ = tune_here(space_file(**{**TWO, "name": "one", "resources": None}))
    run, heard = tune_here(space_file(**{**TWO, "name": "two"}))
    (trial,), (one,) = state_of(run).trials.values(), state_of(alone).trials.values()
    assert trial.status == "finished", trial.message
    import pytest
    assert [report.metrics["loss"] for report in trial.reports] == pytest.approx([report.metrics["loss"] for report in one.reports], rel=1e-4)
    print([e for e in heard.events if isinstance(e, Reported)])
