"""W&B's hyperband, and Ray's: successive halving that stops trials for good, by the rule of Ray's ASHAScheduler.

At each rung a trial goes on if it is among the best 1/eta of those that have been there; the first to arrive has nobody to be compared
with, and goes on. The rungs are W&B's. With `strict` a trial is judged by its evaluation at the rung, instead of its best so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from summtune.config.stopping import Stopping

SUMMARY = "successive halving that stops trials for good; W&B's fields"

TAKES = ("min_iter", "max_iter", "eta", "s", "strict", "brackets")

PAUSES = False


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """The rung at an iteration, if one lies there, below the trial's last: stopping at the last would save nothing."""
    return iteration if iteration in stopping.rungs(last) else None


def measure(stopping: Stopping, scores: Mapping[int, float], maximize: bool) -> tuple[float, float]:
    """The best so far, for both; with `strict` the last."""
    score = scores[max(scores)] if stopping.strict else max(scores.values()) if maximize else min(scores.values())
    return score, score


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """The score to reach, and whether the trial ends.

    Args:
        stopping: for `eta`.
        score: the trial's.
        seen: other trials' scores at this rung; the first to arrive has nothing to be compared with and goes on.
        maximize: whether more is better.
    """
    if not seen:
        return None, False
    import numpy as np

    share = 1 - 1 / stopping.eta if maximize else 1 / stopping.eta
    cutoff = float(np.percentile(seen, share * 100))
    return cutoff, score < cutoff if maximize else score > cutoff
