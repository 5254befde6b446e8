"""Tree-structured Parzen estimator (Bergstra et al., 2011), multivariate, with a constant liar for trials that still run."""

from __future__ import annotations

import warnings

import optuna

from summtune.search.asking import Request, Suggestion, ask, ask_seed
from summtune.space.space import Space

SUMMARY = "tree-structured Parzen estimator, after some random points"


def startup_points(count: int) -> int:
    """How many points are random before the model has its say: Optuna's ten, fewer in a short run, where ten would be all of them."""
    return min(10, max(3, count // 2))


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # what `group` is called may change; constraints.txt pins it
        sampler = optuna.samplers.TPESampler(
            seed=ask_seed(request.seed, request.number),
            n_startup_trials=startup_points(request.count),
            multivariate=True,
            constant_liar=True,
            group=bool(space.conditions),  # parameters that exist together are modelled together
        )
    return ask(study, space, sampler, request)
