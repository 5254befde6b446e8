"""Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020).

At each rung a trial goes on if it is among the best 1/eta of those that have been there; otherwise it pauses, and goes on once enough
others have turned out worse. Nobody waits for anybody, and no early bird is trained on for want of company. Ray's ASHAScheduler stops
instead of pausing, as `hyperband` does here: on recorded learning curves that finds good settings later (docs/search.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from summtune.config.stopping import Stopping

SUMMARY = "asynchronous successive halving"

TAKES = ("min_iter", "max_iter", "eta", "brackets")

PAUSES = True

CHANCE = 10
"""Every so many-th trial that comes to a rung goes on from it whatever its score, so that what begins slowly and ends well is found out."""


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """The rung at an iteration, if one lies there, below the trial's last: stopping at the last would save nothing."""
    return iteration if iteration in stopping.rungs(last) else None


def measure(stopping: Stopping, scores: Sequence[float], maximize: bool) -> tuple[float, float]:
    """The best so far, for both."""
    score = max(scores) if maximize else min(scores)
    return score, score


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """The score to reach, and whether the trial pauses.

    Args:
        stopping: for `eta`.
        score: the trial's.
        seen: other trials' scores at this rung, ascending.
        maximize: whether more is better.
    """
    if (len(seen) + 1) % CHANCE == 0:
        return None, False
    places = _places(stopping, len(seen) + 1)
    if not places:
        return None, True
    cutoff = None if places > len(seen) else seen[-places] if maximize else seen[places - 1]
    return cutoff, cutoff is not None and (score < cutoff if maximize else score > cutoff)


def promotes(stopping: Stopping, place: int, arrived: int, *, last: bool) -> bool:
    """Whether the best of those that pause at a rung goes on.

    Args:
        stopping: for `eta`.
        place: how many that have been at this rung are ahead of it.
        arrived: how many have been there.
        last: whether nothing else will come here, and nobody has gone on: then the best does, however few there were.
    """
    return place < max(_places(stopping, arrived), 1 if last else 0)


def _places(stopping: Stopping, arrived: int) -> int:
    """How many of those that arrived go on."""
    return int(arrived / stopping.eta)
