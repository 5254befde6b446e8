"""Learning curves that are functions of their settings: known optima, many shapes, no training.

Each is a textbook function of the settings, reached as a training reaches its end: from one loss for all, at a pace of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from summtune.space.parameters import Choice, Integers, Parameter, Reals
from summtune.space.space import Space

STEPS = 27
"""Evaluations of a whole training."""


@dataclass(frozen=True)
class Task:
    """A function to search.

    Attributes:
        name: of it.
        space: what varies.
        loss: of a point, trained to its end; 0 at best.
        pace: of a point: the power by which its curve falls.
        noise: standard deviation of each evaluation.
    """

    name: str
    space: Space
    loss: Callable[[Mapping[str, Any]], float]
    pace: Callable[[Mapping[str, Any]], float]
    noise: float = 0.0

    def curve(self, point: Mapping[str, Any]) -> npt.NDArray[np.float64]:
        """Its losses without noise, of shape (STEPS,): from 1 down, or up, to the point's loss."""
        left = np.arange(1, STEPS + 1, dtype=float) ** -self.pace(point)
        end = self.loss(point)
        return np.asarray(end + (1.0 - end) * (left - left[-1]) / (1.0 - left[-1]), dtype=np.float64)


def _branin(x: float, y: float) -> float:
    """Branin and Hoo (1972), over [-5, 10] × [0, 15]; 0.3979 at best."""
    return float((y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann(x: npt.NDArray[np.float64]) -> float:
    """Hartmann's in six dimensions, over [0, 1]; -3.32237 at best."""
    return float(-np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


def _bowl(point: Mapping[str, Any], best: Mapping[str, tuple[float, float]]) -> float:
    return float(sum(((point[name] - at) / width) ** 2 for name, (at, width) in best.items()))


def _training(point: Mapping[str, Any]) -> float:
    """What tuning is like: a rate that is best just below where training breaks down, where that is depends on the batch size."""
    rate, edge = math.log10(point["learning_rate"]), -3.0 + 0.5 * math.log10(point["batch_size"] / 8)
    if rate > edge:
        return 1.2
    loss = 0.08 * (edge - 0.4 - rate) ** 2 + 0.02 * abs(math.log10(point["weight_decay"]) + 2) + 0.3 * (point["dropout"] - 0.1) ** 2
    return float(min(1.0, loss + (0.05 if point["schedule"] == "constant" else 0.0)))


def _of(*parameters: Parameter) -> Space:
    return Space.of(parameters)


def tasks() -> list[Task]:
    """All of them."""
    six = [f"x{number}" for number in range(6)]
    choices = (
        Choice("kind", ("a", "b", "c", "d")),
        Integers("layers", 1, 12),
        Reals("rate", 1e-6, 1.0, log=True),
        Reals("share", 0.0, 1.0),
    )
    kinds = {"a": 0.0, "b": 0.15, "c": 0.3, "d": 0.45}
    return [
        Task(
            "Branin",
            _of(Reals("x", -5.0, 10.0), Reals("y", 0.0, 15.0)),
            lambda p: (_branin(p["x"], p["y"]) - 0.397887) / 100,
            lambda p: 0.7 + 0.05 * p["x"],
        ),
        Task(
            "Hartmann 6",
            _of(*(Reals(name, 0.0, 1.0) for name in six)),
            lambda p: (_hartmann(np.array([p[name] for name in six])) + 3.32237) / 3.32237,
            lambda p: 0.4 + p["x0"],
            noise=0.01,
        ),
        Task(
            "bowl, 8 of which 3 matter",
            _of(*(Reals(f"x{number}", -1.0, 1.0) for number in range(8))),
            lambda p: min(1.0, _bowl(p, {"x1": (0.3, 1.5), "x4": (-0.6, 1.5), "x6": (0.8, 2.0)})),
            lambda p: 0.8 + 0.4 * p["x7"],
            noise=0.02,
        ),
        Task(
            "choices and numbers",
            _of(*choices),
            lambda p: min(
                1.0, kinds[p["kind"]] + 0.02 * abs(p["layers"] - 7) + 0.03 * (math.log10(p["rate"]) + 2) ** 2 + 0.2 * p["share"] ** 2
            ),
            lambda p: 1.0 if p["kind"] in ("c", "d") else 0.6,
            noise=0.01,
        ),
        Task(
            "a training",
            _of(
                Reals("learning_rate", 1e-7, 1e-1, log=True),
                Reals("weight_decay", 1e-4, 1.0, log=True),
                Reals("dropout", 0.0, 0.5),
                Choice("batch_size", (4, 8, 16, 32)),
                Choice("schedule", ("linear", "cosine", "constant")),
            ),
            _training,
            lambda p: 1.5 if p["schedule"] == "constant" else 0.8,
            noise=0.01,
        ),
    ]
