"""What a plain word of YAML means: YAML 1.2's core schema, by which `5e-5` is a number and `no` is text.

YAML 1.1, which PyYAML follows, has it the other way round; that silently broke the system that this one replaces.
It must not know of files.
"""

from __future__ import annotations

import math
import re
from typing import Any

MAX_DIGITS = 300  # Python refuses to read integers of more than 4,300 digits, and no setting needs them

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(nan|NaN|NAN)")


def plain_value(text: str) -> Any:
    """A plain scalar by YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    if len(text) > MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _REAL.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    if _NOT_A_NUMBER.fullmatch(text):
        return math.nan
    return text


def number_in_text(text: str) -> str:
    """What to do about text where a number is meant; empty where there is none in it."""
    if _is_number(plain_value(text.strip())):
        return "Remove the quotes."
    bare = text.strip().replace("_", "")
    thousands = re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", bare)
    bare = bare.replace(",", "" if thousands else ".")
    return f"Write {bare}." if _is_number(plain_value(bare)) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
