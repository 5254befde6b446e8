"""Samplers learn of limits: what is beyond one is not sought, however good its score."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState as OptunaState

from summtune.search.study import Search
from summtune.space.parameters import Reals
from summtune.space.space import Space

SPACE = Space.of([Reals("training.weight_decay", 0.0, 1.0)])


def points(*, limited: bool, seed: int) -> list[float]:
    """What TPE draws where the score rises with the value, and whatever is above 0.3 is beyond a limit."""
    search = Search(SPACE, "bayes", maximize=True, seed=seed, count=40)
    drawn = []
    for number in range(40):
        trial = f"{number:04d}"
        proposal = search.propose(trial, number)
        assert proposal is not None
        value = proposal.point["training.weight_decay"]
        search.observe(trial, 1, value)
        search.tell(trial, OptunaState.COMPLETE, value, {"bad <= 0.3": value - 0.3} if limited else None)
        drawn.append(value)
    return drawn[20:]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_beyond_a_limit_is_not_sought(seed: int) -> None:
    free, limited = points(limited=False, seed=seed), points(limited=True, seed=seed)
    assert sum(value > 0.5 for value in free) >= 16
    assert sum(value > 0.5 for value in limited) <= 4, "the border itself is sought, from both sides"
    assert sum(0.2 < value <= 0.4 for value in limited) >= 8
