"""Asks an Optuna study for points of a space: the seam between Optuna's trials and our spaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from summtune.space.space import Space


class TrialSource:
    """A space's source of values that asks an Optuna trial for each."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def categorical(self, name: str, choices: tuple[Any, ...]) -> Any:
        return self._trial.suggest_categorical(name, choices)

    def integer(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> int:
        return self._trial.suggest_int(name, low, high, log=log, step=step)

    def real(self, name: str, low: float, high: float, *, log: bool = False, step: float | None = None) -> float:
        return self._trial.suggest_float(name, low, high, log=log, step=step)


class PointSource:
    """A space's source of values that gives a known point's.

    Attributes:
        distributions: what each parameter is drawn from.
        params: the point's values as a sampler would have given them.
        outside: parameters whose values the space could not have drawn.
    """

    def __init__(self, point: Mapping[str, Any]) -> None:
        self._point = point
        self.distributions: dict[str, BaseDistribution] = {}
        self.params: dict[str, Any] = {}
        self.outside: list[str] = []

    def categorical(self, name: str, choices: tuple[Any, ...]) -> Any:
        value = self._point.get(name)
        label = json.dumps(value, ensure_ascii=False)
        # Samplers take scalars only, so that a space asks for labels where some choice is a list or a mapping.
        value = label if value not in choices and label in choices else value
        return self._known(name, CategoricalDistribution(choices), value, instead=choices[0])

    def integer(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> int:
        return int(self._known(name, IntDistribution(low, high, log, step), self._point.get(name), instead=low))

    def real(self, name: str, low: float, high: float, *, log: bool = False, step: float | None = None) -> float:
        return float(self._known(name, FloatDistribution(low, high, log, step), self._point.get(name), instead=low))

    def _known(self, name: str, distribution: BaseDistribution, value: Any, *, instead: Any) -> Any:
        self.distributions[name] = distribution
        try:
            if distribution._contains(distribution.to_internal_repr(value)):
                self.params[name] = value
                return value
        except (ValueError, TypeError):
            pass  # not of the distribution's kind at all
        self.outside.append(name)
        return instead


def locate(space: Space, point: Mapping[str, Any]) -> PointSource:
    """Where a point lies in a space, seen from a sampler."""
    source = PointSource(point)
    space.draw(source)
    return source


def ask(study: optuna.Study, space: Space, sampler: optuna.samplers.BaseSampler) -> tuple[optuna.Trial, dict[str, Any]]:
    """Draw the next point with a sampler."""
    study.sampler = sampler
    trial = study.ask()
    return trial, space.draw(TrialSource(trial))


def adopt(study: optuna.Study, space: Space, params: Mapping[str, Any]) -> tuple[optuna.Trial, dict[str, Any]]:
    """Make a sampler's known answer the study's next trial, as if it had been drawn."""
    study.enqueue_trial(dict(params))
    return ask(study, space, study.sampler)


def ask_seed(seed: int, number: int) -> int:
    """The seed of one ask. Each ask has its own, so that no generator's state need survive a restart.

    A multiplicative hash (Knuth, The Art of Computer Programming 3, 6.4) keeps neighbours far apart; 32 bits is what NumPy takes.
    """
    return (seed * 2654435761 + number * 40503 + 12345) % 2**32
