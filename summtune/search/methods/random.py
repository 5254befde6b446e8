"""Independent random points."""

from __future__ import annotations

from typing import Any

import optuna

from summtune.search.asking import ask, ask_seed
from summtune.space.space import Space

SUMMARY = "independent random points"


def suggest(study: optuna.Study, space: Space, number: int, seed: int, count: int) -> tuple[optuna.Trial, dict[str, Any]] | None:
    """The next point."""
    return ask(study, space, optuna.samplers.RandomSampler(seed=ask_seed(seed, number)))
