"""Reads JSON (a list of objects) and JSON Lines (an object per line) strictly; rows are objects, columns their keys.

Values are kept as they are: what one may say as text is `cells`' affair.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from summtune.corpus.table import Found, Record, Rows


class _Refused(ValueError):
    """What Python's parser would take, and JSON doesn't allow."""


def read_json_lines(text: str) -> Rows:
    """The objects of a text with one per line; empty lines count, and are passed over."""
    records: list[Record] = []
    found: list[Found] = []
    # Not splitlines(): JSON allows U+2028 and its like inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _loaded(line)
        except json.JSONDecodeError as problem:
            if not records and not found and line.lstrip()[:1] == "[":
                return _refused(_broken(problem), "A list of objects is a .json file, not JSON Lines: rename it.", 1)
            found.append(Found(number, _broken(problem), "Each line must be one JSON object.", problem.colno))
        except ValueError as problem:
            found.append(Found(number, str(problem)))
        else:
            if isinstance(value, dict):
                records.append(Record(number, value))
            else:
                remedy = (
                    "A list of objects is a .json file: rename it." if isinstance(value, list) else "Each line must be one JSON object."
                )
                found.append(Found(number, f"{_kind(value)}, where an object is meant.", remedy))
    return Rows(_columns(records), tuple(records), tuple(found), "line")


def read_json(text: str) -> Rows:
    """The objects of a text that is a list of objects, or an object around a single such list (`{"data": [...]}`)."""
    try:
        value = _loaded(text)
    except json.JSONDecodeError as problem:
        lines = problem.msg == "Extra data" and text.lstrip()[:1] == "{"
        remedy = "Is it JSON Lines, an object per line? Then name it .jsonl." if lines else "Nothing of the file was read."
        return _refused(_broken(problem), remedy, problem.lineno, problem.colno)
    except ValueError as problem:
        return _refused(str(problem), "Nothing of the file was read.")
    rows = value if isinstance(value, list) else _only_list(value)
    if rows is None:
        return _refused(f"{_kind(value)}, where a list of objects is meant.", _advice(value))
    records: list[Record] = []
    found: list[Found] = []
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            records.append(Record(number, row))
        else:
            found.append(Found(number, f"{_kind(row)}, where an object is meant."))
    return Rows(_columns(records), tuple(records), tuple(found), "row")


def _loaded(text: str) -> Any:
    """A JSON value.

    Raises:
        ValueError: it isn't JSON, holds a key twice, or more than can be read.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise _Refused("it is nested too deeply.") from None
    except (json.JSONDecodeError, _Refused):
        raise
    except ValueError:  # Python refuses to read whole numbers of more than 4,300 digits
        raise _Refused("it holds a number of thousands of digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"{next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object.")
    return made


def _no_number(word: str) -> Any:
    raise _Refused(f"{word} isn't JSON; write null for what is missing.")


def _only_list(value: Any) -> list[Any] | None:
    """The list of objects in an object that holds a single one, and else only plain values."""
    if not isinstance(value, dict):
        return None
    inner = [one for one in value.values() if isinstance(one, (list, dict))]
    if len(inner) != 1 or not isinstance(inner[0], list) or not inner[0] or not all(isinstance(row, dict) for row in inner[0]):
        return None
    return inner[0]


def _advice(value: Any) -> str:
    if isinstance(value, dict):
        lists = [key for key, one in value.items() if isinstance(one, list)]
        if len(lists) > 1 and all(isinstance(row, dict) for key in lists for row in value[key]):
            return f"Which of {', '.join(map(repr, lists))} is it? Save that one as a file of its own."
        if lists and len(lists) == len(value):
            return "It holds a list per column; save it as one object per row (pandas: orient='records')."
    return "Save the dialogues as [{…}, {…}]."


def _broken(problem: json.JSONDecodeError) -> str:
    return f"this isn't JSON: {problem.msg[:1].lower()}{problem.msg[1:]}."


def _refused(reason: str, remedy: str, line: int | None = None, column: int | None = None) -> Rows:
    return Rows((), (), (Found(line, reason, remedy, column),), "line")


def _columns(records: Iterable[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for record in records for key in record.cells))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a switch", int: "a number", float: "a number", type(None): "null"}
    return f"this is {names[type(value)]}"
