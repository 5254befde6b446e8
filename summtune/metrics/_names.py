"""Names in Korean and English text: proper nouns by MeCab's dictionary, and capitalised words that don't just begin a sentence.

Like `_numbers`, it would rather miss a name than take another word for one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from summtune.metrics._text import TAG, sentences

_CAPITALISED = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]+(?:['’](?:s|ll|d|ve|re))?(?![A-Za-z])")
_HANGUL = re.compile(r"[가-힣]")
_NOT_NAMES = """
mr mrs ms miss dr prof sir madam christmas ok okay tv cd dvd pc sns id am pm
monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december
i he she it we you they this that these those there here who what where how let then so and but
mom mum dad mother father grandma grandpa
"""
"""Titles, days, words for kin, and words that contractions or bad punctuation make look like owners and names: There's, so They sign."""


def claimed(text: str) -> set[str]:
    """The names in a summary, as they stand there."""
    plain = TAG.sub(" ", text)
    return _capitalised(plain) | (_proper_nouns(text) if _HANGUL.search(plain) else set())


def supported(name: str, dialogue: str) -> bool:
    """Whether a dialogue has a name, in whatever spelling of its letters' size, white space and the dots of abbreviations aside."""
    return _folded(name) in _folded(dialogue)


def _folded(text: str) -> str:
    return re.sub(r"[\s.]+", "", text).casefold()


def _capitalised(text: str) -> set[str]:
    found: dict[str, bool] = {}
    for sentence in sentences(text):
        for match in _CAPITALISED.finditer(sentence):
            inside = any(map(str.isalpha, sentence[: match.start()])) or bool(_HANGUL.search(sentence))
            word = re.sub(r"['’][a-z]+$", "", match[0])
            # The first word of a sentence is a name for certain only if it owns something, or is capitalised elsewhere, too.
            found[word] = found.get(word, False) or inside or word != match[0]
    return {word for word, certain in found.items() if certain and word.lower() not in _NOT_NAMES.split() and len(word) > 1}


def _proper_nouns(text: str) -> set[str]:
    plain = TAG.sub("A", text)  # a letter in its place, so that the particle behind a tag is taken for one
    found = set()
    for morpheme in _analyser().parse(plain):
        begin = morpheme.span.start
        at_front = begin == 0 or not _HANGUL.match(plain[begin - 1])
        if at_front and morpheme.feature.pos == "NNP" and len(morpheme.surface) > 1:
            found.add(morpheme.surface)
    return found


@cache
def _analyser() -> Any:
    from mecab import MeCab

    return MeCab()
