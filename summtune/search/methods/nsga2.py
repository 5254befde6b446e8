"""NSGA-II (Deb et al., A fast and elitist multiobjective genetic algorithm, 2002): crosses points that are beaten by few, and lie apart.

Optuna's sampler, but for where its parents come from. Optuna counts generations in attributes of its trials, which a study that was made
anew from a run's events lacks. Here the parents are the best of all points that are known when a point is asked for, so that they follow
from the study alone, no trial waits for a generation to be full, and none is wasted (the steady state of Nebro and Durillo, On the effect
of applying a steady-state selection scheme in the multi-objective genetic algorithm NSGA-II, 2009).

A point beyond limits is beaten by all that are within, and one that could not be trained by all others. One that was not trained to its
end, since a rung stopped it, it pauses or it still runs, is not compared by what a longer training would better: it comes behind all that
were, the further the fewer evaluations it has had, and among those that have had as many by the first objective, as rungs see it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler, RandomSampler
from optuna.samplers.nsgaii import PolynomialMutation, SBXCrossover
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune.search.asking import Request, Suggestion, ask, ask_seed, distributions
from summtune.search.observed import Observed, observed, signs
from summtune.space.space import Space

SUMMARY = "NSGA-II: crosses what is beaten by few, after some random points"

LEAST, MOST = 6, 50
"""Of a population. 50 is Optuna's."""

SHARE = 4
"""A population is the SHARE-th part of the trials asked for: so many points are random, and the others have some turns to get better."""

SPREAD = 5.0
"""How near children and mutants are to their parents, as Deb's distribution index; 20, which is usual, is for thousands of evaluations."""


def population_size(count: int) -> int:
    """How many points are crossed among each other, and how many are random at first."""
    return min(MOST, max(LEAST, count // SHARE))


def suggest(study: optuna.Study, space: Space, request: Request) -> Suggestion | None:
    """The next point."""
    searched = distributions(space, space.searched)
    sampler = _Sampler(searched, ask_seed(request.seed, request.number), population_size(request.count))
    return ask(study, space, sampler, request)


class _Sampler(NSGAIISampler):
    """Optuna's, with parents that follow from what is known of all trials.

    Args:
        distributions: what each parameter is drawn from.
        seed: of this ask.
        size: of the population.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], seed: int, size: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # they may change; constraints.txt pins Optuna
            crossover, mutation = SBXCrossover(eta=SPREAD), PolynomialMutation(eta=SPREAD)  # Deb's own
        super().__init__(population_size=size, seed=seed, crossover=crossover, mutation=mutation)
        self._size = size
        self._distributions = dict(distributions)
        self._random = RandomSampler(seed=seed)
        self._known: list[Observed] | None = None
        self._parents: list[FrozenTrial] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: distribution for name, distribution in self._distributions.items() if not distribution.single()}

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """0, the random one, until as many points are known as the population has; from then on 1."""
        if self._known is None:
            self._known = observed(study)
        return int(len(self._known) >= self._size)

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        if not generation:
            return []
        if self._parents is None:  # asked again, for another child of the same parents
            self._parents = self.select_parent(study, generation)
        return self._parents

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """All that is known, as trials that can be compared: complete, with a constraint that says how far each is behind."""
        known, signed = self._known or [], signs(study)
        found = []
        for number, (one, behind) in enumerate(zip(known, _behind(known), strict=True)):
            values = [sign * loss for sign, loss in zip(signed, one.losses, strict=True)]
            found.append(self._comparable(study, number, one, values))
            found[-1].set_constraint("behind", behind)
        return found

    def _comparable(self, study: optuna.Study, number: int, one: Observed, values: Sequence[float]) -> FrozenTrial:
        trial = FrozenTrial(
            number=number,
            trial_id=number,
            state=OptunaState.COMPLETE,
            value=None,
            values=values,
            datetime_start=_NEVER,
            datetime_complete=_NEVER,
            params={},
            distributions=self._distributions,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        trial.params = {name: self._value(study, trial, one, name) for name in self._distributions}
        return trial

    def _value(self, study: optuna.Study, trial: FrozenTrial, one: Observed, name: str) -> Any:
        """A point's value; any at all of a parameter that it doesn't have."""
        return one.params[name] if name in one.params else self._random.sample_independent(study, trial, name, self._distributions[name])


_NEVER = datetime.fromtimestamp(0)


def _behind(known: Sequence[Observed]) -> list[float]:
    """How far each point is behind those that were trained to their end within all limits, which are behind nothing.

    From 0 to 1: not trained to its end; from 1 to 2: beyond a limit, more the further; 3: could not be trained at all.
    """
    stopped = [place for place, one in enumerate(known) if one.usable and not one.complete]
    stopped.sort(key=lambda place: (-len(known[place].curve), known[place].best))
    behind = [0.0 if one.usable else 3.0 if math.isinf(one.best) else 1 + one.beyond / (1 + one.beyond) for one in known]
    for place, one in enumerate(stopped, start=1):
        behind[one] = place / (len(stopped) + 1)
    return behind
