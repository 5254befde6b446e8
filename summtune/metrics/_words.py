"""Cuts Korean and English text into the words that metrics compare. Stock ROUGE keeps only `[a-z0-9]`: of Korean it sees nothing.

Tags such as `#Person1#` are cut out first and stay one word each: analysers tear them apart, which inflates scores. A new tokenizer is a
function and a line of the table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version

from summtune.errors import Problem, SettingsMistake
from summtune.metrics._text import TAG, sentences

Words = tuple[str, ...]
Cut = Callable[[str], Words]

REMEMBERED_TEXTS = 50_000
"""Texts whose words are kept, per process: references and dialogues come again at every evaluation of every trial."""


@dataclass(frozen=True)
class Tokenizer:
    """A way to cut text into words.

    Attributes:
        make: gives the function that cuts; it may load a dictionary.
        packages: distributions whose versions decide what comes out.
        extra: the extra of summtune that brings them; empty where they are always there.
    """

    make: Callable[[], Cut]
    packages: tuple[str, ...] = ()
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Analysed:
    """A text as words: of the whole, and sentence by sentence."""

    whole: Words
    sentences: tuple[Words, ...]


def chosen(name: str, texts: Iterable[str]) -> str:
    """`auto` resolved by script: mecab where a tenth of the letters or more are Hangul, else english."""
    if name != "auto":
        return name
    letters = hangul = 0
    for text in texts:
        plain = TAG.sub(" ", text)
        letters += sum(map(str.isalpha, plain))
        hangul += sum("가" <= character <= "힣" for character in plain)
    return "mecab" if letters and hangul / letters >= 0.1 else "english"


def words(text: str, name: str) -> Words:
    """The words of a text by one of the tokenizers, computed anew."""
    return cutter(name)(text)


@cache
def cutter(name: str) -> Cut:
    """The function that cuts a text into words.

    Raises:
        SettingsMistake: a package that it needs is not installed.
    """
    tokenizer = TOKENIZERS[name]
    described(name)  # says what is missing, if anything is
    return tokenizer.make()


@cache
def described(name: str) -> str:
    """The tokenizer's name, with the versions that its words depend on; `auto` while it has not been chosen.

    Raises:
        SettingsMistake: a package that it needs is not installed.
    """
    if name == "auto":
        return name
    tokenizer = TOKENIZERS[name]
    try:
        versions = [f"{package} {version(package)}" for package in tokenizer.packages]
    except PackageNotFoundError as missing:
        remedy = f"Install it: pip install 'summtune[{tokenizer.extra}]'." if tokenizer.extra else "Install summtune again."
        raise SettingsMistake(Problem(f"{name} needs {missing.name}.", remedy, key="evaluation.rouge_tokenizer")) from None
    return f"{name} ({', '.join(versions)})" if versions else name


@lru_cache(maxsize=REMEMBERED_TEXTS)
def remembered(text: str, name: str) -> Analysed:
    """The words of a text that will be asked for again. Equal words are one object, so that 50,000 texts take some 30 MB, not 200."""
    return _shared(analysed(text, name))


def analysed(text: str, name: str) -> Analysed:
    """The words of a text. The whole is cut as a whole: an analyser looks across the ends of sentences."""
    cut = cutter(name)
    whole = cut(text)
    parts = sentences(text)
    return Analysed(whole, tuple(map(cut, parts)) if len(parts) > 1 else (whole,) if whole else ())


def _shared(one: Analysed) -> Analysed:
    return Analysed(tuple(map(sys.intern, one.whole)), tuple(tuple(map(sys.intern, part)) for part in one.sentences))


def _around_tags(cut: Callable[[str], list[str]]) -> Cut:
    def words(text: str) -> Words:
        found: list[str] = []
        for place, part in enumerate(TAG.split(text)):
            # Splitting by a pattern with one group: texts at even places, tags at odd ones.
            found += [part] if place % 2 else cut(part)
        return tuple(found)

    return words


def _mecab() -> Cut:
    from mecab import MeCab

    analyser = MeCab()

    def morphemes(text: str) -> list[str]:
        found: list[str] = analyser.morphs(text) if text.strip() else []
        return found

    return _around_tags(morphemes)


def _kiwi() -> Cut:
    from kiwipiepy import Kiwi

    analyser = Kiwi(num_workers=1)  # texts come one at a time; its threads would only take the training's cores
    return _around_tags(lambda text: [token.form for token in analyser.tokenize(text)])


def _whitespace() -> Cut:
    return lambda text: tuple(text.split())  # tags keep their particles: one word, as others count them


def _char() -> Cut:
    return _around_tags(lambda text: [character for character in text if not character.isspace()])


def _english() -> Cut:
    from rouge_score.tokenizers import DefaultTokenizer

    stock = DefaultTokenizer(use_stemmer=False)
    return _around_tags(lambda text: list(stock.tokenize(text)))


TOKENIZERS: Mapping[str, Tokenizer] = {
    "mecab": Tokenizer(_mecab, ("python-mecab-ko", "python-mecab-ko-dic")),
    "kiwi": Tokenizer(_kiwi, ("kiwipiepy", "kiwipiepy_model"), extra="kiwi"),
    "whitespace": Tokenizer(_whitespace),
    "char": Tokenizer(_char),
    "english": Tokenizer(_english, ("rouge-score",)),
}
