"""Cuts Korean and English text into the words that ROUGE compares. Stock ROUGE keeps only `[a-z0-9]`: of Korean it sees nothing.

Tags such as `#Person1#` are cut out first and stay one word each: analysers tear them apart, which inflates scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Literal

from summtune.errors import Problem, SettingsMistake

TAG = re.compile(r"(#[A-Za-z]+\d*#)")

TokenizerName = Literal["mecab", "kiwi", "whitespace", "char", "english"]

REMEMBERED_TEXTS = 50_000
"""Texts whose words are kept, per process: references come again at every evaluation of every trial."""


def chosen(name: str, references: Iterable[str]) -> str:
    """`auto` resolved: mecab where a tenth of the letters or more are Hangul, else english."""
    if name != "auto":
        return name
    letters = hangul = 0
    for reference in references:
        letters += sum(map(str.isalpha, reference))
        hangul += sum("가" <= character <= "힣" for character in reference)
    return "mecab" if letters and hangul / letters >= 0.1 else "english"


def words(text: str, name: str) -> tuple[str, ...]:
    """The words of a text by one of the tokenizers."""
    return cutter(name)(text)


@cache
def cutter(name: str) -> Callable[[str], tuple[str, ...]]:
    """The function that cuts a text into words.

    Raises:
        SettingsMistake: the tokenizer is not there.
    """
    return {"mecab": _mecab, "whitespace": _whitespace, "char": _char, "english": _english}.get(name, _missing(name))()


@lru_cache(maxsize=REMEMBERED_TEXTS)
def remembered_words(name: str, text: str) -> tuple[str, ...]:
    """The words of a text that will be asked for again."""
    return cutter(name)(text)


def _around_tags(cut: Callable[[str], list[str]]) -> Callable[[str], tuple[str, ...]]:
    def words(text: str) -> tuple[str, ...]:
        found: list[str] = []
        for place, part in enumerate(TAG.split(text)):
            # Splitting by a pattern with one group: texts at even places, tags at odd ones.
            found += [part] if place % 2 else cut(part)
        return tuple(found)

    return words


def _mecab() -> Callable[[str], tuple[str, ...]]:
    from mecab import MeCab

    analyser = MeCab()

    def morphemes(text: str) -> list[str]:
        return analyser.morphs(text) if text.strip() else []

    return _around_tags(morphemes)


def _whitespace() -> Callable[[str], tuple[str, ...]]:
    return lambda text: tuple(text.split())  # tags keep their particles: one word, as others count them


def _char() -> Callable[[str], tuple[str, ...]]:
    return _around_tags(lambda text: [character for character in text if not character.isspace()])


def _english() -> Callable[[str], tuple[str, ...]]:
    from rouge_score.tokenizers import DefaultTokenizer

    stock = DefaultTokenizer(use_stemmer=False)
    return _around_tags(lambda text: list(stock.tokenize(text)))


def _missing(name: str) -> Callable[[], Callable[[str], tuple[str, ...]]]:
    def refuse() -> Callable[[str], tuple[str, ...]]:
        remedy = "Take auto, mecab, whitespace, char or english."
        raise SettingsMistake(Problem(f"{name} is not there yet.", remedy, key="evaluation.rouge_tokenizer"))

    return refuse
