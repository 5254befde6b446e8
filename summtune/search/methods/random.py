"""Independent random points; choices with probabilities are drawn by them."""

from __future__ import annotations

import optuna

from summtune.search.asking import Request, Suggestion, WeightedRandomSampler, ask, ask_seed
from summtune.space.space import Space

SUMMARY = "independent random points"
LEARNS = False


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    return ask(study, space, WeightedRandomSampler(space, ask_seed(request.seed, request.number)), request)
