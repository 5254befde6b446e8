"""A run's Optuna study: asked for points, told what became of them, and rebuilt from a run's state as it was.

It must not know Ray or files, nor decide which trial stops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState as OptunaState

from summtune import registry
from summtune.events.fold import RunState, TrialState
from summtune.search.asking import adopt, locate
from summtune.space.space import Space


@dataclass(frozen=True)
class Proposal:
    """A drawn point.

    Attributes:
        point: by dotted settings key, as it is trained.
        params: the sampler's answers that it was made of; they differ where a space takes a step by itself or draws labels.
    """

    point: dict[str, Any]
    params: dict[str, Any]


REDRAWS = 20
"""How often a sampler is asked again when it gives a point that was drawn before."""


class Search:
    """Which point next.

    Args:
        space: what varies.
        method: a file of `search/methods`.
        maximize: the objective's goal.
        seed: of every random choice.
        count: trials asked for; methods share it out between exploring and exploiting.
    """

    def __init__(self, space: Space, method: str, *, maximize: bool, seed: int, count: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(direction="maximize" if maximize else "minimize")
        self._space = space
        self._method = registry.load("search.methods", method)
        self._seed = seed
        self._count = count
        self._asked: dict[str, optuna.Trial] = {}
        self._drawn: set[str] = set()
        self._observed: set[tuple[str, int]] = set()

    @property
    def used_up(self) -> bool:
        """Whether every point of a finite space has been drawn."""
        size = self._space.size()
        return size is not None and len(self._drawn) >= size

    def replay(self, state: RunState) -> None:
        """Bring the study to where a run's state says it was: the same trials, values and numbers."""
        for trial in sorted(state.trials.values(), key=lambda trial: trial.number):
            if trial.baseline:
                self.adopt_baseline(trial.id, trial.point)
            else:
                self._adopt(trial.id, trial.params)
                self._drawn.add(_fingerprint(trial.point))
            for report in trial.reports:
                self.observe(trial.id, report.iteration, report.metrics[state.objective])
            if trial.told:
                self.tell(trial.id, *final_word(trial, state))

    def propose(self, trial_id: str, number: int) -> Proposal | None:
        """Draw the point of a new trial; None when a finite space is used up.

        No point is drawn twice: in a finite space a sampler that insists is helped to the next undrawn one.

        Args:
            trial_id: the trial's id.
            number: how many points were drawn before it, without the baseline.
        """
        if self.used_up:
            return None
        for seed in range(self._seed, self._seed + REDRAWS):
            suggestion = self._method.suggest(self.study, self._space, number, seed, self._count)
            if suggestion is None:
                return None
            trial, point = suggestion
            if _fingerprint(point) not in self._drawn:
                return self._take(trial_id, trial, point)
            self.study.tell(trial, state=OptunaState.FAIL)  # drawn already, and trained only once
        undrawn = next(point for point in self._space.points() if _fingerprint(point) not in self._drawn)
        return self._take(trial_id, *adopt(self.study, self._space, locate(self._space, undrawn).params))

    def _take(self, trial_id: str, trial: optuna.Trial, point: dict[str, Any]) -> Proposal:
        self._asked[trial_id] = trial
        self._drawn.add(_fingerprint(point))
        return Proposal(dict(point), dict(trial.params))

    def adopt_baseline(self, trial_id: str, point: Mapping[str, Any]) -> None:
        """Take in the base's own settings; outside the space, they teach the sampler nothing."""
        self._adopt(trial_id, locate(self._space, point).params)

    def _adopt(self, trial_id: str, params: Mapping[str, Any]) -> None:
        if set(params) == set(locate(self._space, {}).distributions):
            self._asked[trial_id], _ = adopt(self.study, self._space, params)

    def observe(self, trial_id: str, iteration: int, value: float) -> None:
        """One evaluation of a trial."""
        if trial_id in self._asked and (trial_id, iteration) not in self._observed:
            self._observed.add((trial_id, iteration))  # one that is done again is not said twice: Optuna keeps the first, and warns
            self._asked[trial_id].report(value, iteration)

    def tell(self, trial_id: str, state: OptunaState, value: float | None) -> None:
        """How a trial ended: COMPLETE with its score, PRUNED with its intermediate values, or FAIL."""
        if trial_id in self._asked:
            self.study.tell(self._asked[trial_id], value if state is OptunaState.COMPLETE else None, state=state)


def final_word(trial: TrialState, state: RunState) -> tuple[OptunaState, float | None]:
    """What the study is told of a trial that is over.

    A trial that a rung stopped is PRUNED, not COMPLETE with a value that more training would have raised.
    """
    if trial.status == "finished" and trial.best is not None:
        return OptunaState.COMPLETE, state.score(trial)
    if trial.status == "stopped":
        return OptunaState.PRUNED, state.score(trial)
    return OptunaState.FAIL, None


def _fingerprint(point: Mapping[str, Any]) -> str:
    return json.dumps(point, sort_keys=True, ensure_ascii=False)
