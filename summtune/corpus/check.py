"""Looks at all data of a training before anything starts: fast, without torch, and with the mistakes of every file at once.

What it finds out goes into environment.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, get_args

from summtune.config.settings import Settings
from summtune.corpus.columns import Columns, nowhere_to_be_found
from summtune.corpus.dialogues import SplitName, read_split
from summtune.errors import DataMistake, Problem

_TAG = re.compile(r"#[A-Za-z]+\d*#")


@dataclass(frozen=True)
class SplitFacts:
    """One file: where it is, how many rows were taken, sha256 of it and of what was taken, the share of letters that are Hangul, whether
    each row has a summary, and its columns of references.
    """

    file: str
    rows: int
    fingerprint: str
    content: str
    hangul_share: float
    with_summaries: bool
    references: tuple[str, ...]


@dataclass(frozen=True)
class CorpusFacts:
    """What is known of the data that a run trains on; `splits` has train and dev, and test where it was asked for."""

    splits: dict[str, SplitFacts]

    @property
    def fingerprints(self) -> dict[str, str]:
        """By split."""
        return {name: facts.fingerprint for name, facts in self.splits.items()}

    def to_record(self) -> dict[str, Any]:
        """JSON-able: split name to its facts."""
        return {name: asdict(facts) for name, facts in self.splits.items()}


def check_corpus(settings: Settings, splits: Iterable[SplitName] = ("train", "dev")) -> CorpusFacts:
    """Read every file that a training needs, and say what is wrong with any of them.

    A test file that the settings name is checked too, since a mistake in it would otherwise show only after the run.

    Raises:
        DataMistake: the problems of all files.
    """
    wanted = set(splits) | ({"test"} if settings.data.test is not None else set())
    found: dict[str, SplitFacts] = {}
    problems: list[Problem] = []
    headers = []
    columns = Columns.of(settings.data)
    for name in get_args(SplitName):
        if name not in wanted:
            continue
        try:
            split = read_split(settings.data, name)
        except DataMistake as mistake:
            problems += mistake.problems
            continue
        share = hangul_share(dialogue.dialogue for dialogue in split.dialogues)
        has = tuple(column for column in columns.references if column in split.header)
        headers.append(split.header)
        rows, hashes = len(split.dialogues), (split.fingerprint, split.content)
        found[name] = SplitFacts(str(split.file), rows, *hashes, round(share, 3), split.has_summaries, has)
    problems = problems or nowhere_to_be_found(columns, headers)
    if problems:
        raise DataMistake(problems)
    return CorpusFacts(found)


def hangul_share(texts: Iterable[str], enough: int = 100_000) -> float:
    """Share of letters that are Hangul syllables, speaker tags aside, judged by the first `enough` characters."""
    letters = hangul = characters = 0
    for text in texts:
        text = _TAG.sub("", text)
        letters += sum(map(str.isalpha, text))
        hangul += sum("가" <= character <= "힣" for character in text)
        characters += len(text)
        if characters >= enough:
            break
    return hangul / letters if letters else 0.0
