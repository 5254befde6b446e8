"""How much summaries repeat themselves: 1 - distinct n-grams / n-grams of words (Welleck et al., Neural Text Degeneration, 2019)."""

from __future__ import annotations

from pathlib import Path

from summtune.config.settings import Evaluation
from summtune.metrics import Columns, Scorer, Summaries
from summtune.metrics._words import Words, chosen, described, words

SIZES = (2, 3, 4)
KEYS = tuple(f"repeated_{size}grams" for size in SIZES)
GOAL = dict.fromkeys(KEYS, "minimize")
UNIT = dict.fromkeys(KEYS, "share of the summary's n-grams, 0..1")
NEEDS = ()


def scorer(evaluation: Evaluation, cache: Path) -> Scorer:
    """A scorer over words of the settings' tokenizer."""
    return Repetition(evaluation.rouge_tokenizer)


class Repetition:
    """See `Scorer`."""

    def __init__(self, tokenizer: str) -> None:
        self._tokenizer = tokenizer

    @property
    def description(self) -> dict[str, str]:
        return {"tokenizer": described(self._tokenizer)}

    def score(self, summaries: Summaries) -> Columns:
        """One value per dialogue; 0 where a summary is too short to have n-grams."""
        # By the dialogues where they are known: what an untrained model says may be in no script at all.
        self._tokenizer = chosen(self._tokenizer, summaries.dialogues or summaries.predictions)
        texts = [words(text, self._tokenizer) for text in summaries.predictions]
        return {key: [repeated(text, size) for text in texts] for key, size in zip(KEYS, SIZES, strict=True)}


def repeated(text: Words, size: int) -> float:
    """Share of the n-grams of a text that stood in it before."""
    ngrams = [text[place : place + size] for place in range(len(text) - size + 1)]
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0
