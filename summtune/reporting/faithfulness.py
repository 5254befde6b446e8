"""How far cheap evaluations can be trusted: do they put the trials in the order that full ones put them in?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from statistics import quantiles, variance

from summtune.events.fold import RunState

MOST_NOISE = 1 / 3
"""Beyond it the person is told what to do: what cheap scores say beside the full ones scatters by so much of what all trials' cheap scores
do. τ itself would not do: the trials that were evaluated in full are alike by selection, and five faithful scores in a wrong order are
common (tests/reporting/test_faithfulness.py simulates both)."""

LEAST = 4
"""Trials below which noise is not told."""

_Z = 1.959963984540054  # of a two-sided interval of 95 %


@dataclass(frozen=True)
class Faithfulness:
    """Agreement of cheap and full scores.

    Attributes:
        trials: how many were evaluated in full.
        tau: Kendall's; 1 where all pairs are in the same order, −1 where none is. Pairs that are even by either score count as half.
        low, high: its 95 % interval.
        noise: variance of full less cheap scores, as a share of the variance of all trials' cheap scores; None where that is unknown.
    """

    trials: int
    tau: float
    low: float
    high: float
    noise: float | None = None

    @property
    def doubtful(self) -> bool:
        return self.noise is not None and self.noise > MOST_NOISE


def faithfulness(state: RunState) -> Faithfulness | None:
    """Over all trials that were evaluated in full, the baseline too; None where evaluations on the way were full, or there are not two."""
    pairs = [
        (cheap, full)
        for trial in state.trials.values()
        if (cheap := state.score(trial)) is not None and (full := state.own_score(trial)) is not None
    ]
    if not state.by_proxy or len(pairs) < 2:
        return None
    trained = (trial for trial in state.trials.values() if trial.status in ("finished", "stopped"))
    return replace(agreement(pairs), noise=noise(pairs, [score for trial in trained if (score := state.score(trial)) is not None]))


def noise(scores: Sequence[tuple[float, float]], cheap: Sequence[float]) -> float | None:
    """How much cheap scores scatter around the full ones, of how much they scatter among all trials; squared, both.

    A shift of all full scores by the same counts for nothing. The scatter of all is told by their quartiles (for a bell these are 1.349
    standard deviations apart), since a few trainings that went astray would make any noise look small.

    Args:
        scores: (cheap, full) of the trials that were evaluated in full.
        cheap: of all trials.
    """
    if len(scores) < LEAST or len(cheap) < LEAST:
        return None
    first, _, third = quantiles(cheap, n=4)
    spread = ((third - first) / 1.349) ** 2
    around = variance([full - one for one, full in scores])
    return around / spread if spread > 0 else None


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
