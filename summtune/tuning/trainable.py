"""What a trial's actor executes: one training, in Ray Train's local mode, reported to Ray Tune.

Runs in the actor; the only thing it knows of the run is its directory.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ray import tune
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer

from summtune import paths as run_paths
from summtune.config.description import read_resolved
from summtune.config.settings import Settings
from summtune.tuning.failures import failure_of, write_failure
from summtune.tuning.orders import Orders
from summtune.tuning.scheduler import ATTEMPT_KEY, CHECKPOINT_KEY, NOTICES_KEY
from summtune.tuning.searcher import TRIAL_KEY

POINTER = "checkpoint.json"


@dataclass(frozen=True)
class Allotment:
    """What a trial's actor has.

    Attributes:
        cpus: CPUs, also the number of threads.
        gpus: GPUs; fractions share one.
    """

    cpus: float
    gpus: float


def train_trial(config: dict[str, Any], *, run_folder: str, allotment: Allotment) -> None:
    """Train the trial that `config` names, from where its orders say.

    Raises:
        TrialFailure: with its cause, which also lies in the attempt's folder.
    """
    # A stopped trial's thread has to be gone before the actor is used again; freeing a large model can take more than Tune's 2 s.
    os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "60")
    run = run_paths.RunPaths(Path(run_folder))
    paths = run.trial(config[TRIAL_KEY])
    orders = Orders.read(paths.progress)

    def loop() -> None:
        _train(run, paths, orders, allotment)

    # Local mode: the loop runs in this very process, Tune keeps reports and checkpoints, and actors can be used again.
    TorchTrainer(loop, scaling_config=ScalingConfig(num_workers=0, use_gpu=allotment.gpus > 0)).fit()


def _train(run: run_paths.RunPaths, paths: run_paths.TrialPaths, orders: Orders, allotment: Allotment) -> None:
    from summtune.training.job import Job
    from summtune.training.train import train

    attempt = paths.attempt(orders.attempt)
    notices: list[str] = []  # they travel with the next report

    def report(metrics: dict[str, float], checkpoint: Path | None) -> None:
        relative = str(checkpoint.relative_to(paths.folder)) if checkpoint else None
        told = {ATTEMPT_KEY: orders.attempt, CHECKPOINT_KEY: relative, NOTICES_KEY: list(notices)}
        notices.clear()
        result = {**metrics, "reported": sorted(metrics), "evaluation": settings.evaluation.strategy, **told}
        with tempfile.TemporaryDirectory() as folder:
            # Tune's checkpoint names the sealed one instead of holding it: a checkpoint's bytes lie once.
            Path(folder, POINTER).write_text(json.dumps({"trial": paths.folder.name, "folder": relative}), encoding="utf-8")
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

    try:
        settings = Settings.model_validate(yaml.safe_load(paths.settings.read_text(encoding="utf-8")))
        job = Job(
            settings=settings,
            objective_name=orders.objective,
            maximize=orders.maximize,
            attempt=attempt,
            cache=run_paths.cache_dir(),
            resume_from=paths.folder / orders.resume_from if orders.resume_from else None,
            best_iteration=orders.best_iteration,
            best_score=orders.best_score,
            threads=max(1, int(allotment.cpus)),
            baseline=read_resolved(run.settings.read_text(encoding="utf-8")),
        )
        train(job, report, notices.append)
    except Exception as error:  # the one trial boundary: whatever it was becomes a cause on record, and goes on its way
        failure = failure_of(error)
        write_failure(attempt, failure)
        raise failure from error
