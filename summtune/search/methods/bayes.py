"""The default: a forest over settings and how far they were trained, after some random points (`search/forest.py`)."""

from __future__ import annotations

import optuna

from summtune.search.asking import Request, Suggestion, ask, ask_seed, distributions
from summtune.search.forest import ForestSampler
from summtune.search.methods.tpe import startup_points
from summtune.space.space import Space

SUMMARY = "a forest that learns from every evaluation, after some random points"


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    searched = distributions(space, space.searched)
    sampler = ForestSampler(searched, ask_seed(request.seed, request.number), startup_points(request.count))
    return ask(study, space, sampler, request)
