"""Reads a data file by its suffix into a `Table`; every format strictly, so that what is broken is named and nothing is guessed.

It knows files and formats, and nothing of dialogues: what the columns mean is `dialogues`' affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from summtune.corpus.delimited import read_delimited
from summtune.corpus.json_rows import read_json, read_json_lines
from summtune.corpus.parquet import read_parquet
from summtune.corpus.table import Rows, Table
from summtune.corpus.text import decoded
from summtune.errors import DataMistake, Problem

_TEXT_FORMATS: Mapping[str, Callable[[str], Rows]] = {
    ".csv": partial(read_delimited, separator=","),
    ".tsv": partial(read_delimited, separator="\t"),
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}
_PARQUET = ".parquet"

SUFFIXES = (*_TEXT_FORMATS, _PARQUET)


def read_table(file: Path) -> Table:
    """Read a data file: UTF-8 text (a byte order mark is fine), or Parquet.

    Raises:
        DataMistake: there is no such file, it is empty, it is not UTF-8, or of no known format by its name.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        remedy = f"Give a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file."
        raise DataMistake(Problem(f"{suffix or 'a file without a suffix'} can't be read.", remedy, file=str(file)))
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataMistake(Problem("there is no such file.", _what_is_there(file), file=str(file))) from None
    except IsADirectoryError:
        raise DataMistake(Problem("this is a folder.", "Give a data file in it.", file=str(file))) from None
    except OSError as problem:
        raise DataMistake(Problem(f"can't be read: {problem.strerror}.", file=str(file))) from problem
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        remedy = "It needs a header line and at least one row." if suffix in (".csv", ".tsv") else "It needs at least one row."
        raise DataMistake(Problem("the file is empty.", remedy, file=str(file)))
    rows = read_parquet(content) if suffix == _PARQUET else _TEXT_FORMATS[suffix](decoded(content, file))
    return Table(file, rows, hashlib.sha256(content).hexdigest())


def _what_is_there(file: Path) -> str:
    if not file.parent.is_dir():
        return f"There is no folder {file.parent} either."
    beside = sorted(entry.name for entry in file.parent.iterdir() if entry.suffix.lower() in SUFFIXES)[:5]
    return f"Its folder has {', '.join(beside)}." if beside else "Its folder has no data file."
