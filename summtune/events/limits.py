"""Limits on metrics: a trial that is beyond one is infeasible.

It is judged by its best evaluation, since that is the one that its model comes from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """One limit.

    Attributes:
        metric: by the name that evaluations report it under.
        sign: <, <=, > or >=.
        bound: what the metric is compared with.
    """

    metric: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {self.bound:g}"

    def excess(self, value: float) -> float:
        """How far a value is beyond the limit: above 0 beyond it, at most 0 within; what Optuna calls a constraint."""
        beyond = value - self.bound if self.sign in ("<", "<=") else self.bound - value
        return math.nextafter(0.0, 1.0) if beyond == 0 and self.sign in ("<", ">") else beyond


@dataclass(frozen=True)
class Violation:
    """A limit that a trial is beyond, the value that it has, and by how much that is too far."""

    limit: Limit
    value: float

    @property
    def excess(self) -> float:
        return self.limit.excess(self.value)

    def __str__(self) -> str:
        return f"{self.limit.metric} is {self.value:.4g}, and must be {self.limit.sign} {self.limit.bound:g}"

    def to_record(self) -> dict[str, Any]:
        """As result files hold it."""
        return {"metric": self.limit.metric, "limit": f"{self.limit.sign} {self.limit.bound:g}", "value": self.value}


def excesses(limits: Iterable[Limit], metrics: Mapping[str, float]) -> dict[str, float]:
    """By how much an evaluation is beyond each limit, by the limit; at most 0 within it."""
    return {str(limit): limit.excess(metrics[limit.metric]) for limit in limits}


def violations(limits: tuple[Limit, ...], metrics: Mapping[str, float]) -> tuple[Violation, ...]:
    """The limits that an evaluation is beyond."""
    found = (Violation(limit, metrics[limit.metric]) for limit in limits)
    return tuple(one for one in found if one.excess > 0)
