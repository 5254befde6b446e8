"""A data file as read, whatever its format: rows of cells under named columns, and what is wrong with the rows that aren't here.

It knows neither formats (each has a module that makes one of these) nor dialogues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from summtune.errors import Problem

Counted = Literal["line", "row"]
"""How rows are named to a person: by the line that they begin in, or by their number where lines mean nothing."""


@dataclass(frozen=True)
class Record:
    """One row: its line or number (1-based), and its cells by column. A column that the row hasn't got is absent."""

    number: int
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A problem of one row, not yet told in which file."""

    number: int | None
    reason: str
    remedy: str = ""
    column: int | None = None


@dataclass(frozen=True)
class Rows:
    """What a format's reader makes of a file's content."""

    header: tuple[str, ...]
    records: tuple[Record, ...]
    found: tuple[Found, ...]
    counted: Counted


@dataclass(frozen=True)
class Table:
    """A file: its columns, the rows that are whole, the problems of those that are not, and the sha256 of its bytes."""

    file: Path
    rows: Rows
    sha256: str

    @property
    def header(self) -> tuple[str, ...]:
        return self.rows.header

    @property
    def records(self) -> tuple[Record, ...]:
        return self.rows.records

    @property
    def problems(self) -> list[tuple[int, Problem]]:
        """What is wrong with the rows that could not be read, with their numbers."""
        return [(one.number or 0, self._place(one)) for one in self.rows.found]

    def problem(self, record: Record, reason: str, remedy: str, key: str) -> Problem:
        """A problem with one row's cell."""
        if self.rows.counted == "line":
            return Problem(reason, remedy, key=key, file=str(self.file), line=record.number)
        return Problem(reason, remedy, key=f"row {record.number}: {key}", file=str(self.file))

    def header_problem(self, reason: str, remedy: str, key: str) -> Problem:
        """A problem with the columns."""
        return Problem(reason, remedy, key=key, file=str(self.file), line=1 if self.rows.counted == "line" else None)

    def called(self, number: int) -> str:
        """A row's place in words."""
        return f"{self.rows.counted} {number}"

    def _place(self, found: Found) -> Problem:
        if self.rows.counted == "line" or found.number is None:
            return Problem(found.reason, found.remedy, file=str(self.file), line=found.number, column=found.column)
        return Problem(found.reason, found.remedy, key=f"row {found.number}", file=str(self.file))
