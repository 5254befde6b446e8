"""A Gaussian process (Optuna's GPSampler): for few trials that take long; each suggestion takes longer than the others'.

With several objectives it looks for what adds most to the volume that the front dominates (expected hypervolume improvement).
"""

from __future__ import annotations

import warnings

import optuna

from summtune.search.asking import Request, Suggestion, ask, ask_seed
from summtune.search.methods.tpe import startup_points
from summtune.space.space import Space

SUMMARY = "a Gaussian process, after some random points"


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        seed = ask_seed(request.seed, request.number)
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup_points(request.count), deterministic_objective=False)
    return ask(study, space, sampler, request)
