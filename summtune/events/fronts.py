"""The Pareto front: which of several points no other beats. Plain numbers, less being better; it must not know trials or runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Losses = tuple[float, ...]
"""A value for each objective, less being better."""


@dataclass(frozen=True)
class Aim:
    """One of the metrics that are searched for.

    Attributes:
        name: that evaluations report it under.
        maximize: whether more is better.
        target: what is good enough, if anything is.
    """

    name: str
    maximize: bool
    target: float | None = None

    def loss(self, metrics: Mapping[str, float]) -> float:
        """Its value, less being better."""
        return -metrics[self.name] if self.maximize else metrics[self.name]

    def reached(self, metrics: Mapping[str, float]) -> bool:
        """Whether it is as good as the target."""
        if self.target is None:
            return False
        return metrics[self.name] >= self.target if self.maximize else metrics[self.name] <= self.target


def at_least_as_good(one: Losses, other: Losses) -> bool:
    """Whether a point is in no objective worse than another."""
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def on_front(points: Sequence[Losses]) -> list[bool]:
    """Of each point, whether no other is better in one objective and in none worse. Of equal points all are on the front, or none.

    In the order of their values only earlier ones can beat a point, and if any does one of the front does.
    """
    found: list[Losses] = []
    for point in sorted(set(points)):
        if not any(at_least_as_good(other, point) for other in found):
            found.append(point)
    front = set(found)
    return [point in front for point in points]


def spread(points: Sequence[Losses], most: int) -> list[int]:
    """Places of at most so many points, in their order: the best by each objective as far as they fit in, then those furthest apart.

    The point with the least crowding distance (Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, 2002) is left out
    until few enough are left; distances are measured anew each time.
    """
    left = list(range(len(points)))
    while len(left) > max(most, 0):
        distances = _crowding([points[place] for place in left])
        # Where all that are left are ends, those of the last objectives go first; of equal points the later one.
        left.pop(min(range(len(left)), key=lambda at: (distances[at], -at)))
    return left


def _crowding(points: Sequence[Losses]) -> list[float]:
    distances = [0.0] * len(points)
    for objective in range(len(points[0])):
        order = sorted(range(len(points)), key=lambda place: (points[place][objective], place))
        least, most = points[order[0]][objective], points[order[-1]][objective]
        # The first objective's best is the run's best: it outlasts the ends of the others.
        distances[order[0]] += math.inf if objective == 0 else _END
        distances[order[-1]] += _END
        if most == least:
            continue
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distances[here] += (points[after][objective] - points[before][objective]) / (most - least)
    return distances


_END = 1e9
"""The distance of an end of an objective: beyond what any number of points in between can have."""
