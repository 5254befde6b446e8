"""How long summaries are beside their dialogues, in characters without white space."""

from __future__ import annotations

from summtune.metrics import Columns, Summaries
from summtune.metrics._text import length

KEYS = ("compression",)
GOAL = {"compression": None}
UNIT = {"compression": "summary's length per length of the dialogue"}
NEEDS = ("dialogues",)


def score(summaries: Summaries) -> Columns:
    """One value per dialogue."""
    assert summaries.dialogues is not None, "declared under NEEDS"
    pairs = zip(summaries.predictions, summaries.dialogues, strict=True)
    return {"compression": [length(prediction) / max(1, length(dialogue)) for prediction, dialogue in pairs]}
