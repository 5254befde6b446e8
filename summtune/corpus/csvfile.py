"""Reads a CSV file strictly, so that a broken line is named by its place instead of shifting columns in silence.

It knows CSV and encodings, and nothing of dialogues: what the columns mean is `dialogues`' affair.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from summtune.errors import DataMistake, Problem

LARGEST_FIELD = 10_000_000
"""Characters in one field; an unterminated quote would otherwise swallow a whole file into one."""


@dataclass(frozen=True)
class Record:
    """One row: its first physical line in the file (1-based), and its fields."""

    line: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A file as read: header, rows that are whole, problems of those that are not, and the sha256 of its bytes."""

    header: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    sha256: str


def read_table(file: Path) -> Table:
    """Read a UTF-8 CSV file (a byte order mark is fine).

    Raises:
        DataMistake: there is no such file, it is empty, it is not UTF-8, or it isn't CSV by its name.
    """
    if file.suffix.lower() != ".csv":
        raise DataMistake(Problem(f"{file.suffix or 'a file without a suffix'} can't be read.", "Give a .csv file.", file=str(file)))
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataMistake(Problem("there is no such file.", _what_is_there(file), file=str(file))) from None
    except IsADirectoryError:
        raise DataMistake(Problem("this is a folder.", "Give a CSV file in it.", file=str(file))) from None
    except OSError as problem:
        raise DataMistake(Problem(f"can't be read: {problem.strerror}.", file=str(file))) from problem
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataMistake(Problem("the file is empty.", "It needs a header line and at least one row.", file=str(file)))
    text = _decoded(content, file)
    header, records, problems = _parsed(text, str(file))
    return Table(header, tuple(records), tuple(problems), hashlib.sha256(content).hexdigest())


def _what_is_there(file: Path) -> str:
    if not file.parent.is_dir():
        return f"There is no folder {file.parent} either."
    beside = sorted(entry.name for entry in file.parent.glob("*.csv"))[:5]
    return f"Its folder has {', '.join(beside)}." if beside else "Its folder has no CSV file."


def _decoded(content: bytes, file: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line_start = content.rfind(b"\n", 0, problem.start) + 1
        raise DataMistake(
            Problem(
                f"not UTF-8: byte 0x{content[problem.start]:02x} at byte offset {problem.start} of the file.",
                f"Save it as UTF-8{_likely_encoding(content)}.",
                file=str(file),
                line=content.count(b"\n", 0, problem.start) + 1,
                column=len(content[line_start : problem.start].decode("utf-8", "replace")) + 1,
            )
        ) from None


def _likely_encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return " (it looks like UTF-16)"
    try:
        content.decode("cp949")
    except UnicodeDecodeError:
        return ""
    return " (it looks like CP949, which Korean Excel writes: choose `CSV UTF-8` when saving)"


def _parsed(text: str, file: str) -> tuple[tuple[str, ...], list[Record], list[Problem]]:
    header: tuple[str, ...] = ()
    records: list[Record] = []
    problems: list[Problem] = []
    previous_limit = csv.field_size_limit(LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as problem:
                # What follows a torn quote is cut at the wrong places: more messages would only mislead.
                problems.append(Problem(_torn_quote(str(problem)), "Rows from here on were not read.", file=file, line=line))
                break
            if not any(fields):
                continue
            if not header:
                header = tuple(field.strip() for field in fields)
            elif len(fields) != len(header):
                found = f"this row has {_count(len(fields))}, the header has {_count(len(header))}."
                problems.append(Problem(found, "Put text that holds a comma or a line break into double quotes.", file=file, line=line))
            else:
                records.append(Record(line, tuple(fields)))
    finally:
        csv.field_size_limit(previous_limit)
    return header, records, problems


def _torn_quote(reason: str) -> str:
    if "end of data" in reason:
        return "the double quote that opens in this row is never closed."
    if "expected after" in reason:
        return 'text follows a closing double quote; a quote inside a quoted field is written twice ("").'
    return f"this row isn't CSV: {reason}."


def _count(fields: int) -> str:
    return "1 field" if fields == 1 else f"{fields} fields"
