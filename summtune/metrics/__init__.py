"""What summaries are scored by: one file per metric, whose name is the metric's; people add files of their own (docs/own_metric.md).

A metric's file begins with its declaration, free of heavy imports:
    KEYS    tuple of the keys that it reports
    GOAL    mapping of each key to "maximize", "minimize", or None where neither end is the better one
    UNIT    mapping of each key to what the number is, such as "F1, 0..1"; `0..1` is a promise
    NEEDS   what it wants besides predictions: any of `Summaries`' other fields (left out: nothing)
and then offers one of
    score(summaries) -> mapping of each key to one value per dialogue, in the dialogues' order
    scorer(evaluation, cache) -> Scorer     where it has settings, or says how it computes

A metric must not know of models, tokens of models, or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Columns = Mapping[str, Sequence[float]]
"""The value of each dialogue, by key."""


@dataclass(frozen=True)
class Summaries:
    """Predicted summaries and what is known of them, each in the dialogues' order; None where it is not known. Texts are in Unicode NFC.

    Attributes:
        predictions: one text per dialogue; it may be empty.
        references: per dialogue one or more summaries written by people.
        dialogues: the texts that were summarised.
        seconds: how long each took to generate; dialogues of one batch share its time evenly.
        finished: whether the model ended each by itself, rather than being cut off at the longest length that it was allowed.
    """

    predictions: Sequence[str]
    references: Sequence[Sequence[str]] | None = None
    dialogues: Sequence[str] | None = None
    seconds: Sequence[float] | None = None
    finished: Sequence[bool] | None = None


class Scorer(Protocol):
    """Scores summaries, as the settings say."""

    @property
    def description(self) -> Mapping[str, str]:
        """How it computes: stored beside every score."""

    def score(self, summaries: Summaries) -> Columns:
        """The value of each dialogue, by key."""
