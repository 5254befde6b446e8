"""What a trial's actor executes: one training, in Ray Train's local mode, reported to Ray Tune.

Runs in the actor; the only thing it knows of the run is its directory.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ray import tune
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer

from summtune import paths as run_paths
from summtune.config.description import read_resolved
from summtune.config.settings import Settings
from summtune.documents import parse_document
from summtune.training.job import Job, Report
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
        work: what is done in it; another one where a benchmark asks what all the rest costs.

    Raises:
        TrialFailure: with its cause, which also lies in the attempt's folder.
    """
    # A stopped trial's thread has to be gone before the actor is used again; freeing a large model can take more than Tune's 2 s.
    os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "60")
    run = run_paths.RunPaths(Path(run_folder))
    paths = run.trial(config[TRIAL_KEY])
    orders = Orders.read(paths.progress)

    def loop() -> None:
        _train(run, paths, orders, allotment, work)

    # Local mode: the loop runs in this very process, Tune keeps reports and checkpoints, and actors can be used again.
    TorchTrainer(loop, scaling_config=ScalingConfig(num_workers=0, use_gpu=allotment.gpus > 0)).fit()


@lru_cache(maxsize=1)
def _baseline(settings: Path) -> Settings:
    """The same for all trials of a run, and so for all of an actor's."""
    return read_resolved(settings.read_text(encoding="utf-8"))


def _train(run: run_paths.RunPaths, paths: run_paths.TrialPaths, orders: Orders, allotment: Allotment, work: Work) -> None:
    attempt = paths.attempt(orders.attempt)
    notices: list[str] = []  # they travel with the next report

    def report(metrics: dict[str, float], checkpoint: Path | None) -> None:
        relative = str(checkpoint.relative_to(paths.folder)) if checkpoint else None
        told = {ATTEMPT_KEY: orders.attempt, CHECKPOINT_KEY: relative, NOTICES_KEY: list(notices)}
        notices.clear()
        result = {**metrics, "reported": sorted(metrics), "evaluation": settings.evaluation.strategy, **told}
        if checkpoint is None:
            tune.report(result)
            return
        with tempfile.TemporaryDirectory() as folder:
            # Tune's checkpoint names the sealed one instead of holding it: a checkpoint's bytes lie once.
            Path(folder, POINTER).write_text(json.dumps({"trial": paths.folder.name, "folder": relative}), encoding="utf-8")
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

    try:
        settings = Settings.model_validate(parse_document(paths.settings.read_text(encoding="utf-8"), str(paths.settings)).value)
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
            baseline=_baseline(run.settings),
        )
        work(job, report, notices.append)
    except Exception as error:  # the one trial boundary: whatever it was becomes a cause on record, and goes on its way
        failure = failure_of(error)
        write_failure(attempt, failure)
        raise failure from error
