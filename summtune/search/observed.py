"""What a study knows of its trials, in the form that our own samplers learn from: less is better, limits and hopeless points included.

It must not know how a sampler learns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune.search.taught import EARLIER_RUN


@dataclass(frozen=True)
class Observed:
    """What is known of a trial, less being better.

    Attributes:
        best: its best value so far.
        values: its best value by then, by evaluation; empty where none is known.
        complete: whether it was trained to its end.
        beyond: by how much it is beyond limits; 0 within all.
        earlier: whether it is of an earlier run.
    """

    params: Mapping[str, Any]
    best: float
    values: Mapping[int, float]
    complete: bool
    beyond: float
    earlier: bool = False

    @property
    def usable(self) -> bool:
        """Whether it could be trained, and keeps to all limits."""
        return self.beyond == 0 and math.isfinite(self.best)


def observed(study: optuna.Study) -> list[Observed]:
    """Each point that something is known of, in the order of the study.

    A trial that went on after a pause is in the study again, from its first evaluation on: the last time counts.
    """
    found: dict[str, Observed] = {}
    for trial in study.get_trials(deepcopy=False):
        one = _of(trial, study.direction)
        if one is not None:
            found[repr(sorted(trial.params.items()))] = one
    return list(found.values())


def _of(trial: FrozenTrial, direction: StudyDirection) -> Observed | None:
    """None of a trial that says nothing about its point: one without an evaluation, or one that failed for another reason."""
    sign = -1.0 if direction is StudyDirection.MAXIMIZE else 1.0
    beyond = sum(max(0.0, excess) for excess in trial.constraints.values()) if trial.state.is_finished() else 0.0
    best, values = math.inf, {}
    for step in sorted(trial.intermediate_values):
        best = min(best, sign * trial.intermediate_values[step])
        values[step] = best
    if trial.state is OptunaState.COMPLETE and trial.value is not None:
        best = min(best, sign * trial.value)
    hopeless = trial.state is OptunaState.PRUNED and not values  # it could not be trained at all
    if not math.isfinite(best) and not hopeless:
        return None
    return Observed(trial.params, best, values, trial.state is OptunaState.COMPLETE or hopeless, beyond, EARLIER_RUN in trial.user_attrs)
