"""How long a summary takes to generate on this machine; dialogues of one batch share its time evenly."""

from __future__ import annotations

from summtune.metrics import Columns, Summaries

KEYS = ("latency_s",)
GOAL = {"latency_s": "minimize"}
UNIT = {"latency_s": "seconds per dialogue"}
NEEDS = ("seconds",)


def score(summaries: Summaries) -> Columns:
    """One value per dialogue."""
    assert summaries.seconds is not None, "declared under NEEDS"
    return {"latency_s": summaries.seconds}
