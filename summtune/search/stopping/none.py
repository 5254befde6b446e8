"""Every trial runs to its end."""

from __future__ import annotations

from collections.abc import Sequence

from summtune.config.stopping import Stopping

SUMMARY = "no trial is stopped"

PAUSES = False

TAKES = ()


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """No iteration is a rung."""
    return None


def measure(stopping: Stopping, scores: Sequence[float], maximize: bool) -> tuple[float, float]:
    """Never asked: there is no rung."""
    return scores[-1], scores[-1]


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """Never stops."""
    return None, False
