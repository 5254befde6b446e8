"""Every trial runs to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from summtune.config.stopping import Stopping

SUMMARY = "no trial is stopped"

PAUSES = False

TAKES = ()


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """No iteration is a rung."""
    return None


def measure(stopping: Stopping, scores: Mapping[int, float], maximize: bool) -> tuple[float, float]:
    """Never asked: there is no rung."""
    score = scores[max(scores)]
    return score, score


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """Never stops."""
    return None, False
