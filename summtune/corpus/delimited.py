"""Reads CSV and TSV strictly, so that a broken line is named by its place instead of shifting columns in silence.

Both quote alike: a field that holds the separator, a line break or a double quote stands in double quotes, and those in it are doubled.
"""

from __future__ import annotations

import csv
import io

from summtune.corpus.table import Found, Record, Rows

LARGEST_FIELD = 10_000_000
"""Characters in one field; an unterminated quote would otherwise swallow a whole file into one."""

_SEPARATORS = {",": "a comma", "\t": "a tab"}


def read_delimited(text: str, separator: str) -> Rows:
    """The rows of a text whose first line that isn't empty is the header.

    Args:
        text: the file's.
        separator: comma or tab.
    """
    header: tuple[str, ...] = ()
    records: list[Record] = []
    found: list[Found] = []
    previous_limit = csv.field_size_limit(LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as problem:
                # What follows a torn quote is cut at the wrong places: more messages would only mislead.
                found.append(Found(line, _torn_quote(str(problem), separator), "Rows from here on were not read."))
                break
            if not fields or not (header or any(fields)):
                continue  # an empty line; a row of separators alone is a row, and what it lacks is named
            if not header:
                header = tuple(field.strip() for field in fields)
            elif len(fields) != len(header):
                reason = f"this row has {_count(len(fields))}, the header has {_count(len(header))}."
                found.append(Found(line, reason, f"Put text that holds {_SEPARATORS[separator]} or a line break into double quotes."))
            else:
                records.append(Record(line, dict(zip(header, fields, strict=True))))
    finally:
        csv.field_size_limit(previous_limit)
    return Rows(header, tuple(records), tuple(found), "line")


def _torn_quote(reason: str, separator: str) -> str:
    if "end of data" in reason:
        return "the double quote that opens in this row is never closed."
    if "expected after" in reason:
        return 'text follows a closing double quote; a quote inside a quoted field is written twice ("").'
    return f"this row isn't {'TSV' if separator == chr(9) else 'CSV'}: {reason}."


def _count(fields: int) -> str:
    return "1 field" if fields == 1 else f"{fields} fields"
