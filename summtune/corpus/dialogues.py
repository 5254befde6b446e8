"""Turns a data file into dialogues, and says everything that is wrong with it at once.

It must not know about tokens or models. Rows are never dropped: a row that can't be used is a mistake for a person to mend.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from summtune import paths
from summtune.config.settings import Data
from summtune.corpus.csvfile import Record, Table, read_table
from summtune.errors import DataMistake, Problem

SplitName = Literal["train", "dev", "test"]

SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Dialogue:
    """One row: its id, the dialogue with its line breaks, the summary (None where the file has none), its line in the file."""

    id: str
    dialogue: str
    summary: str | None
    line: int


@dataclass(frozen=True)
class Split:
    """The dialogues of one file, in the file's order.

    Attributes:
        file: where they were read from.
        fingerprint: sha256 of the file's bytes.
        digest: sha256 of the texts that were taken, whatever columns and limits chose them.
        dialogues: what was taken.
    """

    file: Path
    fingerprint: str
    digest: str
    dialogues: tuple[Dialogue, ...]

    @property
    def has_summaries(self) -> bool:
        return all(dialogue.summary is not None for dialogue in self.dialogues)


def split_file(data: Data, split: SplitName) -> Path:
    """The file of a split: what the settings say, or the sample data."""
    given: Path | None = getattr(data, split)
    return given if given is not None else paths.shipped("data") / f"{split}.csv"


def read_split(data: Data, split: SplitName) -> Split:
    """Read train, dev or test as the settings say.

    Raises:
        DataMistake: with every problem of the file (at most 20 shown, and how many more there are).
    """
    whole = read_dialogues(split_file(data, split), data, with_summaries=split != "test")
    limit = {"train": data.max_train_samples, "dev": data.max_val_samples, "test": None}[split]
    if limit is None or limit >= len(whole.dialogues):
        return whole
    return _split(whole.file, whole.fingerprint, whole.dialogues[:limit])


def read_dialogues(file: Path, data: Data, *, with_summaries: bool) -> Split:
    """Read a file by the column names of the settings.

    Args:
        file: a CSV file.
        data: column names.
        with_summaries: whether every row must have a summary; without it the column may be missing or partly empty.

    Raises:
        DataMistake: with every problem of the file.
    """
    try:
        changed = file.stat().st_mtime_ns, file.stat().st_size
    except OSError:
        changed = 0, 0  # read_table names what is wrong
    return _read(file, changed, data.id, data.dialogue, data.summary, with_summaries)


@lru_cache(maxsize=8)
def _read(file: Path, changed: tuple[int, int], id_column: str, dialogue_column: str, summary_column: str, with_summaries: bool) -> Split:
    # A reused actor reads the same file for every trial; `changed` makes an edited file a new one.
    table = read_table(file)
    wanted = {"data.id": id_column, "data.dialogue": dialogue_column, "data.summary": summary_column}
    if not with_summaries and summary_column not in table.header:
        wanted.pop("data.summary")
    problems = _header_problems(table, wanted, str(file))
    if problems:
        raise DataMistake(problems)
    places = {key: table.header.index(column) for key, column in wanted.items()}
    problems = [*table.problems]
    dialogues = []
    first_line: dict[str, int] = {}
    for record in table.records:
        dialogue, found = _dialogue(record, places, wanted, with_summaries, str(file))
        problems += found
        seen = first_line.setdefault(dialogue.id, record.line)
        if dialogue.id and seen != record.line:
            reason = f"{dialogue.id!r} was already the id of line {seen}."
            problems.append(Problem(reason, "Ids must differ.", key=id_column, file=str(file), line=record.line))
        dialogues.append(dialogue)
    if not dialogues and not problems:
        problems.append(Problem("there is a header, but no row.", "Add at least one dialogue.", file=str(file)))
    if problems:
        raise DataMistake(_capped(sorted(problems, key=lambda problem: problem.line or 0), str(file)))
    return _split(file, table.sha256, tuple(dialogues))


def _split(file: Path, fingerprint: str, dialogues: tuple[Dialogue, ...]) -> Split:
    texts = json.dumps([(dialogue.dialogue, dialogue.summary) for dialogue in dialogues], ensure_ascii=False)
    return Split(file, fingerprint, hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest(), dialogues)


def _header_problems(table: Table, wanted: dict[str, str], file: str) -> list[Problem]:
    problems = []
    for key, column in wanted.items():
        if table.header.count(column) > 1:
            problems.append(Problem("two columns have this name.", "Rename one of them.", key=column, file=file, line=1))
        elif column not in table.header:
            problems.append(
                Problem(f"there is no column {column!r} ({key}).", _column_advice(table, key, column), key=column, file=file, line=1)
            )
    return problems


def _column_advice(table: Table, key: str, column: str) -> str:
    if len(table.header) == 1:
        for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
            if separator in table.header[0]:
                return f"The file seems to be separated by {called}; it must be separated by commas."
    close = difflib.get_close_matches(column, table.header, n=1, cutoff=0.5)
    close = close or [name for name in table.header if name.strip().lower() == column.lower()]
    has = f"The file has {', '.join(repr(name) for name in table.header)}."
    if close:
        return f"Did you mean {close[0]!r}? {has} Rename it, or say --set {key}={close[0]}."
    return f"{has} Say which one it is with --set {key}=<column>."


def _dialogue(
    record: Record, places: dict[str, int], wanted: dict[str, str], with_summaries: bool, file: str
) -> tuple[Dialogue, list[Problem]]:
    values = {key: record.fields[place].replace("\r\n", "\n").replace("\r", "\n") for key, place in places.items()}
    problems = []
    for key, value in values.items():
        optional = key == "data.summary" and not with_summaries
        if not value.strip() and not optional:
            problems.append(Problem("is empty.", "Fill it in, or delete the row.", key=wanted[key], file=file, line=record.line))
        if "\0" in value:
            problems.append(Problem("holds a NUL character.", "Delete it.", key=wanted[key], file=file, line=record.line))
    summary = values.get("data.summary")
    summary = summary.strip() or None if summary is not None else None
    return Dialogue(values["data.id"].strip(), values["data.dialogue"].strip(), summary, record.line), problems


def _capped(problems: list[Problem], file: str) -> list[Problem]:
    if len(problems) <= SHOWN_PROBLEMS:
        return problems
    more = Problem(f"and {len(problems) - SHOWN_PROBLEMS} more problems like these.", file=file)
    return [*problems[:SHOWN_PROBLEMS], more]
