"""The median stopping rule (Golovin et al., Google Vizier, 2017), by the rule of Ray's MedianStoppingRule.

A trial ends where its best so far is worse than the median of the other trials' running averages up to the same iteration. Every iteration
from `min_iter` on is judged, and averages begin there: the first evaluations say little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median

from summtune.config.stopping import Stopping

SUMMARY = "median stopping rule"

TAKES = ("min_iter", "max_iter", "brackets")

PAUSES = False

LEAST = 3
"""Other trials before there is a verdict; Ray's `min_samples_required`."""


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """Every iteration from min_iter on, below the trial's last."""
    return iteration if stopping.min_iter <= iteration < min(stopping.max_iter, last) else None


def measure(stopping: Stopping, scores: Mapping[int, float], maximize: bool) -> tuple[float, float]:
    """The best so far; others are judged by the average from min_iter on."""
    counted = [score for iteration, score in scores.items() if iteration >= stopping.min_iter]
    return max(scores.values()) if maximize else min(scores.values()), fmean(counted)


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """The median of the others' averages, and whether the trial ends; no verdict while there are too few."""
    if len(seen) < LEAST:
        return None, False
    cutoff = median(seen)
    return cutoff, score < cutoff if maximize else score > cutoff
