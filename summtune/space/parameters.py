"""The kinds of parameters, each with how it is drawn, counted, enumerated, shown and recorded.

W&B's dozen of distributions come down to these four. It must not know the YAML that they came from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from summtune.space.source import Source


@dataclass(frozen=True)
class Constant:
    """A fixed value: part of every point, asked of no sampler.

    As with all kinds: `draw` gives a value, `size` counts them (None: no end), `at` gives the one at an index, `describe` shows them.
    """

    key: str
    value: Any

    def draw(self, source: Source) -> Any:
        return self.value

    def size(self) -> int | None:
        return 1

    def at(self, index: int) -> Any:
        return self.value

    def describe(self) -> str:
        return shown(self.value)


@dataclass(frozen=True)
class Choice:
    """One of several values, all different."""

    key: str
    values: tuple[Any, ...]

    def draw(self, source: Source) -> Any:
        if all(_is_scalar(value) for value in self.values):
            return source.categorical(self.key, self.values)
        labels = tuple(json.dumps(value, ensure_ascii=False) for value in self.values)  # samplers take scalars only
        return self.values[labels.index(source.categorical(self.key, labels))]

    def size(self) -> int | None:
        return len(self.values)

    def at(self, index: int) -> Any:
        return self.values[index]

    def describe(self) -> str:
        return "one of " + ", ".join(shown(value) for value in self.values)


@dataclass(frozen=True)
class Integers:
    """Integers from low to high, both included, `step` apart; evenly or log-evenly."""

    key: str
    low: int
    high: int
    log: bool = False
    step: int = 1

    def draw(self, source: Source) -> int:
        if not self.log or self.step == 1:
            return source.integer(self.key, self.low, self.high, log=self.log, step=self.step)
        drawn = source.integer(self.key, self.low, self.high, log=True, step=1)
        return self.low + round((drawn - self.low) / self.step) * self.step

    def size(self) -> int | None:
        return (self.high - self.low) // self.step + 1

    def at(self, index: int) -> int:
        return self.low + index * self.step

    def describe(self) -> str:
        every = f", in steps of {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}, whole{every}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Reals:
    """Numbers from low to high; with a step, both ends are multiples of it. Evenly or log-evenly."""

    key: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def draw(self, source: Source) -> float:
        if self.step is None:
            return source.real(self.key, self.low, self.high, log=self.log, step=None)
        # Samplers can't do logarithm and step at once, so that the step is taken here; both ends are multiples of it.
        drawn = source.real(self.key, self.low, self.high, log=self.log, step=None if self.log else self.step)
        return min(max(multiple(self.step, round(drawn / self.step)), self.low), self.high)

    def size(self) -> int | None:
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def at(self, index: int) -> float:
        if self.step is None:
            raise ValueError(f"{self.key} has no end of values")
        return multiple(self.step, round(self.low / self.step) + index)

    def describe(self) -> str:
        every = f", in steps of {shown(self.step)}" if self.step is not None else ""
        return f"{shown(self.low)} to {shown(self.high)}{every}{', log' if self.log else ''}"


Parameter = Constant | Choice | Integers | Reals

_KINDS: Mapping[str, type[Parameter]] = {"constant": Constant, "choice": Choice, "integers": Integers, "reals": Reals}


def to_record(parameter: Parameter) -> dict[str, Any]:
    """As JSON can hold it."""
    kind = next(name for name, cls in _KINDS.items() if cls is type(parameter))
    record = asdict(parameter)
    if isinstance(parameter, Choice):
        record["values"] = list(parameter.values)
    return {"kind": kind, **record}


def from_record(record: Mapping[str, Any]) -> Parameter:
    """What `to_record` wrote."""
    fields = {name: value for name, value in record.items() if name != "kind"}
    if record["kind"] == "choice":
        fields["values"] = tuple(fields["values"])
    return _KINDS[record["kind"]](**fields)


def multiple(step: float, times: int) -> float:
    """`times` steps, without the dust of binary fractions: three steps of 0.1 are 0.3."""
    return float(Decimal(repr(step)) * times)


def multiples_within(low: float, high: float, step: float) -> tuple[float, float]:
    """The least and the greatest multiple of step in a range; the first is above the second where there is none."""
    tolerance = 1e-9
    return multiple(step, math.ceil(low / step - tolerance)), multiple(step, math.floor(high / step + tolerance))


def shown(value: Any) -> str:
    """A value as it would stand in YAML."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-").replace("e+0", "e+")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))
