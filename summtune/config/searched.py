"""What varies, and the settings beneath, as whoever judges their combinations sees them: values, and where to lay the blame.

It must not know what makes a combination wrong (`validation`, `lengths` and `optimisation` do).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from summtune.config.layers import Layer
from summtune.errors import Problem
from summtune.space.parameters import Choice, Constant, Parameter

Possible = Callable[[Mapping[str, Any]], bool]
"""Whether a point may have these values (dotted key or parameter to value) together."""


class Undrawn(Enum):
    """In the place of a value: none is drawn, so that a point has that of the settings beneath."""

    BENEATH = "beneath"


BENEATH: Final = Undrawn.BENEATH


@dataclass(frozen=True)
class Searched:
    """A parameter, and how to make a problem with it: reason, remedy."""

    parameter: Parameter
    problem: Callable[[str, str], Problem]


def values_of(parameter: Parameter) -> tuple[Any, ...]:
    """A choice's values; none for a range."""
    return parameter.values if isinstance(parameter, Choice) else (parameter.value,) if isinstance(parameter, Constant) else ()


def at(layer: Layer, key: str, reason: str, remedy: str) -> Problem:
    """A problem with a setting, where it was given."""
    entry = layer.get(key) or next((one for known, one in layer.items() if known.startswith(f"{key}.")), None)
    return entry.problem(reason, remedy) if entry else Problem(reason, remedy, key)
