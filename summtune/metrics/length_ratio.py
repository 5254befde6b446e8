"""How long summaries are beside their references, in characters without white space; over several references, beside their mean length."""

from __future__ import annotations

from statistics import fmean

from summtune.metrics import Columns, Summaries
from summtune.metrics._text import length

KEYS = ("length_ratio", "length_error")
GOAL = {"length_ratio": None, "length_error": "minimize"}
UNIT = {"length_ratio": "times the reference's length; 1 is as long", "length_error": "how far from 1 the ratio is, either way"}
NEEDS = ("references",)


def score(summaries: Summaries) -> Columns:
    """One value per dialogue."""
    assert summaries.references is not None, "declared under NEEDS"
    ratios = []
    for prediction, references in zip(summaries.predictions, summaries.references, strict=True):
        wanted = fmean(map(length, references))
        ratios.append(length(prediction) / wanted if wanted else 1.0 + bool(length(prediction)))
    return {"length_ratio": ratios, "length_error": [abs(ratio - 1) for ratio in ratios]}
