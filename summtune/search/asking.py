"""Asks an Optuna study for points of a space: the seam between Optuna's samplers and our spaces.

Optuna asks a sampler for one value after another; rules between parameters need whole points. So a sampler of ours stands in front of
Optuna's: when a trial is asked for, it draws a whole point, asking Optuna's sampler as often as it takes, and the trial is given that.
Distributions stay the same in all trials, whatever the rules leave of them, so that Optuna's models can learn across all of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune.space.parameters import Parameter
from summtune.space.source import OneOf, Question, WholeNumber
from summtune.space.space import Draw, Point, Space

ATTEMPTS = 20
"""Whole points drawn freely before the rules are kept to parameter by parameter, and as many after."""


@dataclass(frozen=True)
class Request:
    """What a method is asked for.

    Attributes:
        number: how many points were drawn before this one, without the baseline.
        seed: of every random choice of the run.
        count: trials asked for; methods share it out between exploring and exploiting.
        fresh: whether a point would be a training that there has not been.
        help: a fresh point for a method that finds none by itself; None where there is none.
    """

    number: int
    seed: int
    count: int
    fresh: Callable[[Point], bool]
    help: Callable[[], Draw | None] = lambda: None


@dataclass(frozen=True)
class Suggestion:
    """The next trial of the study, and the point that it stands for."""

    trial: optuna.Trial
    draw: Draw


class PointSampler(BaseSampler):
    """Draws whole points of a space with one of Optuna's samplers.

    Args:
        space: what varies.
        inner: asked for values: jointly where it can, else one at a time.
        seed: of what is chosen where the rules refuse the inner sampler's answers.
        request: which points may be drawn (another one is looked for where not), and who helps to one.
    """

    def __init__(self, space: Space, inner: BaseSampler, seed: int, request: Request) -> None:
        self._space = space
        self._inner = inner
        self._seed = seed
        self._request = request
        self.drawn: Draw | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return distributions(self._space, self._space.searched)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        jointly = self._inner.infer_relative_search_space(study, trial)
        for attempt in range(2 * ATTEMPTS):
            source = _Sampled(study, trial, self._inner, self._inner.sample_relative(study, trial, jointly))
            free = attempt < ATTEMPTS
            draw = self._space.draw(source) if free else self._space.draw_narrowed(source, self._seed + attempt)
            if draw is not None and self._request.fresh(draw.point):
                self.drawn = draw
                return draw.answers
        # Here and not later: the trial is in the study already, and would stay there as one that failed, of which no log knows.
        self.drawn = self._request.help()
        return self.drawn.answers if self.drawn is not None else {}

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        raise AssertionError(f"{param_name} is asked for, which the drawn point doesn't have")

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._inner.before_trial(study, trial)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: OptunaState, values: Sequence[float] | None) -> None:
        self._inner.after_trial(study, trial, state, values)


class _Sampled:
    """A source that asks an Optuna sampler: first what it drew jointly, then value by value."""

    def __init__(self, study: optuna.Study, trial: FrozenTrial, sampler: BaseSampler, jointly: Mapping[str, Any]) -> None:
        self._study = study
        self._trial = trial
        self._sampler = sampler
        self._jointly = dict(jointly)

    def answer(self, name: str, question: Question) -> Any:
        if name in self._jointly:
            return self._jointly.pop(name)
        return self._sampler.sample_independent(self._study, self._trial, name, distribution(question))


class WeightedRandomSampler(optuna.samplers.RandomSampler):
    """Optuna's RandomSampler, with weights for the choices that have any."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(seed=seed)
        self._random = random.Random(seed)
        self._weights = {
            name: question
            for name, parameter in space.parameters.items()
            if isinstance(question := parameter.question(), OneOf) and question.weights is not None
        }

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        weighted = self._weights.get(param_name)
        if weighted is None:
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._random.choices(weighted.choices, weighted.weights)[0]


def distribution(question: Question) -> BaseDistribution:
    """A question in Optuna's words."""
    if isinstance(question, OneOf):
        return CategoricalDistribution(question.choices)
    if isinstance(question, WholeNumber):
        return IntDistribution(question.low, question.high, question.log, question.step)
    return FloatDistribution(question.low, question.high, question.log, question.step)


def distributions(space: Space, names: Sequence[str]) -> dict[str, BaseDistribution]:
    """What Optuna draws these parameters from."""
    return {name: distribution(_question(space.parameters[name])) for name in names}


def _question(parameter: Parameter) -> Question:
    question = parameter.question()
    assert question is not None, "constants are asked of no sampler"
    return question


def ask(study: optuna.Study, space: Space, sampler: BaseSampler, request: Request) -> Suggestion | None:
    """Draw the next point with a sampler; None where no fresh one was found."""
    ours = PointSampler(space, sampler, ask_seed(request.seed, request.number), request)
    study.sampler = ours
    trial = study.ask()
    answers = trial.relative_params
    if ours.drawn is None:
        study.tell(trial, state=OptunaState.FAIL)
        return None
    for name in answers:
        _take(trial, name, distribution(_question(space.parameters[name])))
    return Suggestion(trial, ours.drawn)


def adopt(study: optuna.Study, space: Space, draw: Draw) -> Suggestion:
    """Make a known point the study's next trial, as if it had been drawn."""
    study.sampler = optuna.samplers.RandomSampler(seed=0)  # asked for nothing: all is given
    study.enqueue_trial(dict(draw.answers))
    trial = study.ask(distributions(space, tuple(draw.answers)))
    return Suggestion(trial, draw)


def _take(trial: optuna.Trial, name: str, asked: BaseDistribution) -> None:
    """Let a trial suggest what was drawn for it."""
    if isinstance(asked, CategoricalDistribution):
        trial.suggest_categorical(name, asked.choices)
    elif isinstance(asked, IntDistribution):
        trial.suggest_int(name, asked.low, asked.high, step=asked.step, log=asked.log)
    else:
        assert isinstance(asked, FloatDistribution)
        trial.suggest_float(name, asked.low, asked.high, step=asked.step, log=asked.log)


def ask_seed(seed: int, number: int) -> int:
    """The seed of one ask. Each ask has its own, so that no generator's state need survive a restart.

    A multiplicative hash (Knuth, The Art of Computer Programming 3, 6.4) keeps neighbours far apart; 32 bits is what NumPy takes.
    """
    return (seed * 2654435761 + number * 40503 + 12345) % 2**32
