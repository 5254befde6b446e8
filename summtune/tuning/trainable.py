"""What a trial's actor executes: one training, in Ray Train's local mode, or by a group of workers, reported to Ray Tune.

Runs in the actor; the only thing it knows of the run is its directory.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune
from ray._raylet import setproctitle  # type: ignore[attr-defined]  # its stub leaves it out
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer

from summtune.paths import RunPaths
from summtune.training.job import Job, Report
from summtune.tuning.allotment import Allotment
from summtune.tuning.assignment import CHECKPOINT_KEY, Assignment
from summtune.tuning.failures import failure_of, write_failure
from summtune.tuning.searcher import TRIAL_KEY
from summtune.tuning.sight import check_gpu, wait_until_seen
from summtune.tuning.worker_group import train_in_group

POINTER = "checkpoint.json"

Work = Callable[[Job, Report, Callable[[str], None]], None]
"""What a trial does: told its job, how to report, and how to say something to the person."""


def training(job: Job, report: Report, note: Callable[[str], None]) -> None:
    """The work of every real trial."""
    from summtune.training.train import train

    train(job, report, note)


def train_trial(config: dict[str, Any], *, run_folder: str, allotment: Allotment, work: Work = training) -> None:
    """Train the trial that `config` names, from where its orders say.

    Args:
        config: Ray Tune's, of the trial.
        run_folder: the run's directory.
        allotment: what the actor has.
        work: what is done by a single worker; another one where a benchmark asks what all the rest costs.

    Raises:
        TrialFailure: with its cause, which also lies in the attempt's folder.
    """
    # A stopped trial's thread has to be gone before the actor is used again; freeing a large model can take more than Tune's 2 s.
    os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "60")
    run = RunPaths(Path(run_folder))
    wait_until_seen(run.trial(config[TRIAL_KEY]).progress, run.folder)
    assignment = Assignment.read(run.folder, config[TRIAL_KEY], allotment.threads)
    title = f"ray::{Path(run_folder).name} trial {assignment.trial}"
    setproctitle(title)

    def hand_on(result: dict[str, Any]) -> None:
        report(result)
        setproctitle(title)  # Ray calls the process by the actor's task, and each report is handed to another one

    def report(result: dict[str, Any]) -> None:
        if result[CHECKPOINT_KEY] is None:
            tune.report(result)
            return
        with tempfile.TemporaryDirectory() as folder:
            # Tune's checkpoint names the sealed one instead of holding it: a checkpoint's bytes lie once.
            pointer = {"trial": assignment.trial, "folder": result[CHECKPOINT_KEY]}
            Path(folder, POINTER).write_text(json.dumps(pointer), encoding="utf-8")
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

    def train_here() -> None:
        check_gpu(assignment.settings)
        notices: list[str] = []  # they travel with the next report
        work(assignment.job(), lambda metrics, checkpoint: hand_on(assignment.told(metrics, checkpoint, notices)), notices.append)

    def loop() -> None:
        try:
            if allotment.workers == 1:
                train_here()
            else:
                train_in_group(assignment, allotment, hand_on)
        except Exception as error:  # the one trial boundary: whatever it was becomes a cause on record, and goes on its way
            failure = failure_of(error)
            write_failure(assignment.attempt, failure)
            raise failure from (None if failure is error else error)  # a cause of itself would be followed without end

    if allotment.workers > 1:
        loop()
        return
    # Local mode: the loop runs in this very process, Tune keeps reports and checkpoints, and actors can be used again.
    TorchTrainer(loop, scaling_config=ScalingConfig(num_workers=0, use_gpu=allotment.gpus > 0)).fit()
