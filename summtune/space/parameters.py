"""The kinds of parameters: what each asks of a sampler, what its answer means, how it is counted, shown and recorded.

W&B's twenty distributions come down to these. It must not know the YAML that they came from.

Every kind has
    name            what a sampler is asked under: the settings key, or a bundle's own name
    keys            the settings keys that it sets
    question()      what a sampler is asked; None for a constant
    value_of(a)     the value that an answer means; for a bundle its label
    answer_to(v)    the answer that means a value; raises ValueError where the parameter can't have it
    settings_of(v)  the value as settings, by dotted key
    size()          how many values there are; None: no end of them
    at(index)       the value at an index
    index_of(v)     the index of one of its values
    describe()      the values in words
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from summtune.space.bundle import Bundle
from summtune.space.shaped import Shaped
from summtune.space.source import Number, OneOf, Question, WholeNumber
from summtune.space.values import OfOneKey, brief, index_in, is_scalar, listed, multiple, rounded, same, shown


@dataclass(frozen=True)
class Constant(OfOneKey):
    """A fixed value: part of every point, asked of no sampler."""

    kind: ClassVar[str] = "constant"
    key: str
    value: Any

    def question(self) -> Question | None:
        return None

    def value_of(self, answer: Any) -> Any:
        return self.value

    def answer_to(self, value: Any) -> Any:
        if not same(value, self.value):
            raise ValueError(f"{shown(value)} is not {shown(self.value)}")
        return None

    def size(self) -> int | None:
        return 1

    def at(self, index: int) -> Any:
        return self.value

    def index_of(self, value: Any) -> int:
        return 0

    def describe(self) -> str:
        return shown(self.value)


@dataclass(frozen=True)
class Choice(OfOneKey):
    """One of several values, all different; with weights, how often each is drawn at random (they sum to 1)."""

    kind: ClassVar[str] = "choice"
    key: str
    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    @property
    def _answers(self) -> tuple[Any, ...]:
        if all(is_scalar(value) for value in self.values):
            return self.values
        return tuple(json.dumps(value, ensure_ascii=False) for value in self.values)  # samplers take scalars only

    def question(self) -> Question | None:
        return OneOf(self._answers, self.weights)

    def value_of(self, answer: Any) -> Any:
        return self.values[index_in(self._answers, answer)]

    def answer_to(self, value: Any) -> Any:
        return self._answers[index_in(self.values, value)]

    def size(self) -> int | None:
        return len(self.values)

    def at(self, index: int) -> Any:
        return self.values[index]

    def index_of(self, value: Any) -> int:
        return index_in(self.values, value)

    def describe(self) -> str:
        if self.weights is None:
            return "one of " + listed([brief(value) for value in self.values])
        pairs = zip(self.values, self.weights, strict=True)
        return "one of " + listed([f"{brief(value)} ({weight:.0%})" for value, weight in pairs])


@dataclass(frozen=True)
class Integers(OfOneKey):
    """Integers from low to high, both included, `step` apart; evenly or log-evenly."""

    kind: ClassVar[str] = "integers"
    key: str
    low: int
    high: int
    log: bool = False
    step: int = 1

    def question(self) -> Question | None:
        # Samplers can't do logarithm and step at once; then the step is taken in `value_of`.
        return WholeNumber(self.low, self.high, self.log, 1 if self.log else self.step)

    def value_of(self, answer: Any) -> int:
        return int(self.low + round((answer - self.low) / self.step) * self.step)

    def answer_to(self, value: Any) -> Any:
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
        if not whole or not self.low <= value <= self.high or (value - self.low) % self.step:
            raise ValueError(f"{value} is not among {self.describe()}")
        return int(value)

    def size(self) -> int | None:
        return (self.high - self.low) // self.step + 1

    def at(self, index: int) -> int:
        return self.low + index * self.step

    def index_of(self, value: Any) -> int:
        return int(value - self.low) // self.step

    def describe(self) -> str:
        every = f", in steps of {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}, whole{every}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Reals(OfOneKey):
    """Numbers from low to high; with a step, both ends are multiples of it. Evenly or log-evenly."""

    kind: ClassVar[str] = "reals"
    key: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def question(self) -> Question | None:
        return Number(self.low, self.high, self.log, None if self.log else self.step)

    def value_of(self, answer: Any) -> float:
        if self.step is None:
            return float(answer)
        return min(max(multiple(self.step, round(answer / self.step)), self.low), self.high)

    def answer_to(self, value: Any) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # Close, not equal: beyond 10^15 steps neighbouring multiples can't be told apart.
        if not number or not self.low <= value <= self.high or not math.isclose(self.value_of(value), value, rel_tol=1e-12):
            raise ValueError(f"{value} is not among {self.describe()}")
        return float(value)

    def size(self) -> int | None:
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def at(self, index: int) -> float:
        if self.step is None:
            raise ValueError(f"{self.key} has no end of values")
        return multiple(self.step, round(self.low / self.step) + index)

    def index_of(self, value: Any) -> int:
        return 0 if self.step is None else int(round((value - self.low) / self.step))

    def describe(self) -> str:
        every = f", in steps of {shown(self.step)}" if self.step is not None else ""
        low = "above 0" if self.low == math.nextafter(0, 1) else rounded(self.low)
        above = math.nextafter(self.high, math.inf)
        high = f"below {shown(above)}" if above.is_integer() and not self.high.is_integer() else rounded(self.high)
        return f"{low} to {high}{every}{', log' if self.log else ''}"


Parameter = Constant | Choice | Integers | Reals | Shaped | Bundle

_KINDS: Mapping[str, Any] = {cls.kind: cls for cls in (Constant, Choice, Integers, Reals, Shaped, Bundle)}


def to_record(parameter: Parameter) -> dict[str, Any]:
    """As JSON can hold it."""
    record = asdict(parameter)
    if isinstance(parameter, Bundle):
        record["options"] = [[label, dict(settings)] for label, settings in parameter.options]
    # JSON has no infinity.
    return {"kind": parameter.kind, **{name: value for name, value in record.items() if value not in (math.inf, -math.inf)}}


def from_record(record: Mapping[str, Any]) -> Parameter:
    """What `to_record` wrote."""
    fields = {name: value for name, value in record.items() if name != "kind"}
    if record["kind"] == "bundle":
        fields["options"] = tuple((label, tuple(settings.items())) for label, settings in fields["options"])
    for name in ("values", "weights"):
        if fields.get(name) is not None:
            fields[name] = tuple(fields[name])
    parameter: Parameter = _KINDS[record["kind"]](**fields)
    return parameter
