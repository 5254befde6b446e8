"""A run's Optuna study: asked for points, told what became of them, and rebuilt from a run's state as it was.

It must not know Ray or files, nor decide which trial stops.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState as OptunaState

from summtune import registry
from summtune.events import limits
from summtune.events.fold import RunState
from summtune.events.kinds import Metrics, Reported
from summtune.events.trial_state import TrialState
from summtune.search.asking import Request, adopt, ask_seed
from summtune.search.ended_trial import ended_trial
from summtune.search.observed import remember
from summtune.search.taught import taught_trials
from summtune.search.walk import fresh_draw, fresh_point, mixed
from summtune.space.space import Draw, Space

Score = float | list[float]
"""What a study is told of an evaluation, in Optuna's way: a number, or with several objectives one for each."""

INFEASIBLE = "out_of_memory"
"""The cause of a failure that says something about the point: with other settings there would be no such failure."""


@dataclass(frozen=True)
class Proposal:
    """A drawn point.

    Attributes:
        point: by dotted settings key, as it is trained.
        params: the sampler's answers that it was made of, by parameter: labels of bundles, shares of a bell, and the like.
    """

    point: dict[str, Any]
    params: dict[str, Any]


class Search:
    """Which point next.

    Args:
        space: what varies.
        method: a file of `search/methods`.
        maximize: the objective's goal; of several objectives one for each.
        seed: of every random choice.
        count: trials asked for; methods share it out between exploring and exploiting.
        identity: equal for two points that are the same training.
    """

    def __init__(
        self,
        space: Space,
        method: str,
        *,
        maximize: bool | Sequence[bool],
        seed: int,
        count: int,
        identity: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._goals = (maximize,) if isinstance(maximize, bool) else tuple(maximize)
        self._space = space
        self._method = registry.load("search.methods", method)
        self._seed = seed
        self._count = count
        self._identity = identity or _as_text
        self._identities: dict[str, str] = {}  # a trial's never changes, and finding it out takes longest of all in a replay
        self._nothing_left = False  # nor will there be: what has been trained only gets more
        self._begin()

    def _begin(self) -> None:
        self.study = optuna.create_study(directions=["maximize" if maximize else "minimize" for maximize in self._goals])
        self._asked: dict[str, optuna.Trial] = {}
        self._trained: set[str] = set()
        self._drawn: set[str] = set()  # those of them that lie in the space
        self._observed: dict[str, set[int]] = {}
        self._paused: set[str] = set()

    @property
    def used_up(self) -> bool:
        """Whether every point of a finite space has been drawn."""
        size = self._space.size()
        return self._nothing_left or (size is not None and len(self._drawn) >= size)

    def replay(self, state: RunState) -> None:
        """Make the study anew, as a run's state says that it was: the same trials, values and numbers."""
        self._begin()
        self.study.add_trials(taught_trials(state, self._space))
        for place in state.asked:
            trial = state.trials[place.trial]
            reports = [one for one in trial.reports if place.paused_at is None or one.iteration <= place.paused_at]
            if place.paused_at is not None and not reports:
                continue  # it was begun anew since
            if place.paused_at is not None or trial.paused:
                self._add(trial, reports, state, (OptunaState.PRUNED, None), _excesses(state.best_of(reports), state))
                self._paused.add(trial.id)
            elif trial.told:
                self._add(trial, reports, state, final_word(trial, state), excesses(trial, state))
            else:
                self._take_up(trial, reports, state)

    def _add(
        self,
        trial: TrialState,
        reports: Sequence[Reported],
        state: RunState,
        word: tuple[OptunaState, Score | None],
        beyond: Mapping[str, float],
    ) -> None:
        """Take in a trial that is over, or pauses."""
        draw = self._baseline_draw(trial.point) if trial.baseline else Draw(trial.point, trial.params)
        if draw is not None:
            evaluations = [(report.iteration, told_score(state, report.metrics)) for report in reports]
            self.study.add_trial(ended_trial(self._space, draw.answers, evaluations, *word, beyond))
            self._count_in(trial.id, draw.point)

    def _take_up(self, trial: TrialState, reports: Sequence[Reported], state: RunState) -> None:
        """Take in a trial that is under way."""
        if trial.baseline:
            self.adopt_baseline(trial.id, trial.point)
        else:
            self.adopt(trial.id, Draw(trial.point, trial.params))
        for report in reports:
            self.observe(trial.id, report.iteration, told_score(state, report.metrics))

    def propose(self, trial_id: str, number: int) -> Proposal | None:
        """Draw the point of a new trial; None when a space is used up.

        No two points are the same training: a method that finds no fresh one is helped to another that there is.

        Args:
            trial_id: the trial's id.
            number: how many points were drawn before it, without the baseline.
        """
        if self.used_up:
            return None
        size = self._space.size()

        def fresh(point: Mapping[str, Any]) -> bool:
            return self._identity(point) not in self._trained

        def help_out() -> Draw | None:
            """A point for a method that insists on what has been; for a grid, that is at its end."""
            if size is None:
                return fresh_draw(self._space, ask_seed(self._seed, number), fresh)
            return fresh_point(self._space, mixed(size, self._seed), fresh)

        suggestion = self._method.suggest(self.study, self._space, Request(number, self._seed, self._count, fresh, help_out))
        if suggestion is None and (draw := help_out()) is not None:
            suggestion = adopt(self.study, self._space, draw)
        if suggestion is None:
            self._nothing_left = True
            return None
        self._asked[trial_id] = suggestion.trial
        self._count_in(trial_id, suggestion.draw.point)
        return Proposal(dict(suggestion.draw.point), dict(suggestion.draw.answers))

    def adopt(self, trial_id: str, draw: Draw) -> None:
        """Take in a point that was drawn before."""
        self._asked[trial_id] = adopt(self.study, self._space, draw).trial
        self._observed.pop(trial_id, None)
        self._paused.discard(trial_id)
        self._count_in(trial_id, draw.point)

    def adopt_baseline(self, trial_id: str, point: Mapping[str, Any]) -> None:
        """Take in the base's own settings: they are trained, and not drawn again. Outside the space they teach the sampler nothing."""
        draw = self._baseline_draw(point)
        if draw is not None:
            self._count_in(trial_id, draw.point)
            self._asked[trial_id] = adopt(self.study, self._space, draw).trial

    def _baseline_draw(self, point: Mapping[str, Any]) -> Draw | None:
        self._trained.add(self._identity({}))
        return self._space.locate(point)

    def _count_in(self, trial_id: str, point: Mapping[str, Any]) -> None:
        if trial_id not in self._identities:
            self._identities[trial_id] = self._identity(point)
        self._drawn.add(self._identities[trial_id])
        self._trained.add(self._identities[trial_id])

    def observe(self, trial_id: str, iteration: int, value: Score) -> None:
        """One evaluation of a trial."""
        seen = self._observed.setdefault(trial_id, set())
        if trial_id in self._asked and iteration not in seen:
            seen.add(iteration)  # one that is done again is not said twice: Optuna keeps the first, and warns
            remember(self._asked[trial_id], iteration, value)

    def pause(self, trial_id: str, beyond: Mapping[str, float]) -> None:
        """A trial pauses: to Optuna it is one that was pruned, until it goes on. It is told no more of it if it doesn't."""
        self.tell(trial_id, OptunaState.PRUNED, None, beyond)
        self._paused.add(trial_id)

    def go_on(self, trial: TrialState, state: RunState) -> None:
        """A paused trial goes on. Optuna's trials can't be untold: it becomes another one, with the evaluations it has had."""
        self._take_up(trial, trial.reports, state)

    def tell(self, trial_id: str, state: OptunaState, value: Score | None, beyond: Mapping[str, float] | None = None) -> None:
        """How a trial ended: COMPLETE with its score, PRUNED with its intermediate values, or FAIL.

        Args:
            trial_id: the trial's id.
            state: Optuna's word for its end.
            value: its score; with several objectives one for each.
            beyond: by how much it is beyond each limit; samplers prefer what is beyond none.
        """
        if trial_id in self._asked and trial_id not in self._paused:
            for limit, excess in (beyond or {}).items():
                self._asked[trial_id].set_constraint(limit, excess)
            self.study.tell(self._asked[trial_id], value if state is OptunaState.COMPLETE else None, state=state)


def told_score(state: RunState, metrics: Metrics) -> Score:
    """What the study is told of an evaluation."""
    values = [metrics[aim.name] for aim in state.objectives]
    return values if len(values) > 1 else values[0]


def final_word(trial: TrialState, state: RunState) -> tuple[OptunaState, Score | None]:
    """What the study is told of a trial that is over.

    A trial that a rung stopped is PRUNED, not COMPLETE with a value that more training would have raised. One that can't be trained here at
    all is PRUNED, too: Optuna's samplers rank it behind all that were scored, and keep away; a FAIL they would only forget.
    """
    if trial.status == "finished" and trial.best is not None:
        return OptunaState.COMPLETE, told_score(state, trial.best.metrics)
    if trial.cause == INFEASIBLE:
        return OptunaState.PRUNED, None
    if trial.status == "stopped":
        return OptunaState.PRUNED, None if trial.best is None else told_score(state, trial.best.metrics)
    return OptunaState.FAIL, None


def excesses(trial: TrialState, state: RunState) -> dict[str, float]:
    """By how much a trial's best evaluation is beyond each limit; nothing of a trial that failed."""
    return {} if trial.status == "failed" else _excesses(trial.best, state)


def _excesses(best: Reported | None, state: RunState) -> dict[str, float]:
    return {} if best is None else limits.excesses(state.limits, best.metrics)


def _as_text(point: Mapping[str, Any]) -> str:
    return json.dumps(point, sort_keys=True, ensure_ascii=False)
