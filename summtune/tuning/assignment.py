"""What an attempt at a trial is to do, read from the run directory in whatever process does it, and what it tells of an evaluation.

It must not know Ray: how many processes share the work is `trainable`'s and `worker_group`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summtune.config.description import read_resolved
from summtune.config.settings import Settings
from summtune.documents import parse_document
from summtune.paths import AttemptPaths, RunPaths, TrialPaths, cache_dir
from summtune.tuning.orders import Orders

if TYPE_CHECKING:
    from summtune.training.job import Job

ATTEMPT_KEY, CHECKPOINT_KEY, NOTICES_KEY, WORKERS_KEY = "attempt", "checkpoint_folder", "notices", "workers"


@dataclass(frozen=True)
class Assignment:
    """An attempt at a trial.

    Attributes:
        run_folder: the run's directory.
        trial: the trial's id.
        orders: where to begin, whom to beat.
        threads: CPU threads of a worker.
    """

    run_folder: Path
    trial: str
    orders: Orders
    threads: int

    @classmethod
    def read(cls, run_folder: Path, trial: str, threads: int) -> Assignment:
        """What the driver ordered last.

        Raises:
            OSError: it isn't there.
        """
        return cls(run_folder, trial, Orders.read(RunPaths(run_folder).trial(trial).progress), threads)

    @property
    def paths(self) -> TrialPaths:
        return RunPaths(self.run_folder).trial(self.trial)

    @property
    def attempt(self) -> AttemptPaths:
        return self.paths.attempt(self.orders.attempt)

    @cached_property
    def settings(self) -> Settings:
        """The trial's, complete."""
        return Settings.model_validate(parse_document(self.paths.settings.read_text(encoding="utf-8"), str(self.paths.settings)).value)

    def job(self, *, micro_batch: int | None = None, notices: tuple[str, ...] = ()) -> Job:
        """The training.

        Args:
            micro_batch: rows that a worker has at a time, where what was asked for doesn't fit.
            notices: what is said first.
        """
        from summtune.training.job import Job, nowhere
        from summtune.tuning.uploads import Uploads

        orders = self.orders
        resume_from = self.paths.folder / orders.resume_from if orders.resume_from else None
        uploads = Uploads(orders.storage, self.run_folder) if orders.storage else None
        if uploads is not None and resume_from is not None:
            uploads.fetch(resume_from)
        return Job(
            settings=self.settings,
            objective_name=orders.objective,
            maximize=orders.maximize,
            attempt=self.attempt,
            cache=cache_dir(),
            resume_from=resume_from,
            best_iteration=orders.best_iteration,
            best_score=orders.best_score,
            threads=self.threads,
            baseline=_baseline(RunPaths(self.run_folder).settings),
            micro_batch=micro_batch,
            keep=uploads or nowhere,
            notices=notices,
        )

    def told(self, metrics: dict[str, float | int], checkpoint: Path | None, notices: list[str]) -> dict[str, Any]:
        """What the driver is told of an evaluation; the notices are used up."""
        said, notices[:] = list(notices), []
        return {
            **metrics,
            "reported": sorted(metrics),
            "evaluation": self.settings.evaluation.strategy,
            ATTEMPT_KEY: self.orders.attempt,
            CHECKPOINT_KEY: str(checkpoint.relative_to(self.paths.folder)) if checkpoint else None,
            NOTICES_KEY: said,
        }


@lru_cache(maxsize=1)
def _baseline(settings: Path) -> Settings:
    """The same for all trials of a run, and so for all of an actor's."""
    return read_resolved(settings.read_text(encoding="utf-8"))
