"""Every trial runs to its end."""

from __future__ import annotations

from collections.abc import Sequence

from summtune.config.stopping import Stopping

SUMMARY = "no trial is stopped"


def rung(stopping: Stopping, iteration: int, last: int) -> int | None:
    """No iteration is a rung."""
    return None


def judge(stopping: Stopping, score: float, seen: Sequence[float], maximize: bool) -> tuple[float | None, bool]:
    """Never stops."""
    return None, False
