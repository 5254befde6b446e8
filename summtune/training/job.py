"""What a training is asked to do: everything it needs, as plain values that travel between processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from summtune.config.settings import Settings
from summtune.paths import AttemptPaths

Report = Callable[[dict[str, float | int], Path | None], None]
"""(metrics, sealed checkpoint folder): called after each evaluation. It may raise SystemExit: then everything is released."""

Keep = Callable[[Path], str]
"""(a sealed checkpoint's folder, or a best model's): called by rank 0 once it is whole, before anyone is told of it.

It returns what a person should be told, if anything.
"""

StopAsked = Callable[[], bool]
"""Asked after every step: whether a person wants the training to end, with a checkpoint of that step."""


def nowhere(folder: Path) -> str:
    """What was written lies where it was written, and nowhere else."""
    return ""


def never() -> bool:
    """Nobody wants it to end."""
    return False


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        settings: what to train, complete.
        objective_name: the metric by which the best model is chosen.
        maximize: whether more of it is better.
        attempt: where to write.
        cache: folder of what is made once per node.
        resume_from: a sealed checkpoint to continue from.
        best_iteration: iteration of the best score that was recorded before this attempt.
        best_score: that score.
        best_lost: the model of that score can't be had: the best of what follows is kept.
        threads: CPU threads for torch; None leaves them as they are.
        baseline: the settings that the results say the difference to.
        micro_batch: rows that a worker has at a time, where what was asked for was found not to fit: the attempt goes on from its own last
            checkpoint.
        rehearse: whether to find out before training what fits into memory; None: on GPUs.
        keep: takes what was written to where else it is to lie.
        notices: what was decided for the person on the way here: goes into log and results.
    """

    settings: Settings
    objective_name: str
    maximize: bool
    attempt: AttemptPaths
    cache: Path
    resume_from: Path | None = None
    best_iteration: int | None = None
    best_score: float | None = None
    best_lost: bool = False
    threads: int | None = None
    baseline: Settings | None = None
    micro_batch: int | None = None
    rehearse: bool | None = None
    keep: Keep = nowhere
    notices: tuple[str, ...] = ()
