"""The front of a run with several objectives as a drawing: the first objective upwards, one of the others to the right.

It must not know how a page is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.fronts import Aim, on_front
from summtune.events.trial_state import TrialState
from summtune.reporting.axes import Labels, across
from summtune.reporting.wording import point_text, values_text

WIDTH, HEIGHT = 720, 300
"""Size of the drawing area, in SVG units."""


@dataclass(frozen=True)
class Dot:
    """A trial. With more than two objectives one on the front may look beaten in a drawing of two."""

    x: float
    y: float
    title: str
    front: bool
    baseline: bool
    beyond: bool


@dataclass(frozen=True)
class Plot:
    """A drawing.

    Attributes:
        line: of an SVG polyline: where a point would have to lie to be on the front of these two objectives.
        kind: which trials are shown, and by which scores.
    """

    up: Aim
    right: Aim
    low_up: float
    high_up: float
    low_right: float
    high_right: float
    dots: list[Dot]
    line: str
    kind: str
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def levels(self) -> Labels:
        return across(self.low_up, self.high_up, self.height, upwards=True)

    @property
    def ticks(self) -> Labels:
        return across(self.low_right, self.high_right, self.width)


def plots(state: RunState) -> list[Plot]:
    """The first objective against each of the others; none with one objective, or while no trial has a score."""
    in_full = bool(standings.ranking(state))
    points = [point for point in (*standings.contenders(state), *standings.infeasible(state)) if _shown(state, point, in_full=in_full)]
    return [_plot(state, points, other, in_full=in_full) for other in state.objectives[1:]] if points else []


def _shown(state: RunState, point: TrialState, *, in_full: bool) -> bool:
    """Cheap and full scores never meet in one drawing."""
    return state.full_metrics(point) is not None or not in_full


def _plot(state: RunState, points: list[TrialState], other: Aim, *, in_full: bool) -> Plot:
    first, front = state.objectives[0], {point.id for point in standings.front(state)}
    metrics = {point.id: standings.point_metrics(state, point) for point in points}
    ups, rights = [metrics[one.id][first.name] for one in points], [metrics[one.id][other.name] for one in points]
    low_up, high_up, low_right, high_right = min(ups), max(ups), min(rights), max(rights)

    def place(right: float, up: float) -> tuple[float, float]:
        x = WIDTH * (right - low_right) / ((high_right - low_right) or 1.0)
        return round(x, 1), round(HEIGHT - HEIGHT * (up - low_up) / ((high_up - low_up) or 1.0), 1)

    dots = [
        Dot(
            *place(right, up),
            f"{point.id}: {values_text(state, point)}; {point_text(point.point)}",
            front=point.id in front,
            baseline=point.baseline,
            beyond=not standings.keeps_to_limits(state, point),
        )
        for point, up, right in zip(points, ups, rights, strict=True)
    ]
    feasible = [point for point in points if standings.keeps_to_limits(state, point)]
    pairs = [(first.loss(metrics[point.id]), other.loss(metrics[point.id])) for point in feasible]
    corners = sorted({pair for pair, so in zip(pairs, on_front(pairs), strict=True) if so})
    steps = [step for before, here in zip([None, *corners], corners, strict=False) for step in _step(before, here)]
    line = " ".join("{},{}".format(*place(_value(other, right), _value(first, up))) for up, right in steps)
    kind = "full evaluations" if in_full or not state.by_proxy else "cheap evaluations (proxy)"
    return Plot(first, other, low_up, high_up, low_right, high_right, dots, line, kind)


def _step(before: tuple[float, float] | None, here: tuple[float, float]) -> list[tuple[float, float]]:
    """From one corner of the front to the next: as good as the worse of both in either objective."""
    return [here] if before is None else [(here[0], before[1]), here]


def _value(aim: Aim, loss: float) -> float:
    return -loss if aim.maximize else loss
