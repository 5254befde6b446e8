"""The processes that trials are trained in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.experiment import load_experiment
from tests.integration.conftest import Heard, state_of

SpaceFile = Callable[..., Path]

SLOTS = 8
RAYS = "ray.tune.execution.tune_controller"


def a_moment(job: Any, report: Any, note: Any) -> None:
    """A training that is over sooner than an actor is up."""
    time.sleep(0.2)
    report({"iteration": 1, "epoch": 1.0, "step": 1, "loss": 1.0, "rouge_combined_f1": job.settings.training.learning_rate}, None)


@pytest.mark.slow
def test_trials_that_end_sooner_than_actors_start_leave_those_that_start_alone(
    cluster: str, space_file: SpaceFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ray Tune gave the first that waited for its actor the one that had become free, and ended the one that was being started."""
    from summtune.tuning.drive import Witness
    from summtune.tuning.launch import start

    file = space_file(
        method="random",
        parameters={"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
        run_cap=60,
        resources={"max_concurrent_trials": SLOTS, "cpus_per_trial": 0.25},
        baseline=False,
    )
    heard = Heard()
    witness = Witness(heard.opened, heard.event, lambda: None, heard.notes.append)
    caplog.set_level(logging.DEBUG, RAYS)
    logging.getLogger(RAYS).addHandler(caplog.handler)  # a run keeps Ray's messages from the root's
    run = start(load_experiment(file, environ={}), str(tmp_path / "out"), ["test"], witness, work=a_moment)
    logging.getLogger(RAYS).removeHandler(caplog.handler)
    assert "Scheduled new ACTOR" in caplog.text, "these are Ray Tune's words"
    assert "Removing ORIGINAL ACTOR" not in caplog.text
    trials = state_of(run).searched
    assert {trial.status for trial in trials} == {"finished"}
    late = {report.pid for trial in trials[len(trials) // 2 :] for report in trial.reports}
    assert len(late) == SLOTS, "each slot has its actor"
