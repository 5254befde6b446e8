"""Values and how they are shown, compared, and quantised."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any


def multiple(step: float, times: int) -> float:
    """`times` steps, without the dust of binary fractions: three steps of 0.1 are 0.3."""
    return float(Decimal(repr(step)) * times)


def multiples_within(low: float, high: float, step: float) -> tuple[float, float]:
    """The least and the greatest multiple of step in a range (its ends may be infinite); the first is above the second if there is none."""
    tolerance = 1e-9
    bottom = low if math.isinf(low) else multiple(step, math.ceil(low / step - tolerance))
    top = high if math.isinf(high) else multiple(step, math.floor(high / step + tolerance))
    return bottom, top


def proportions(numbers: list[float]) -> list[float]:
    """The same proportions in four digits, of which the greatest takes what rounding leaves, so that they sum to 1."""
    total = math.fsum(numbers)
    shares = [round(one / total, 4) for one in numbers]
    greatest = shares.index(max(shares))
    shares[greatest] = round(1 - math.fsum(shares[:greatest] + shares[greatest + 1 :]), 4)
    return shares


def shown(value: Any) -> str:
    """A value as it would stand in YAML."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-").replace("e+0", "e+")
    if isinstance(value, str) and value and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def rounded(value: float) -> str:
    """A number in a description: e to the power of -9 has more digits than anyone reads."""
    return shown(float(f"{value:.8g}"))


def brief(value: Any) -> str:
    """A value in a message: as `shown`, and never a screenful."""
    text = shown(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


MANY = 12


def listed(said: Sequence[str]) -> str:
    """Some values side by side; of many the first and the last, and how many there are."""
    if len(said) <= MANY:
        return ", ".join(said)
    return f"{', '.join(said[: MANY - 2])}, … {said[-1]} ({len(said):,} values)"


def same(one: Any, other: Any) -> bool:
    """Equal, and not merely because Python holds `true` and 1 for equal."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def fingerprint(value: Any) -> str:
    """A text that two values have in common where they are the same in kind and in content."""
    return f"{type(value).__name__} {json.dumps(value, sort_keys=True, default=str)}"


def index_in(values: tuple[Any, ...], wanted: Any) -> int:
    """Where a value stands among others.

    Raises:
        ValueError: nowhere.
    """
    for index, value in enumerate(values):
        if same(value, wanted):
            return index
    raise ValueError(f"{brief(wanted)} is not among {listed([brief(value) for value in values])}")


def is_scalar(value: Any) -> bool:
    """Whether a sampler takes it as it is."""
    return value is None or isinstance(value, (bool, int, float, str))


class OfOneKey:
    """What all kinds but bundles share: the name is the one key that is set."""

    key: str

    @property
    def name(self) -> str:
        return self.key

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def settings_of(self, value: Any) -> dict[str, Any]:
        return {self.key: value}
