"""What summaries are scored by: one file per metric, whose name is the metric's.

A metric's file begins with its declaration, free of heavy imports:
    KEYS    tuple of the keys that it reports
    GOAL    mapping of each key to "maximize" or "minimize"
    UNIT    mapping of each key to what the number is, such as "F1, 0..1"
and then offers
    scorer(references, evaluation, cache) -> Scorer     references are analysed once, predictions at every call

A metric must not know of models, tokens of models, or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Scores:
    """Means over all dialogues, and the value of each dialogue, both by key."""

    means: dict[str, float]
    per_dialogue: dict[str, list[float]]


class Scorer(Protocol):
    """Scores predictions of the dialogues that it was made for, in their order."""

    description: dict[str, str]
    """How it computes: stored beside every score."""

    def score(self, predictions: Sequence[str]) -> Scores: ...
