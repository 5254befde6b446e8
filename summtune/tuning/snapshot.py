"""Keeps Ray Tune's memory and its snapshots small: of each result Tune remembers what it needs to go on, and the objective.

Tune writes everything that it remembers of all trials into each snapshot, and of each metric its course, its ends and its averages; with
some thirty metrics that was most of it. They are in the event log by then, and mirrored. Of a trial that is over it needs no course.
"""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from summtune.tuning.assignment import NOTICES_KEY


class Slimming(Callback):  # type: ignore[misc]  # Ray ships no types
    """The last of the callbacks: those before it see the whole result.

    Args:
        kept: metrics that Tune remembers, too.
    """

    def __init__(self, kept: tuple[str, ...]) -> None:
        self._kept = kept

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:
        """Ray Tune lets callbacks change what it is about to remember."""
        for name in [*result["reported"], "reported", NOTICES_KEY]:
            if name not in self._kept:
                result.pop(name, None)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._forget_course(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._forget_course(trial)

    @staticmethod
    def _forget_course(trial: Trial) -> None:
        trial.metric_n_steps.clear()
        trial.run_metadata.invalidate_cache()  # as it was written last
