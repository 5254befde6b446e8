"""What a study knows of its trials, in the form that our own samplers learn from: less is better, limits and hopeless points included.

It must not know how a sampler learns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune.events.fronts import Losses
from summtune.search.taught import EARLIER_RUN

EVALUATIONS = "evaluations"
"""The attribute of a trial that holds its evaluations where there are several objectives: Optuna's trials report values of one only."""

TO_THE_END = 0
"""In the place of an evaluation."""


@dataclass(frozen=True)
class Observed:
    """What is known of a trial, less being better.

    Attributes:
        losses: of each objective, at the trial's best evaluation by the first, which is the one that its model comes from.
        curve: the same as it was by each evaluation; empty where none is known.
        complete: whether it was trained to its end.
        beyond: by how much it is beyond limits; 0 within all.
        earlier: whether it is of an earlier run.
    """

    params: Mapping[str, Any]
    losses: Losses
    curve: Mapping[int, Losses]
    complete: bool
    beyond: float
    earlier: bool = False

    @property
    def best(self) -> float:
        """Its best value of the first objective so far."""
        return self.losses[0]

    @property
    def usable(self) -> bool:
        """Whether it could be trained, and keeps to all limits."""
        return self.beyond == 0 and math.isfinite(self.best)

    @property
    def last(self) -> int:
        """The last evaluation that is known of; 0 where none is."""
        return max(self.curve, default=0)

    @property
    def marks(self) -> tuple[list[int], list[Losses]]:
        """After 1, 3, 9, … evaluations, and after the last: that evaluation, and the losses by then.

        The end of a trial that was trained to it is TO_THE_END, whatever its number, and has the losses of the best of all.
        """
        steps = [step for step in self.curve if step == self.last or _is_power_of_three(step)]
        losses = [self.curve[step] for step in steps]
        return ([*steps[:-1], TO_THE_END], [*losses[:-1], self.losses]) if self.complete else (steps, losses)


def remember(trial: optuna.Trial, iteration: int, value: float | Sequence[float]) -> None:
    """Let a trial of a study know an evaluation.

    Optuna's pruners and dashboard know intermediate values of one objective; `Trial.report` refuses several. They are kept beside.
    """
    if isinstance(value, Sequence):
        trial.set_user_attr(EVALUATIONS, [*trial.user_attrs.get(EVALUATIONS, ()), [iteration, *value]])
    else:
        trial.report(value, iteration)


def signs(study: optuna.Study) -> tuple[float, ...]:
    """What values of each objective are multiplied by so that less is better; and losses, so that they are values again."""
    return tuple(-1.0 if direction is StudyDirection.MAXIMIZE else 1.0 for direction in study.directions)


_read: WeakKeyDictionary[optuna.Study, dict[int, tuple[str, Observed | None]]] = WeakKeyDictionary()
"""Of each study the trials that have ended, by number, with their points: nothing changes about them, and reading a thousand anew
was half of what an ask took."""


def observed(study: optuna.Study) -> list[Observed]:
    """Each point that something is known of, in the order of the study.

    A trial that went on after a pause is in the study again, from its first evaluation on: the last time counts.
    """
    found: dict[str, Observed] = {}
    signed, known = signs(study), _read.setdefault(study, {})
    for number, trial in enumerate(study.get_trials(deepcopy=False)):
        read = known.get(number)
        if read is None:
            read = point_of(trial), observed_of(trial, signed)
            if trial.state.is_finished():
                known[number] = read
        point, one = read
        if one is not None:
            found[point] = one
    return list(found.values())


def point_of(trial: FrozenTrial) -> str:
    """The same for trials that have the same point."""
    return repr(sorted(trial.params.items()))


def observed_of(trial: FrozenTrial, signed: Sequence[float]) -> Observed | None:
    """None of a trial that says nothing about its point: one without an evaluation, or one that failed for another reason."""
    beyond = sum(max(0.0, excess) for excess in trial.constraints.values()) if trial.state.is_finished() else 0.0

    def losses(values: Sequence[float]) -> Losses:
        return tuple(sign * value for sign, value in zip(signed, values, strict=True))

    best, curve = (math.inf,) * len(signed), {}
    for step, values in _evaluations(trial):
        best = min(best, losses(values), key=_first)
        curve[step] = best
    if trial.state is OptunaState.COMPLETE:
        best = min(best, losses(trial.values), key=_first)
    hopeless = trial.state is OptunaState.PRUNED and not curve  # it could not be trained at all
    if not math.isfinite(best[0]) and not hopeless:
        return None
    return Observed(trial.params, best, curve, trial.state is OptunaState.COMPLETE or hopeless, beyond, EARLIER_RUN in trial.user_attrs)


def _is_power_of_three(step: int) -> bool:
    while step > 1 and step % 3 == 0:
        step //= 3
    return step == 1


def _first(losses: Losses) -> float:
    return losses[0]


def _evaluations(trial: FrozenTrial) -> list[tuple[int, Sequence[float]]]:
    """Of a trial, in their order."""
    if trial.intermediate_values:
        return [(step, (value,)) for step, value in sorted(trial.intermediate_values.items())]
    return [(step, values) for step, *values in sorted(trial.user_attrs.get(EVALUATIONS, ()))]
