"""Rules between parameters: when one exists at all (`when`), and which values go together (`constraints`).

Rules are data, judged over the values that a trial would be trained with: those that were drawn, and for what was not drawn those of the
settings beneath (`Backdrop`). What `then` narrows has to be drawn, though: a warm-up that a constant schedule doesn't have is not too
long. How they are written rules must not know (`constraints`, `conditions`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from summtune.space.expressions import Node
from summtune.space.values import shown


@dataclass(frozen=True)
class When:
    """A parameter exists only while another has one of these values."""

    name: str
    values: tuple[Any, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        found = values.get(self.name)
        return any(found == value and isinstance(found, bool) == isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Narrowing:
    """What `then` leaves of a parameter: a range, values, or both."""

    name: str
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] | None = None

    def holds(self, values: Mapping[str, Any]) -> bool:
        value = values.get(self.name)
        if self.values is not None and not When(self.name, self.values).holds(values):
            return False
        if self.low is None and self.high is None:
            return True
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Rule:
    """One constraint.

    Attributes:
        title: what messages call it.
        condition: when it applies; None: always.
        narrowings: what must hold then.
        require: an expression that must hold then.
    """

    title: str
    condition: Node | None = None
    narrowings: tuple[Narrowing, ...] = ()
    require: Node | None = None

    @cached_property
    def names(self) -> frozenset[str]:
        """Everything that it looks at."""
        return self.compared | {one.name for one in self.narrowings}

    @cached_property
    def compared(self) -> frozenset[str]:
        """What its condition and `require` look at, drawn or not."""
        return frozenset(name for node in (self.condition, self.require) if node is not None for name in node.names())

    @cached_property
    def weight(self) -> int:
        """Of how many pieces it is made: what judging it costs."""
        narrowed = sum(2 + len(one.values or ()) for one in self.narrowings)
        return sum(node.weight for node in (self.condition, self.require) if node is not None) + narrowed

    def describe(self) -> str:
        """What it says, in words."""
        said = [str(self.require)] if self.require is not None else []
        for one in self.narrowings:
            said += [f"{one.name} at least {shown(one.low)}"] if one.low is not None else []
            said += [f"{one.name} at most {shown(one.high)}"] if one.high is not None else []
            said += [f"{one.name} {' or '.join(map(shown, one.values))}"] if one.values is not None else []
        where = f"where {self.condition}: " if self.condition is not None else ""
        return f"{self.title}: {where}{', '.join(said)}"

    def holds(self, values: Mapping[str, Any], absent: Container[str] = ()) -> bool:
        """Whether it is kept; `absent` are the parameters and keys of the space that a point has not drawn."""
        if self.condition is not None and not self.condition.evaluate(values):
            return True
        if self.require is not None and not self.require.evaluate(values):
            return False
        return all(one.name in absent or one.holds(values) for one in self.narrowings)


@dataclass(frozen=True)
class Backdrop:
    """The values of settings that rules look at and that were not drawn.

    Attributes:
        values: by dotted key.
        of_models: where the model is drawn, too: what was drawn of it, and the values that differ then; those of which more is drawn first.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    of_models: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = ()

    @cached_property
    def model_keys(self) -> frozenset[str]:
        """The keys that say which model it is, where several are drawn."""
        return frozenset(key for drawn, _ in self.of_models for key in drawn)

    def under(self, drawn: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values beneath a point, or a part of one that has its model."""
        for model, values in self.of_models:
            if all(key in drawn and drawn[key] == value for key, value in model.items()):
                return {**self.values, **values}
        return self.values


def to_record(rule: Rule) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        "title": rule.title,
        "condition": rule.condition.to_record() if rule.condition else None,
        "narrowings": [[one.name, one.low, one.high, one.values] for one in rule.narrowings],
        "require": rule.require.to_record() if rule.require else None,
    }


def from_record(record: Mapping[str, Any]) -> Rule:
    """What `to_record` wrote."""
    return Rule(
        record["title"],
        Node.from_record(record["condition"]) if record["condition"] else None,
        tuple(Narrowing(name, low, high, None if values is None else tuple(values)) for name, low, high, values in record["narrowings"]),
        Node.from_record(record["require"]) if record["require"] else None,
    )
