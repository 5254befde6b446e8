"""How far cheap evaluations can be trusted: do they put the trials in the order that full ones put them in?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from summtune.events.fold import RunState

LEAST_TAU = 0.5
"""Below it three pairs of four or fewer are in the same order, and the person is told what to do."""

_Z = 1.959963984540054  # of a two-sided interval of 95 %


@dataclass(frozen=True)
class Faithfulness:
    """Agreement of cheap and full scores.

    Attributes:
        trials: how many were evaluated in full.
        tau: Kendall's; 1 where all pairs are in the same order, −1 where none is. Pairs that are even by either score count as half.
        low, high: its 95 % interval.
    """

    trials: int
    tau: float
    low: float
    high: float

    @property
    def doubtful(self) -> bool:
        return self.tau < LEAST_TAU


def faithfulness(state: RunState) -> Faithfulness | None:
    """Over all trials that were evaluated in full, the baseline too; None where evaluations on the way were full, or there are not two."""
    pairs = [
        (cheap, full)
        for trial in state.trials.values()
        if (cheap := state.score(trial)) is not None and (full := state.own_score(trial)) is not None
    ]
    return agreement(pairs) if state.by_proxy and len(pairs) > 1 else None


def agreement(scores: Sequence[tuple[float, float]]) -> Faithfulness:
    """Of two or more trials' cheap and full scores.

    The share of pairs in the same order is a mean of dependent ones. Hoeffding (Probability Inequalities for Sums of Bounded Random
    Variables, 1963, section 5) shows that it scatters no more than the mean of as many independent pairs as fit side by side, half the
    number of trials; so Wilson's interval for a share (1927) is taken for that many. It says little of few trials, as it should.
    """
    agreeing = [_agree(one, other) for one, other in combinations(scores, 2)]
    share = sum(agreeing) / len(agreeing)
    independent = len(scores) // 2
    middle = (share + _Z**2 / (2 * independent)) / (1 + _Z**2 / independent)
    half = _Z / (1 + _Z**2 / independent) * sqrt(share * (1 - share) / independent + _Z**2 / (4 * independent**2))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Faithfulness(len(scores), 2 * share - 1, 2 * low - 1, 2 * high - 1)


def _agree(one: tuple[float, float], other: tuple[float, float]) -> float:
    product = (one[0] - other[0]) * (one[1] - other[1])
    return 1.0 if product > 0 else 0.0 if product < 0 else 0.5
