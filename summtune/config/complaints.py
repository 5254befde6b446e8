"""pydantic's verdicts in words of ours: what was given, why it can't be, what to do.

It must not know where a value stands in a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from summtune.scalars import number_in_text
from summtune.space.naming import Unfit
from summtune.space.values import brief, shown

_MEANT: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "path_type": "a path",
    "finite_number": "a number",
}
_REMEDIES: Mapping[str, str] = {
    "true or false": "Write true or false, without quotes.",
    "a list": "Write [a, b].",
    "a mapping": "Write `key: value` lines below it, indented.",
    "text": "Put it into quotes.",
}
_BOUNDS: Mapping[str, tuple[str, str, str]] = {
    "greater_than": ("gt", "too small", "above"),
    "greater_than_equal": ("ge", "too small", "at least"),
    "less_than": ("lt", "too large", "below"),
    "less_than_equal": ("le", "too large", "at most"),
}


def given(value: Any) -> str:
    """A value with its kind: `"yes" is text`."""
    if value is None:
        return "nothing is given"
    if isinstance(value, bool):
        return f"{shown(value)} is a switch"
    if isinstance(value, str):
        return f'"{value if len(value) <= 60 else value[:57] + "..."}" is text'
    if isinstance(value, (list, tuple)):
        return f"{_short(value)} is a list"
    if isinstance(value, dict):
        return "it is a mapping"
    if isinstance(value, float):
        return f"{shown(value)} is a fraction" if value % 1 else f"{shown(value)} is a number"
    return f"{shown(value)} is a number"


def mismatch(value: Any, meant: str) -> Unfit:
    """A value of the wrong kind."""
    remedy = _REMEDIES.get(meant, f"Give {meant}.")
    if isinstance(value, str) and "number" in meant:
        remedy = number_in_text(value) or remedy
    if meant == "text" and isinstance(value, (list, tuple, dict)):
        remedy = "Give one word or sentence."
    return Unfit(f"{given(value)}, where {meant} is meant.", remedy)


def one_of(value: Any, choices: list[str]) -> Unfit:
    """A word that isn't among those allowed."""
    begun = [choice for choice in choices if len(str(value)) >= 3 and choice.startswith(str(value).lower())]
    close = begun or get_close_matches(str(value).lower(), choices, n=1, cutoff=0.6)
    remedy = f"Did you mean {close[0]}?" if close else ""
    if close and len(choices) > 12:  # the nearest says more than a paragraph of words
        return Unfit(f"{brief(value)} is not one of the {len(choices)} that there are.", remedy)
    return Unfit(f"{brief(value)} is not one of {', '.join(choices)}.", remedy)


def explain(error: ErrorDetails) -> Unfit:
    """One of pydantic's errors."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "finite_number":
        return Unfit(f"{shown(value)} is no finite number.", "Give a number.")
    if kind in _MEANT:
        return mismatch(value, _MEANT[kind])
    if kind in _BOUNDS:
        name, verdict, relation = _BOUNDS[kind]
        limit = shown(context[name])
        return Unfit(f"{shown(value)} is {verdict}: it must be {relation} {limit}.")
    if kind == "literal_error":
        return one_of(value, _choices(context["expected"]))
    if kind == "too_short":
        return Unfit("it is an empty list.", "Name at least one.")
    if kind == "missing":
        return Unfit("it is missing.", "Add it.")
    if kind == "extra_forbidden":
        return Unfit("there is no such key.")
    return Unfit(f"{_short(value)} can't be: {error['msg'][:1].lower()}{error['msg'][1:]}.")


def explain_all(errors: list[ErrorDetails]) -> Unfit:
    """The verdict on one value. A union gives one error per member, of which the last names the most."""
    bounds = [error for error in errors if error["type"] in _BOUNDS]
    words = [error for error in errors if error["type"] == "literal_error"]
    listed = isinstance(errors[0]["input"], (list, tuple)) and len(errors) > 1  # text or a list: what is wrong with the list
    return explain((bounds or words or errors[1 if listed else 0 :])[0])


def _choices(expected: str) -> list[str]:
    """`'auto', 'cuda' or 'cpu'` as a list."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _short(value: Any) -> str:
    return brief(value if not isinstance(value, tuple) else list(value))
