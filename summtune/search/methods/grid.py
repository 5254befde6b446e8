"""Every point of a finite space, in order, the last parameter fastest."""

from __future__ import annotations

from itertools import islice
from typing import Any

import optuna

from summtune.search.asking import adopt, locate
from summtune.space.space import Space

SUMMARY = "every point, in order"


def suggest(study: optuna.Study, space: Space, number: int, seed: int, count: int) -> tuple[optuna.Trial, dict[str, Any]] | None:
    """The next point, or None after the last."""
    point = next(islice(space.points(), number, None), None)
    return None if point is None else adopt(study, space, locate(space, point).params)
