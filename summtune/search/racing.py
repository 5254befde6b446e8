"""When a setting that is tried on one dialogue after another has lost against the best so far, and need not see the rest.

The method is that of racing algorithms (Maron and Moore, The Racing Algorithm, 1997; Birattari et al., A Racing Algorithm for Configuring
Metaheuristics, 2002), with a paired t-test: both have summarised the same dialogues, so that what makes a dialogue hard cancels out.
What is tested is the score over all dialogues of the development set, of which those seen are a sample: the more of them, the less is
left to chance (the finite population correction; Cochran, Sampling Techniques, 1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

ALPHA = 0.05
"""How often a setting that is as good as the best may be dropped wrongly, over all looks together, while there is enough to spend."""

LEAST = 8
"""Dialogues before the first look: a t-test of fewer differences is too easily fooled."""

FIRST_LOOK = 1 / 16
"""Share of the dialogues before the first look, and before each next one twice as many."""

SHARE, LEAST_WHOLE = 1 / 4, 4
"""What settings may cost together, in evaluations of all dialogues as the model decodes by itself: this share of their number, but at
least so many."""

CLEAR = 0.99
"""Who is better with this probability goes on, whatever it costs."""


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


def standing(challenger: Sequence[float], best: Sequence[float], *, maximize: bool, dialogues: int) -> float:
    """One minus the level at which the challenger is better over all dialogues by a paired t-test: near 0 it can't be, near 1 it is.

    Args:
        challenger: its score of each dialogue so far.
        best: the best setting's scores of the same dialogues.
        maximize: whether more is better.
        dialogues: how many there are in all.
    """
    sign = 1.0 if maximize else -1.0
    gains = [sign * (one - other) for one, other in zip(challenger, best, strict=True)]
    mean = sum(gains) / len(gains)
    spread = sqrt(sum((gain - mean) ** 2 for gain in gains) / max(len(gains) - 1, 1))
    unseen = 1 / len(gains) - 1 / dialogues
    if mean == spread == 0 < unseen:
        # Many settings act on few dialogues: the same summaries are no reason to drop one while there is enough to spend. Where there is
        # not, others come first: settings that never act, which are many, would use up what a better one costs.
        return ALPHA
    if spread == 0 or unseen == 0:
        return 1.0 if mean > 0 else 0.0  # the same gain of every dialogue, or all are known
    from scipy.stats import t

    return float(t.cdf(mean / (spread * sqrt(unseen)), len(gains) - 1))


class Purse:
    """What is left to spend on a race, and how sharply it has to judge for that.

    While there is enough, a setting is dropped that can't win by the test (`ALPHA`, shared out among the looks by Bonferroni). Settings
    that are as good as the best, of which a search finds many, would all be evaluated to their end by that, for gains that nobody could
    tell from chance. So where there is not enough only those go on that are ahead by most: of settings as good as the best the share
    that can be paid.

    Args:
        settings: how many are to be tried.
        looks: dialogues at each look.
        whole: what an evaluation of all dialogues costs as the model decodes by itself; costs may be in any unit.
    """

    def __init__(self, settings: int, looks: Sequence[int], whole: float) -> None:
        self._settings = settings
        self._looks = looks
        self._left = max(SHARE * settings, LEAST_WHOLE) * whole
        self._begun = 0
        self._first = 0.0
        self._judged, self._passed = [0] * len(looks), [0] * len(looks)

    def pay(self, cost: float, seen: int, *, dropped: bool) -> None:
        """A setting has cost so much for so many dialogues, and is through or dropped."""
        self._left -= cost
        self._begun += 1
        self._first += cost * self._looks[0] / seen
        for place, look in enumerate(self._looks):
            self._judged[place] += look <= seen
            self._passed[place] += look < seen or (look == seen and not dropped)

    def level(self, cost: float, look: int) -> float:
        """The `standing` below which a setting is dropped.

        Args:
            cost: of this setting so far.
            look: its number, from 0.
        """
        seen, whole = self._looks[look], self._looks[-1]
        coming = self._settings - self._begun - 1
        first_look = (self._first + cost * self._looks[0] / seen) / (self._begun + 1)
        spare = self._left - cost - coming * first_look
        share = (self._passed[look] + 1) / (self._judged[look] + 3)  # of those to come, who will want to go on from here, too
        wanted = cost / seen * (whole - seen) * (1 + coming * share)
        return min(max(1 - spare / wanted, ALPHA / len(self._looks)), CLEAR)
