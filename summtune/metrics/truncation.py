"""Share of summaries that the model did not end by itself: they were cut off at the longest length that it was allowed."""

from __future__ import annotations

from summtune.metrics import Columns, Summaries

KEYS = ("guardrails/truncated",)
GOAL = {"guardrails/truncated": "minimize"}
UNIT = {"guardrails/truncated": "share of summaries, 0..1"}
NEEDS = ("finished",)


def score(summaries: Summaries) -> Columns:
    """One value per dialogue."""
    assert summaries.finished is not None, "declared under NEEDS"
    return {"guardrails/truncated": [float(not finished) for finished in summaries.finished]}
