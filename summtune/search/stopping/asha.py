"""Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020), each place taken once.

Of every eta trials that come to a rung one goes on: the best of those that wait there. The others pause. Nobody waits for
anybody, and no early bird is trained on for want of company. Ray's ASHAScheduler stops instead of pausing, as `hyperband` does here; and
both it and the paper let all go on that are among the best 1/eta ever seen at a rung, which in a search that learns are
nearly all that come late. On recorded learning curves both find good settings later (docs/search.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from summtune.config.stopping import Stopping

SUMMARY = "asynchronous successive halving"

TAKES = ("min_iter", "max_iter", "eta", "brackets")

PAUSES = True


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """The rung at an iteration, if one lies there, below the trial's last: stopping at the last would save nothing."""
    return iteration if iteration in stopping.rungs(last) else None


def measure(stopping: Stopping, scores: Mapping[int, float], maximize: bool) -> tuple[float, float]:
    """The best so far, for both."""
    score = max(scores.values()) if maximize else min(scores.values())
    return score, score


def places(stopping: Stopping, arrived: int, *, last: bool) -> int:
    """How many of those that came to a rung go on.

    Args:
        stopping: for `eta`.
        arrived: how many have come so far.
        last: whether no other will: then the last few make a place, too, though they are fewer than eta.
    """
    return math.ceil(arrived / stopping.eta) if last else int(arrived / stopping.eta)
