"""Parameters as numbers from 0 to 1, which is what models of a space are fitted to; and back.

It must not know what a model does with them, nor rules between parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A parameter as numbers from 0 to 1.

    Attributes:
        distribution: Optuna's.
        steps: how many values it has; 0 where it has no end of them.
        ordered: 1 where neighbours are alike, 0 for choices.
    """

    distribution: BaseDistribution
    steps: int
    ordered: int

    @classmethod
    def of(cls, distribution: BaseDistribution) -> Column:
        if isinstance(distribution, CategoricalDistribution):
            return cls(distribution, len(distribution.choices), 0)
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        if distribution.step is None or distribution.log:
            return cls(distribution, 0, 1)
        return cls(distribution, round((distribution.high - distribution.low) / distribution.step) + 1, 1)

    def snapped(self, places: Array) -> Array:
        """The middles of the values that these belong to."""
        if not self.steps:
            return places
        return (np.minimum(np.floor(places * self.steps), self.steps - 1) + 0.5) / self.steps

    def place(self, value: Any) -> float:
        """Where a value lies."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return (float(distribution.to_internal_repr(value)) + 0.5) / self.steps
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        low, high = distribution.low, distribution.high
        if self.steps:
            return float((round((value - low) / (distribution.step or 1)) + 0.5) / self.steps)
        if low == high:
            return 0.5
        return float(math.log(value / low) / math.log(high / low) if distribution.log else (value - low) / (high - low))

    def value(self, place: float) -> Any:
        """The value that lies there."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices[min(int(place * self.steps), self.steps - 1)]
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        low, high = distribution.low, distribution.high
        if self.steps:
            found = low + min(int(place * self.steps), self.steps - 1) * (distribution.step or 1)
        else:
            found = low * (high / low) ** place if distribution.log else low + place * (high - low)
        found = min(max(found, low), high)
        return round(found) if isinstance(distribution, IntDistribution) else float(found)
