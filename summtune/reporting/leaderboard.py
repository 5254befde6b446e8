"""The run as rows and figures, for whoever shows it: terminal, page, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import BUDGET
from summtune.events.trial_state import TrialState
from summtune.reporting.faithfulness import Faithfulness, faithfulness


@dataclass(frozen=True)
class Row:
    """A trial in a table.

    Attributes:
        rank: its place among those that were evaluated in full, from 1; None for others.
        score: the objective at its best evaluation, as the search was told: a cheap one where evaluations on the way are.
        own_score: the objective by its full evaluation, decoded as it was trained to; None where there was none.
        full_score: the same with the best decoding that was found, which alone names the best.
        iteration: the last one reported.
        best_iteration: the one with the best score.
        seconds: from its first start to its end; None before.
        best: whether it is the run's best; with several objectives by the first.
        front: with several objectives: whether no other beats it in all of them.
        cheap, full: what it has of further objectives, by name: at its best evaluation, as the search was told, and in full.
        cause: why it failed.
        retries: how often it was tried again after a failure that could pass.
        beyond: the limits that it is beyond, in words; it is never the best then, and has no rank.
        repeats: the trial whose point it trains once more; empty for a point of its own.
        seed: that it is trained with in place of the settings' own.
        seeds: of a point: how many trainings its mean is over.
        mean: of a point that was repeated: of full scores, or of cheap ones while there are no others.
        spread: their standard deviation.
    """

    trial: str
    rank: int | None
    score: float | None
    own_score: float | None
    full_score: float | None
    iteration: int
    best_iteration: int | None
    status: str
    baseline: bool
    best: bool
    point: Mapping[str, Any]
    attempts: int
    seconds: float | None
    cause: str
    message: str
    beyond: tuple[str, ...] = ()
    retries: int = 0
    repeats: str = ""
    seed: int | None = None
    seeds: int = 1
    mean: float | None = None
    spread: float | None = None
    front: bool = False
    cheap: Mapping[str, float] = field(default_factory=dict)
    full: Mapping[str, float] = field(default_factory=dict)


def rows(state: RunState) -> list[Row]:
    """All trials: by full scores, then by cheap ones, then those beyond a limit, then those without a score as they were drawn.

    Repetitions of a point come after it.
    """
    places = {trial.id: place for place, trial in enumerate(standings.ranking(state), start=1)}
    groups = (standings.ranking(state), standings.candidates(state), standings.infeasible(state), state.trials.values())
    best, front = standings.best(state), {point.id for point in standings.front(state)}
    points = {trial.id: trial for group in groups for trial in group if not trial.repeats}
    repetitions = {one: [state.trials[other] for other in state.repetitions.get(one, ())] for one in points}
    ordered = {trial.id: trial for one, point in points.items() for trial in (point, *repetitions[one])}
    return [
        _row(state, trial, places.get(trial.id), best=best is not None and trial.id == best.id, front=trial.id in front)
        for trial in ordered.values()
    ]


@dataclass(frozen=True)
class Figures:
    """What a run comes to.

    Attributes:
        best, baseline: scores, with several objectives by the first, of repeated points the means (the baseline's as it was trained to
            decode), each of the kind that `evaluations` names.
        evaluations: full, or proxy as long as the best has only a cheap score.
        mean, least, most: over all trials that ended without failing and were evaluated in full, stopped ones too (one of which may be the
            best), without the baseline.
        fully_scored: how many those are.
        faithfulness: whether cheap evaluations can be trusted.
        infeasible: trials beyond a limit, the baseline not among them.
        iterations_spent: evaluations of all trials, the baseline's too.
        iterations_saved: evaluations that trials did not make which a rung stopped.
        iterations_cut: evaluations that trials did not make which a budget stopped.
        repetitions: trainings of points with other seeds, outside all these counts.
        not_begun: trials that were asked for and not begun, since a budget was used up or nothing had improved for long.
        seconds: from the run's opening to its last event, pauses between sessions included.
    """

    total: int
    finished: int
    stopped: int
    failed: int
    unfinished: int
    best: float | None
    baseline: float | None
    evaluations: str
    mean: float | None
    least: float | None
    most: float | None
    iterations_spent: int
    iterations_saved: int
    iterations_cut: int
    repetitions: int
    not_begun: int
    seconds: float
    infeasible: int
    fully_scored: int
    faithfulness: Faithfulness | None


def figures(state: RunState, last_iterations: Mapping[str, int], most_trials: int | None = None) -> Figures:
    """The figures of a run.

    Args:
        state: the run.
        last_iterations: the evaluations that each trial would have made had nothing stopped it.
        most_trials: how many trials there would have been; None: as many as were asked for.
    """
    searched = state.searched
    ended = [trial for trial in searched if trial.over and trial.status != "failed"]
    scores = [score for trial in ended if (score := state.full_score(trial)) is not None]
    best, baseline = standings.best(state), state.baseline
    evaluations, best_score = standings.shown_score(state, best) if best is not None else (state.strategy, None)
    opened = state.opened.time if state.opened else 0.0
    stopped = [trial for trial in searched if trial.status == "stopped"]
    asked = state.count if most_trials is None else most_trials

    def not_made(trials: Iterable[TrialState]) -> int:
        return sum(max(0, last_iterations.get(trial.id, 0) - trial.iteration) for trial in trials)

    ends = [time for trial in state.trials.values() for time in (trial.ended_at, trial.reports[-1].time if trial.reports else None) if time]
    return Figures(
        total=len(searched),
        finished=sum(trial.status == "finished" for trial in searched),
        stopped=len(stopped),
        failed=sum(trial.status == "failed" for trial in searched),
        unfinished=sum(not trial.over for trial in searched),
        best=best_score,
        baseline=(standings.own_mean(state, baseline) if evaluations == "full" else state.score(baseline)) if baseline else None,
        evaluations=evaluations,
        mean=fmean(scores) if scores else None,
        least=min(scores, default=None),
        most=max(scores, default=None),
        iterations_spent=sum(len(trial.reports) for trial in state.trials.values()),
        iterations_saved=not_made(trial for trial in stopped if trial.cause != BUDGET),
        iterations_cut=not_made(trial for trial in state.trials.values() if trial.cause == BUDGET),
        repetitions=sum(map(len, state.repetitions.values())),
        not_begun=max(0, asked - len(searched)) if state.search_ended is not None else 0,
        seconds=max([state.closed_at or 0.0, *ends, opened]) - opened,
        infeasible=sum(not trial.baseline for trial in standings.infeasible(state)),
        fully_scored=len(scores),
        faithfulness=faithfulness(state),
    )


def _row(state: RunState, trial: TrialState, rank: int | None, *, best: bool, front: bool) -> Row:
    return Row(
        trial=trial.id,
        rank=rank,
        score=state.score(trial),
        own_score=state.own_score(trial),
        full_score=state.full_score(trial),
        iteration=trial.iteration,
        best_iteration=trial.best.iteration if trial.best else None,
        status=trial.status,
        baseline=trial.baseline,
        best=best,
        point=trial.point,
        attempts=trial.attempts,
        seconds=trial.ended_at - trial.started_at if trial.ended_at and trial.started_at else None,
        cause=trial.cause,
        message=trial.message,
        beyond=tuple(map(str, state.violations(trial))),
        retries=len(trial.retried),
        repeats=trial.repeats,
        seed=trial.seed,
        front=front,
        cheap=_further(state, trial.best.metrics if trial.best else None),
        full=_further(state, state.full_metrics(trial)),
        **of_seeds(state, trial),
    )


def _further(state: RunState, metrics: Mapping[str, float] | None) -> dict[str, float]:
    return {} if metrics is None else {aim.name: metrics[aim.name] for aim in state.objectives[1:]}


def of_seeds(state: RunState, trial: TrialState) -> dict[str, Any]:
    """Of a point: over how many trainings, their mean and their standard deviation; nothing of a repetition."""
    scores = [] if trial.repeats else standings.full_scores(state, trial) or standings.cheap_scores(state, trial)
    if len(scores) < 2:
        return {"seeds": len(scores), "mean": None, "spread": None}
    return {"seeds": len(scores), "mean": fmean(scores), "spread": stdev(scores)}
