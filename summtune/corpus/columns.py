"""Which columns of a file mean what, by the settings, and what to say where a file hasn't got them.

It must not know formats, nor what becomes of the texts.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from summtune.config.settings import Data
from summtune.corpus.table import Table
from summtune.errors import Problem

_SEPARATORS = ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars"), (",", "commas"))


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        id: of the id.
        dialogue: of the dialogue.
        references: of references, the one that is taught first; a file needs one of them.
        topic: of the topic, where it is put before the dialogue.
        keys: the settings key that names each reference column.
    """

    id: str
    dialogue: str
    references: tuple[str, ...]
    topic: str | None
    keys: tuple[str, ...]

    @classmethod
    def of(cls, data: Data) -> Columns:
        """As the settings name them."""
        summaries = (data.summary,) if isinstance(data.summary, str) else data.summary
        keys = ("data.summary",) * len(summaries) + ("data.references",) * len(data.references)
        topic = data.topic if data.topic_prefix else None
        return cls(data.id, data.dialogue, (*summaries, *data.references), topic, keys)

    @property
    def required(self) -> dict[str, str]:
        """Columns that a file can't do without, by settings key; references aside."""
        topic = {} if self.topic is None else {"data.topic": self.topic}
        return {"data.id": self.id, "data.dialogue": self.dialogue, **topic}


def header_problems(table: Table, columns: Columns, *, with_summaries: bool) -> list[Problem]:
    """What is wrong with a file's columns."""
    wanted = [*columns.required.items()]
    present = [(key, column) for key, column in zip(columns.keys, columns.references, strict=True) if column in table.header]
    if with_summaries and not present:
        wanted.append((columns.keys[0], columns.references[0]))
    problems = []
    for key, column in (*wanted, *present):
        if table.header.count(column) > 1:
            problems.append(table.header_problem("two columns have this name.", "Rename one of them.", column))
        elif column not in table.header:
            others = columns.references[1:] if key in columns.keys else ()
            problems.append(_missing(table, key, column, others))
    for column in dict.fromkeys(one for one in columns.references if columns.references.count(one) > 1):
        reason = f"{column!r} is named twice among the references."
        problems.append(Problem(reason, "Name each column once, in data.summary or in data.references.", key="data.references"))
    return problems


def nowhere_to_be_found(columns: Columns, headers: Sequence[Sequence[str]]) -> list[Problem]:
    """Columns of references that none of the files has: a slip. That one of several files lacks one is usual."""
    known = dict.fromkeys(column for header in headers for column in header)
    return [
        Problem(f"no file has a column {column!r}.", f"They have {', '.join(map(repr, known))}.", key=key)
        for key, column in zip(columns.keys, columns.references, strict=True)
        if column not in known
    ]


def _missing(table: Table, key: str, column: str, others: tuple[str, ...]) -> Problem:
    nor = f", nor {', '.join(map(repr, others))}" if others else ""
    return table.header_problem(f"there is no column {column!r} ({key}){nor}.", _advice(table, key, column), column)


def _advice(table: Table, key: str, column: str) -> str:
    if len(table.header) == 1 and table.rows.counted == "line":
        suffix = table.file.suffix.lower()
        for separator, called in _SEPARATORS:
            if separator in table.header[0]:
                if separator == "\t" and suffix == ".csv":
                    return "The file seems to be separated by tabs: name it .tsv."
                if separator == "," and suffix == ".tsv":
                    return "The file seems to be separated by commas: name it .csv."
                meant = "tabs" if suffix == ".tsv" else "commas"
                return f"The file seems to be separated by {called}; it must be separated by {meant}."
    close = difflib.get_close_matches(column, table.header, n=1, cutoff=0.5)
    close = close or [name for name in table.header if name.strip().lower() == column.lower()]
    has = f"The file has {', '.join(repr(name) for name in table.header)}."
    if close:
        return f"Did you mean {close[0]!r}? {has} Rename it, or say --set {key}={close[0]}."
    return f"{has} Say which one it is with --set {key}=<column>."
