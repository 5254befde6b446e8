"""Parameters of a bell or beta shape: a sampler is asked for a share of draws, and the value is that quantile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar, Literal

from summtune.space.source import Number, Question
from summtune.space.values import OfOneKey, multiple, multiples_within, shown

Shape = Literal["normal", "log_normal", "beta"]


@dataclass(frozen=True)
class Shaped(OfOneKey):
    """Numbers of a bell or beta shape, within what the setting allows; a sampler is asked for the share of draws that lie below.

    Attributes:
        shape: normal (mean, standard deviation), log_normal (those of the logarithm) or beta (a, b).
        first, second: the shape's two numbers.
        low, high: what the setting allows; may be infinite.
        step: values are multiples of it.
        whole: values are integers.
    """

    kind: ClassVar[str] = "shaped"
    key: str
    shape: Shape
    first: float
    second: float
    low: float = -math.inf
    high: float = math.inf
    step: float | None = None
    whole: bool = False

    def question(self) -> Question | None:
        edge = 1e-6  # one draw in a million lies beyond: where a bell has no end there must be one
        return Number(max(self.below(self.low), edge), min(self.below(self.high), 1 - edge))

    def value_of(self, answer: Any) -> float:
        value = self._quantile(float(answer))
        if self.step is not None:
            low, high = multiples_within(self.low, self.high, self.step)
            value = min(max(multiple(self.step, round(value / self.step)), low), high)
        value = min(max(value, self.low), self.high)
        return int(value) if self.whole else value

    def answer_to(self, value: Any) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        question = self.question()
        assert isinstance(question, Number)
        share = min(max(self.below(value), question.low), question.high) if number else math.nan
        if not number or not math.isclose(self.value_of(share), value, rel_tol=1e-9, abs_tol=1e-12):
            raise ValueError(f"{value} is not among {self.describe()}")
        return share

    def below(self, value: float) -> float:
        """The share of draws that lie at or below a value."""
        if self.shape == "beta":
            from scipy.special import betainc  # takes a moment to import, and few spaces need it

            return float(betainc(self.first, self.second, min(max(value, 0.0), 1.0)))
        if self.shape == "log_normal":
            value = -math.inf if value <= 0 else math.log(value)
        return NormalDist(self.first, self.second).cdf(value)

    def _quantile(self, share: float) -> float:
        if self.shape == "beta":
            from scipy.special import betaincinv

            return float(betaincinv(self.first, self.second, share))
        quantile = NormalDist(self.first, self.second).inv_cdf(share)
        return math.exp(quantile) if self.shape == "log_normal" else quantile

    def size(self) -> int | None:
        return None

    def at(self, index: int) -> Any:
        raise ValueError(f"{self.key} has no end of values")

    def index_of(self, value: Any) -> int:
        return 0

    def describe(self) -> str:
        names = ("a", "b") if self.shape == "beta" else ("mu", "sigma")
        said = f"{self.shape}, {names[0]} {shown(self.first)}, {names[1]} {shown(self.second)}"
        return said + (f", in steps of {shown(self.step)}" if self.step is not None else "")
