"""ROUGE as the old notebook computed it, so that its numbers can be compared with new ones; not for anything else.

It follows the package `rouge` 1.0.1 to the last bit: words by white space, n-grams as sets, sentences between full stops (which the package
drops), F1 with 1e-8 in its denominator, L at summary level. Where the package raises (a text that is empty or only full stops) the
score is 0, and there is no recursion that a long text could exhaust.
"""

from __future__ import annotations

from collections.abc import Sequence

from summtune.metrics import Columns, Summaries

KEYS = ("legacy_rouge1_f1", "legacy_rouge2_f1", "legacy_rougeL_f1")
GOAL = dict.fromkeys(KEYS, "maximize")
UNIT = dict.fromkeys(KEYS, "F1 by the package rouge, 0..1")
NEEDS = ("references",)


def score(summaries: Summaries) -> Columns:
    """One value per dialogue, against its first reference: the notebook knew no others."""
    assert summaries.references is not None, "declared under NEEDS"
    columns: dict[str, list[float]] = {key: [] for key in KEYS}
    for prediction, references in zip(summaries.predictions, summaries.references, strict=True):
        guess, target = _pieces(prediction), _pieces(references[0])
        values = (_f1_of_ngrams(guess, target, 1), _f1_of_ngrams(guess, target, 2), _f1_of_lcs(guess, target))
        for key, value in zip(KEYS, values, strict=True):
            columns[key].append(value)
    return columns


def _pieces(text: str) -> list[list[str]]:
    """What lies between full stops, as words. White space between two full stops is a piece with one empty word, as in the package."""
    return [" ".join(piece.split()).split(" ") for piece in text.split(".") if piece]


def _f1_of_ngrams(guess: Sequence[Sequence[str]], target: Sequence[Sequence[str]], size: int) -> float:
    if not guess or not target:
        return 0.0
    ours, theirs = _ngrams(guess, size), _ngrams(target, size)
    return _f1(len(ours & theirs), len(ours), len(theirs))


def _ngrams(pieces: Sequence[Sequence[str]], size: int) -> set[tuple[str, ...]]:
    words = [word for piece in pieces for word in piece]
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}


def _f1_of_lcs(guess: Sequence[Sequence[str]], target: Sequence[Sequence[str]]) -> float:
    if not guess or not target:
        return 0.0
    shared = {word for ours in target for theirs in guess for word in _common_subsequence(ours, theirs)}
    return _f1(len(shared), len({word for piece in guess for word in piece}), len({word for piece in target for word in piece}))


def _common_subsequence(ours: Sequence[str], theirs: Sequence[str]) -> set[str]:
    """The words of one longest common subsequence: the one that the package's way back through the table finds."""
    table = [[0] * (len(theirs) + 1)]
    for word in ours:
        above, row = table[-1], [0]
        for place, other in enumerate(theirs):
            row.append(above[place] + 1 if word == other else max(above[place + 1], row[place]))
        table.append(row)
    found: set[str] = set()
    left, right = len(ours), len(theirs)
    while left and right:
        if ours[left - 1] == theirs[right - 1]:
            found.add(ours[left - 1])
            left, right = left - 1, right - 1
        elif table[left - 1][right] > table[left][right - 1]:
            left -= 1
        else:
            right -= 1
    return found


def _f1(shared: int, guessed: int, wanted: int) -> float:
    precision = shared / guessed if guessed else 0.0
    recall = shared / wanted if wanted else 0.0
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8))
