"""How much summaries copy from their dialogues, word for word.

Source: Grusky et al., "Newsroom" (2018), whose coverage and density ask the same; here as shares, so that lengths don't matter.
"""

from __future__ import annotations

from pathlib import Path

from summtune.config.settings import Evaluation
from summtune.metrics import Columns, Scorer, Summaries
from summtune.metrics._words import Words, chosen, described, remembered, words

KEYS = ("copied_bigrams", "copied_trigrams", "longest_copy")
GOAL = dict.fromkeys(KEYS)  # a summary that copies nothing is no better for it
UNIT = {
    "copied_bigrams": "share of the summary's bigrams that stand in the dialogue, 0..1",
    "copied_trigrams": "share of the summary's trigrams that stand in the dialogue, 0..1",
    "longest_copy": "share of the summary's words in its longest piece that stands in the dialogue, 0..1",
}
NEEDS = ("dialogues",)


def scorer(evaluation: Evaluation, cache: Path) -> Scorer:
    """A scorer over words of the settings' tokenizer."""
    return Copying(evaluation.rouge_tokenizer)


class Copying:
    """See `Scorer`."""

    def __init__(self, tokenizer: str) -> None:
        self._tokenizer = tokenizer

    @property
    def description(self) -> dict[str, str]:
        return {"tokenizer": described(self._tokenizer)}

    def score(self, summaries: Summaries) -> Columns:
        """One value per dialogue; 0 where a summary is too short to have n-grams."""
        assert summaries.dialogues is not None, "declared under NEEDS"
        name = self._tokenizer = chosen(self._tokenizer, summaries.dialogues)
        columns: dict[str, list[float]] = {key: [] for key in KEYS}
        for prediction, dialogue in zip(summaries.predictions, summaries.dialogues, strict=True):
            ours, theirs = words(prediction, name), remembered(dialogue, name).whole
            columns["copied_bigrams"].append(copied(ours, theirs, 2))
            columns["copied_trigrams"].append(copied(ours, theirs, 3))
            columns["longest_copy"].append(longest_piece(ours, theirs) / len(ours) if ours else 0.0)
        return columns


def copied(ours: Words, theirs: Words, size: int) -> float:
    """Share of the n-grams of one text that stand in another."""
    there = {theirs[place : place + size] for place in range(len(theirs) - size + 1)}
    ngrams = [ours[place : place + size] for place in range(len(ours) - size + 1)]
    return sum(ngram in there for ngram in ngrams) / len(ngrams) if ngrams else 0.0


def longest_piece(ours: Words, theirs: Words) -> int:
    """Words of the longest piece that both texts have, by the table of common suffixes, one row at a time."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(theirs):
        places.setdefault(word, []).append(place)
    longest = 0
    before: dict[int, int] = {}
    for word in ours:
        now = {place: before.get(place - 1, 0) + 1 for place in places.get(word, ())}
        longest = max([longest, *now.values()])
        before = now
    return longest
