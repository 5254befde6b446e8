"""CMA-ES (Hansen and Ostermeier, 2001) by the `cmaes` package: for numbers, one generation after another. Choices are drawn at random.

Optuna's own CmaEsSampler keeps its state in the study's trials, where a study that is rebuilt from events has none; so the generations are
gone through again at each ask, from the trials alone. Earlier runs' trials are no generations: the first one is drawn around the best of
them (Nomura et al., Warm Starting CMA-ES for Hyperparameter Optimization, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from summtune.search.asking import Request, Suggestion, ask, ask_seed, distributions
from summtune.search.columns import Column
from summtune.search.observed import Observed, observed
from summtune.space.space import Space

SUMMARY = "CMA-ES, for numbers"

ONE_OBJECTIVE = "it moves one normal distribution towards the best by one score"

GOOD_SHARE = 0.1
"""Of earlier runs' trials, the best that the first generation is drawn around."""

SIGMA = 1 / 6
"""The first generation's standard deviation: a sixth of each range, as in Optuna."""


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    searched = distributions(space, space.searched)
    return ask(study, space, _Sampler(searched, request.seed, ask_seed(request.seed, request.number)), request)


class _Sampler(BaseSampler):
    """Draws from where the generations so far have led.

    Args:
        distributions: what each parameter is drawn from.
        seed: of the run.
        ask: of this ask.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], seed: int, ask: int) -> None:
        self._distributions = dict(distributions)
        self._columns = {name: column for name, one in distributions.items() if (column := Column.of(one)).ordered}
        self._seed = ask
        self._random = RandomSampler(seed=ask)
        self._optimizer: Any = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: self._distributions[name] for name in self._columns}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        if not self._columns:
            return {}
        if self._optimizer is None:
            self._optimizer = self._replayed(study)
        places = self._optimizer.ask()
        return {name: column.value(float(place)) for (name, column), place in zip(self._columns.items(), places, strict=True)}

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _replayed(self, study: optuna.Study) -> Any:
        """An optimizer that was told all that is known, a generation at a time; a parameter that a point doesn't have is in its middle."""
        from cmaes import CMA, get_warm_start_mgd

        width = len(self._columns)
        bounds = np.array([[0.0, 1.0]] * width)
        known = observed(study)
        worst = max((one.best for one in known if np.isfinite(one.best)), default=0.0)

        def solution(one: Observed) -> tuple[Any, float]:
            places = [column.place(one.params[name]) if name in one.params else 0.5 for name, column in self._columns.items()]
            value = one.best if np.isfinite(one.best) and one.beyond == 0 else worst + 1.0 + one.beyond
            return np.array(places), float(value)

        mean, sigma, cov = np.full(width, 0.5), SIGMA, None
        if earlier := [solution(one) for one in known if one.earlier]:
            mean, sigma, cov = get_warm_start_mgd(earlier, gamma=max(GOOD_SHARE, 1 / len(earlier)))
        optimizer = CMA(mean, sigma, bounds=bounds, seed=self._seed, cov=cov)
        told: list[tuple[Any, float]] = []
        for one in (one for one in known if not one.earlier):
            told.append(solution(one))
            if len(told) == optimizer.population_size:
                optimizer.tell(told)
                told = []
        return optimizer
