"""Asynchronous successive halving (Li et al., 2020), by the rule of Ray's ASHAScheduler.

At each rung a trial goes on if it is among the best 1/eta of those that have been there. Nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from summtune.config.stopping import Stopping

SUMMARY = "asynchronous successive halving"


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """The rung at an iteration, if one lies there, below the trial's last: stopping at the last would save nothing."""
    return iteration if iteration in stopping.rungs(last) else None


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """The score to reach, and whether the trial ends.

    Args:
        score: the trial's best so far.
        seen: other trials' scores at this rung; the first to arrive has nothing to be compared with and goes on.
    """
    if not seen:
        return None, False
    share = 1 - 1 / stopping.eta if maximize else 1 / stopping.eta
    cutoff = float(np.percentile(seen, share * 100))
    return cutoff, score < cutoff if maximize else score > cutoff
