"""A trial that is over or pauses, as Optuna would have it had it been asked for, told of each evaluation, and told of its end.

Added to a study at once, which takes a fraction of the time: a run of ten thousand trials is taken up again in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from summtune.search.asking import distributions
from summtune.search.observed import EVALUATIONS
from summtune.space.space import Space


def ended_trial(
    space: Space,
    answers: Mapping[str, Any],
    evaluations: Sequence[tuple[int, float | list[float]]],
    state: OptunaState,
    value: float | list[float] | None,
    beyond: Mapping[str, float],
) -> FrozenTrial:
    """The trial, not yet of a study.

    Args:
        space: what varies.
        answers: the sampler's, that its point was made of.
        evaluations: each with its iteration, in their order; with several objectives a value for each.
        state: how it ended.
        value: its score where it is COMPLETE.
        beyond: by how much it is beyond each limit.
    """
    single = {iteration: one for iteration, one in evaluations if not isinstance(one, list)}
    several = [[iteration, *one] for iteration, one in evaluations if isinstance(one, list)]
    if state is OptunaState.PRUNED:  # as in Study.tell
        value = single[max(single)] if single else None
    elif state is not OptunaState.COMPLETE:
        value = None
    return create_trial(
        state=state,
        values=None if value is None else value if isinstance(value, list) else [value],
        params=dict(answers),
        distributions=distributions(space, tuple(answers)),
        user_attrs={EVALUATIONS: several} if several else None,
        intermediate_values=single,
        constraints=dict(beyond),
    )
