"""Every point of a finite space, in order, the last parameter fastest; where fewer trials are asked for, an even sample without repeats."""

from __future__ import annotations

import optuna

from summtune.search.asking import Request, Suggestion, adopt
from summtune.search.walk import fresh_point, mixed
from summtune.space.space import Space

SUMMARY = "every point, in order"
LEARNS = False


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point, or None after the last."""
    size = space.size()
    assert size is not None, "validation refuses grids that have no end"
    # Each trial before this one used up one place at least.
    places = iter(range(request.number, size)) if size <= request.count else mixed(size, request.seed, request.number)
    draw = fresh_point(space, places, request.fresh)
    return None if draw is None else adopt(study, space, draw)
