"""Turns a data file into dialogues, and says everything that is wrong with it at once.

It must not know about tokens or models. Rows are never dropped: a row that can't be used is a mistake for a person to mend.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from summtune import paths
from summtune.config.settings import Data
from summtune.corpus.cells import Reader, dialogue_text, name_text, plain_text
from summtune.corpus.cleaning import cleaned
from summtune.corpus.columns import Columns, header_problems
from summtune.corpus.reading import read_table
from summtune.corpus.table import Record, Table
from summtune.errors import DataMistake, Problem

SplitName = Literal["train", "dev", "test"]

SHOWN_PROBLEMS = 20

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
"""A surrogate by itself: JSON can write it, and no encoding can."""


@dataclass(frozen=True)
class Dialogue:
    """One row.

    Attributes:
        id: its id.
        dialogue: what the model reads: the dialogue with its line breaks, cleaned and below its topic where the settings ask for that.
        summary: what is taught: the first reference, cleaned where the settings ask for that; None where the row has none.
        references: all references that are not empty, as they stand in the file: cleaning never changes what is scored by.
        line: its line in the file, or its number where lines mean nothing.
        cleaned: whether cleaning changed the dialogue, and the summary.
    """

    id: str
    dialogue: str
    summary: str | None
    references: tuple[str, ...]
    line: int
    cleaned: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Cleaned:
    """How many texts `data.clean` changed."""

    dialogues: int
    summaries: int


@dataclass(frozen=True)
class Split:
    """The dialogues of one file, in the file's order.

    Attributes:
        file: where they were read from.
        fingerprint: sha256 of the file's bytes.
        digest: sha256 of the texts that are tokenised, whatever format, columns, limits and cleaning they come of.
        dialogues: what was taken.
        header: the file's columns.
        cleaned: what cleaning changed in these dialogues; None where it was not asked for.
    """

    file: Path
    fingerprint: str
    digest: str
    dialogues: tuple[Dialogue, ...]
    header: tuple[str, ...]
    cleaned: Cleaned | None

    @property
    def content(self) -> str:
        """Sha256 of all that is read, taught and scored by: `digest`, and the further references."""
        texts = json.dumps([self.digest, [dialogue.references for dialogue in self.dialogues]], ensure_ascii=False)
        return hashlib.sha256(texts.encode()).hexdigest()

    @property
    def has_summaries(self) -> bool:
        return all(dialogue.references for dialogue in self.dialogues)


def split_file(data: Data, split: SplitName) -> Path:
    """The file of a split: what the settings say, or the sample data.

    Raises:
        DataMistake: test data are wanted beside a person's own training data, and none are named; the sample's are others.
    """
    given: Path | None = getattr(data, split)
    if given is None and split == "test" and not has_test(data):
        raise DataMistake(Problem("your training data have no test data beside them.", "Give data.test.", key="data.test"))
    return given if given is not None else paths.shipped("data") / f"{split}.csv"


def has_test(data: Data) -> bool:
    """Whether there are test data: named ones, or the sample's where all data are the sample's."""
    return data.test is not None or data.train is None


def read_split(data: Data, split: SplitName) -> Split:
    """Read train, dev or test as the settings say.

    Raises:
        DataMistake: with every problem of the file (at most 20 shown, and how many more there are).
    """
    whole = read_dialogues(split_file(data, split), data, with_summaries=split != "test")
    limit = {"train": data.max_train_samples, "dev": data.max_val_samples, "test": None}[split]
    if limit is None or limit >= len(whole.dialogues):
        return whole
    return _split(whole.file, whole.fingerprint, whole.dialogues[:limit], whole.header, clean=data.clean)


def read_dialogues(file: Path, data: Data, *, with_summaries: bool) -> Split:
    """Read a file by the column names and text options of the settings.

    Args:
        file: a data file, of a format that `reading` knows.
        data: column names, and what is done with texts.
        with_summaries: whether every row must have a summary; without it the columns may be missing or partly empty.

    Raises:
        DataMistake: with every problem of the file.
    """
    try:
        changed = file.stat().st_mtime_ns, file.stat().st_size
    except OSError:
        changed = 0, 0  # read_table names what is wrong
    return _read(file, changed, Columns.of(data), with_summaries, data.clean)


@lru_cache(maxsize=8)
def _read(file: Path, changed: tuple[int, int], columns: Columns, with_summaries: bool, clean: bool) -> Split:
    # A reused actor reads the same file for every trial; `changed` makes an edited file a new one.
    table = read_table(file)
    if not table.header:
        nothing = Problem("there is no row.", "Add at least one dialogue.", file=str(file))
        raise DataMistake(capped([problem for _, problem in table.problems] or [nothing], str(file)))
    problems = header_problems(table, columns, with_summaries=with_summaries)
    if problems:
        raise DataMistake(problems)
    has = tuple(column for column in columns.references if column in table.header)
    numbered = [*table.problems]
    dialogues = []
    first: dict[str, int] = {}
    for record in table.records:
        row = _Row(table, record)
        dialogue = _dialogue(row, columns, has, with_summaries=with_summaries, clean=clean)
        seen = first.setdefault(dialogue.id, record.number)
        if dialogue.id and seen != record.number:
            row.complain(columns.id, f"{dialogue.id!r} was already the id of {table.called(seen)}.", "Ids must differ.")
        numbered += [(record.number, problem) for problem in row.problems]
        dialogues.append(dialogue)
    if not dialogues and not numbered:
        numbered.append((0, Problem("there is a header, but no row.", "Add at least one dialogue.", file=str(file))))
    if numbered:
        raise DataMistake(capped([problem for _, problem in sorted(numbered, key=lambda one: one[0])], str(file)))
    return _split(file, table.sha256, tuple(dialogues), table.header, clean=clean)


def _split(file: Path, fingerprint: str, dialogues: tuple[Dialogue, ...], header: tuple[str, ...], *, clean: bool) -> Split:
    # Only the first reference is ever tokenised: further ones must not make anything anew.
    texts = json.dumps([(dialogue.dialogue, dialogue.summary, dialogue.references[:1]) for dialogue in dialogues], ensure_ascii=False)
    cleaned = Cleaned(*(sum(dialogue.cleaned[which] for dialogue in dialogues) for which in (0, 1))) if clean else None
    return Split(file, fingerprint, hashlib.sha256(texts.encode()).hexdigest(), dialogues, header, cleaned)


class _Row:
    """One record, read cell by cell, its problems collected."""

    def __init__(self, table: Table, record: Record) -> None:
        self.table, self.record = table, record
        self.problems: list[Problem] = []

    def complain(self, column: str, reason: str, remedy: str) -> None:
        self.problems.append(self.table.problem(self.record, reason, remedy, column))

    def text(self, column: str, read: Reader, *, optional: bool = False) -> str:
        """A cell's text, stripped; empty, with a complaint unless it is optional, where there is none."""
        value = self.record.cells.get(column)
        if value is None:
            if not optional:
                why = "is null." if column in self.record.cells else "is missing."
                self.complain(column, why, "Fill it in, or delete the row.")
            return ""
        try:
            text = read(value)
        except ValueError as problem:
            self.complain(column, str(problem), "")
            return ""
        if not text.strip() and not optional:
            self.complain(column, "is empty.", "Fill it in, or delete the row.")
        if "\0" in text:
            self.complain(column, "holds a NUL character.", "Delete it.")
        elif _HALF_CHARACTER.search(text):
            self.complain(column, "holds half of a surrogate pair, which is no character.", "Write the character itself.")
            return ""
        return text.strip()


def _dialogue(row: _Row, columns: Columns, has: tuple[str, ...], *, with_summaries: bool, clean: bool) -> Dialogue:
    source = row.text(columns.dialogue, dialogue_text)
    topic = row.text(columns.topic, name_text) if columns.topic is not None else None
    alone = len(has) == 1 and with_summaries
    references = {column: text for column in has if (text := row.text(column, plain_text, optional=not alone))}
    if with_summaries and not references and not alone and not row.problems:
        row.complain(has[0], f"is empty, and so {'is' if len(has) == 2 else 'are'} {', '.join(has[1:])}.", "Fill in at least one.")
    taught, summary = next(iter(references.items()), ("", None))
    changed = [False, False]
    if clean:
        source, changed[0] = _cleaned(row, columns.dialogue, source)
        if summary is not None:
            summary, changed[1] = _cleaned(row, taught, summary)
        topic = cleaned(topic) if topic is not None else None
    source = source if topic is None else with_topic(topic, source)
    return Dialogue(
        row.text(columns.id, name_text), source, summary, tuple(references.values()), row.record.number, (changed[0], changed[1])
    )


def _cleaned(row: _Row, column: str, text: str) -> tuple[str, bool]:
    """A text cleaned, and whether that changed it. A text of nothing but unseen characters is a mistake."""
    left = cleaned(text)
    if text and not left:
        row.complain(column, "holds nothing but characters that data.clean takes out.", "Fill it in, or delete the row.")
    return left, left != text


def with_topic(topic: str, dialogue: str) -> str:
    """The form of `data.topic_prefix`: the topic in square brackets, on a line of its own above the dialogue."""
    return f"[{topic}]\n{dialogue}"


def capped(problems: list[Problem], file: str) -> list[Problem]:
    """A file's first problems, and how many more there are."""
    if len(problems) <= SHOWN_PROBLEMS:
        return problems
    more = Problem(f"and {len(problems) - SHOWN_PROBLEMS} more problems like these.", file=file)
    return [*problems[:SHOWN_PROBLEMS], more]
