"""The two programs that count ROUGE: rouge-score, which is the reference, and rouge-score-rs, the same in Rust, where it is installed.

They share one interface. Both are handed words that were cut before, under made-up names, so that neither cuts anything itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

from summtune.metrics._words import Analysed, Words

PACKAGES: Mapping[str, str] = {"rouge-score": "rouge_score", "rouge-score-rs": "rouge_score_rs"}
"""Each engine's package, by the name of its distribution; the last one that is installed is taken."""


class Triple(NamedTuple):
    """One ROUGE of one pair."""

    precision: float
    recall: float
    f1: float


def fastest() -> str:
    """The engine to take."""
    return [name for name, package in PACKAGES.items() if find_spec(package) is not None][-1]


class Engine:
    """Scores pairs of analysed texts.

    Args:
        name: of `PACKAGES`.
        types: ROUGE types by rouge-score's names.
    """

    def __init__(self, name: str, types: Sequence[str]) -> None:
        self._words = _Ready()
        module = importlib.import_module(f"{PACKAGES[name]}.rouge_scorer")
        self._scorer = module.RougeScorer(list(types), tokenizer=self._words)
        self.description = f"{name} {version(name)}"

    def score(self, reference: Analysed, prediction: Analysed) -> dict[str, Triple]:
        """Precision, recall and F1 by type; zeros where either text has no words."""
        target, guess = self._words.take("r", reference), self._words.take("p", prediction)
        found: dict[str, Any] = self._scorer.score(target, guess)
        return {kind: Triple(*map(float, value)) for kind, value in found.items()}


class _Ready:
    """What an engine takes for its tokenizer: it knows the words of every name that it will be asked for.

    An engine asks for a text, and for ROUGE-Lsum for each of its lines: so a text is named by its sentences' names, one on a line.
    """

    def __init__(self) -> None:
        self._known: dict[str, Words] = {}

    def take(self, prefix: str, text: Analysed) -> str:
        names = [f"{prefix}{place}" for place in range(len(text.sentences))]
        whole = "\n".join(names)
        self._known.update(zip(names, text.sentences, strict=True))
        self._known[whole] = text.whole
        return whole

    def tokenize(self, name: str) -> Words:
        return self._known[name]
