"""When a setting that is tried on one dialogue after another has lost against the best so far, and need not see the rest.

The method is that of racing algorithms (Maron and Moore, Hoeffding Races, 1994; Birattari et al., A Racing Algorithm for Configuring
Metaheuristics, 2002), with a paired t-test: both have summarised the same dialogues, so that what makes a dialogue hard cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

ALPHA = 0.05
"""How often a setting that is as good as the best may be dropped wrongly, over all looks together."""

LEAST = 16
"""Dialogues before the first look: a t-test of fewer differences is too easily fooled."""

FIRST_LOOK = 1 / 16
"""Share of the dialogues before the first look, and before each next one twice as many."""


def spread_order(lengths: Sequence[int]) -> list[int]:
    """Places of the rows in an order each beginning of which is spread evenly over all lengths.

    The rows by length, visited as the van der Corput sequence visits numbers from 0 to 1 (bits reversed).
    """
    by_length = sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
    bits = max(len(by_length) - 1, 1).bit_length()
    reversed_bits = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [by_length[number] for number in reversed_bits if number < len(by_length)]


def looks(dialogues: int) -> list[int]:
    """How many dialogues have been summarised at each look; the last is all of them."""
    found = []
    seen = max(LEAST, round(FIRST_LOOK * dialogues))
    while seen < dialogues:
        found.append(seen)
        seen *= 2
    if len(found) > 1 and dialogues < 1.25 * found[-1]:
        found.pop()  # too little would be left to save
    return [*found, dialogues]


def lost(challenger: Sequence[float], best: Sequence[float], *, maximize: bool, looks: int) -> bool:
    """Whether the challenger can't win any more.

    Args:
        challenger: its score of each dialogue so far.
        best: the best setting's scores of the same dialogues.
        maximize: whether more is better.
        looks: how often it is asked in all; the error is shared out among them (Bonferroni).
    """
    sign = 1.0 if maximize else -1.0
    gains = [sign * (one - other) for one, other in zip(challenger, best, strict=True)]
    mean = sum(gains) / len(gains)
    spread = sqrt(sum((gain - mean) ** 2 for gain in gains) / max(len(gains) - 1, 1))
    if spread == 0:
        return mean <= 0  # the same of every dialogue
    if len(gains) < 2 or mean >= 0:
        return False
    from scipy.stats import t

    return bool(t.cdf(mean / (spread / sqrt(len(gains))), len(gains) - 1) < ALPHA / looks)
