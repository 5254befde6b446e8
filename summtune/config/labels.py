"""Labels of nodes, and selectors of them, in Ray's own words: `spot`, `!spot`, `in(a, b)`, `!in(a, b)`.

Ray checks a selector only when something is placed, and then waits for ever for a node that suits; so it is read here first. It must not
know which nodes there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from summtune.space.naming import Unfit

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?"
_KEY = re.compile(rf"(?:[a-zA-Z0-9.-]{{1,253}}/)?{_NAME}")
_SELECTOR = re.compile(rf"(!?)(?:in\(({_NAME}(?:, ?{_NAME})*)\)|({_NAME}))")

FORMS = "`value`, `!value`, `in(one, other)`, or `!in(one, other)`"


def selector_problem(selector: Mapping[str, str]) -> Unfit | None:
    """Why Ray would refuse a selector; None where it wouldn't. Ray's rules: `ray._private.label_utils`, those of Kubernetes' labels."""
    for key, wanted in selector.items():
        if not _KEY.fullmatch(key):
            return Unfit(f"{key!r} can't be a label's name.", "Write it as `ray start --labels` has it, such as market-type.")
        if not _SELECTOR.fullmatch(wanted):
            return Unfit(f"{key} is given as {wanted!r}, which selects nothing.", f"Write {FORMS}.")
    return None


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels is meant: all of the selector's conditions hold. A label that is absent is none of the values."""
    return all(_holds(wanted, labels.get(key)) for key, wanted in selector.items())


def _holds(wanted: str, value: str | None) -> bool:
    found = _SELECTOR.fullmatch(wanted)
    assert found is not None
    unlike, several, one = found.groups()
    values = {part.strip() for part in several.split(",")} if several else {one}
    return (value in values) != bool(unlike)
