"""What a cell says as text: the text itself, a number where an id is meant, a list of turns where a dialogue is.

Turns are texts, or objects that say who speaks (`speaker`) and what (`utterance` or `text`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SPEECH = ("utterance", "text")

Reader = Callable[[Any], str]
"""A cell to its text; raises ValueError with the reason where it is none."""


def plain_text(value: Any) -> str:
    """Text, with its line breaks as line feeds.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"is {_kind(value)}, where text is meant.")
    return value.replace("\r\n", "\n").replace("\r", "\n")


def name_text(value: Any) -> str:
    """Text, or a whole number as text: an id, a topic.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return plain_text(value)


def dialogue_text(value: Any) -> str:
    """Text, or a list of turns, each on a line of its own.

    Raises:
        ValueError: it is something else, or one of its turns is.
    """
    if not isinstance(value, list):
        return plain_text(value)
    lines = []
    for number, turn in enumerate(value, start=1):
        try:
            lines.append(_turn(turn))
        except ValueError as problem:
            raise ValueError(f"turn {number} {problem}") from None
    return "\n".join(lines)


def _turn(turn: Any) -> str:
    if not isinstance(turn, dict):
        return plain_text(turn)
    said = [key for key in SPEECH if turn.get(key) is not None]
    if len(said) != 1:
        has = ", ".join(map(repr, turn)) or "nothing"
        count = "neither" if not said else "both"
        raise ValueError(f"has {count} 'utterance' {'nor' if not said else 'and'} 'text', but one of them is meant; it has {has}.")
    text = plain_text(turn[said[0]])
    speaker = turn.get("speaker")
    return text if speaker is None else f"{name_text(speaker)}: {text}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a switch"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return f"a {type(value).__name__}"
