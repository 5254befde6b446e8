"""How the points of a run compare: which trainings of a point count, what it is ranked by, which is the best, and whose model it hands on.

A point is its first trial; repetitions with other seeds belong to it. Questions about a run's state: nothing here is on record.
"""

from __future__ import annotations

from statistics import fmean

from summtune.events.fold import RunState
from summtune.events.fronts import on_front, spread
from summtune.events.kinds import Metrics
from summtune.events.limits import violations
from summtune.events.trial_state import TrialState


def trainings(state: RunState, point: TrialState) -> list[TrialState]:
    """A point's trainings that count: its first, and those with other seeds that came to their end."""
    if point.id not in state.repetitions:
        return [point] if _counts(point) else []
    others = [other for one in state.repetitions.get(point.id, ()) if (other := state.trials[one]).status == "finished"]
    return [one for one in (point, *others) if _counts(one)]


def cheap_scores(state: RunState, point: TrialState) -> list[float]:
    """What the search was told, or would have been, of each of them."""
    return [score for one in trainings(state, point) if (score := state.score(one)) is not None]


def full_scores(state: RunState, point: TrialState) -> list[float]:
    """The objective of each that was evaluated in full, as it was trained to decode."""
    return [score for one in trainings(state, point) if (score := state.own_score(one)) is not None]


def own_mean(state: RunState, point: TrialState) -> float | None:
    """Their mean."""
    return fmean(scores) if (scores := full_scores(state, point)) else None


def point_score(state: RunState, point: TrialState) -> float | None:
    """What a point is ranked by: that mean, with what another decoding gained on the model that it hands on."""
    mean, model = own_mean(state, point), model_of(state, point)
    full, own = state.full_score(model), state.own_score(model)
    if mean is None or full is None or own is None or full == own:
        return mean
    return full if len(full_scores(state, point)) == 1 else mean + full - own


def point_metrics(state: RunState, point: TrialState) -> Metrics:
    """A point's: the means over its seeds, where it was repeated."""
    known = [found for one in trainings(state, point) if (found := state.own_metrics(one)) is not None]
    if len(known) < 2:
        return state.metrics(point)
    return {name: fmean(one[name] for one in known) for name in known[0] if all(name in one for one in known)}


def shown_score(state: RunState, point: TrialState) -> tuple[str, float | None]:
    """What a person is shown of a point, its kind first: full, what it is ranked by; or proxy, what the search was told."""
    if state.evaluation(model_of(state, point)) == "full":
        return "full", point_score(state, point)
    return state.strategy, state.score(point)


def model_of(state: RunState, point: TrialState) -> TrialState:
    """The training whose model a point hands on: the best that keeps to all limits, by full scores where there are any."""
    if point.id not in state.repetitions:
        return point
    known = trainings(state, point) or [point]
    known = [one for one in known if state.own_score(one) is not None] or known
    known = [one for one in known if state.feasible(one)] or known
    return min(known, key=lambda one: _place(state, 1, state.own_score(one) if state.own_score(one) is not None else state.score(one)))


def keeps_to_limits(state: RunState, point: TrialState) -> bool:
    """Whether that model does."""
    return state.feasible(model_of(state, point))


def ranking(state: RunState) -> list[TrialState]:
    """Points that were evaluated in full, did not fail and keep to all limits, best first, each by the mean over its seeds.

    Those that were repeated come first: a mean and a single lucky score don't compare.
    """
    full = [point for point in _usable(state) if point_score(state, point) is not None and keeps_to_limits(state, point)]
    return sorted(full, key=lambda point: _place(state, len(full_scores(state, point)), point_score(state, point)))


def candidates(state: RunState) -> list[TrialState]:
    """Points that did not fail and keep to all limits, as far as is known, best first by what the search was told of them."""

    def place(point: TrialState) -> tuple[bool, float]:
        if point.id not in state.repetitions:
            return _place(state, 1, state.score(point))
        scores = cheap_scores(state, point)
        return _place(state, len(scores), fmean(scores))

    return sorted((point for point in _usable(state) if keeps_to_limits(state, point)), key=place)


def likeliest(state: RunState) -> TrialState | None:
    """The first of the candidates."""
    if state.repetitions:  # few, and means of several trainings come first
        return next(iter(candidates(state)), None)

    def holds(trial_id: str, cost: float) -> bool:
        trial = state.trials[trial_id]
        score = state.score(trial)
        return _counts(trial) and score is not None and abs(score) == abs(cost) and state.feasible(trial)

    found = state.leaders.first(holds)
    return None if found is None else state.trials[found]


def contenders(state: RunState) -> list[TrialState]:
    """The ranking; while nothing has been evaluated in full and the run goes on, the likeliest."""
    return ranking(state) or ([] if state.status == "finished" else candidates(state))


def best(state: RunState) -> TrialState | None:
    """The best trial that has ended, else the best so far; never one that is beyond a limit.

    Once the run has finished only a trial that was evaluated in full is the best; before, the likeliest.
    """
    likely = contenders(state)
    return next((point for point in likely if point.over), likely[0] if likely else None)


def front(state: RunState) -> list[TrialState]:
    """With several objectives: the contenders that no other beats in all of them, best by the first objective first. All are judged by full
    evaluations, or while there are none by what the search was told. Empty where there is one objective: that has a best.
    """
    points = contenders(state) if len(state.objectives) > 1 else []
    beaten_by_none = on_front([state.losses(point_metrics(state, point)) for point in points])
    return [point for point, so in zip(points, beaten_by_none, strict=True) if so]


def cheap_front(state: RunState, points: list[TrialState], besides: list[TrialState], most: int) -> list[TrialState]:
    """The front of these points by what the search was told of them, without those that are taken anyway; where more than `most` are left,
    those furthest apart.
    """
    cheap = {point.id: state.losses(point.best.metrics) for point in points if point.best is not None}
    beaten_by_none = on_front(list(cheap.values()))
    taken = {point.id for point in besides}
    left = [state.trials[one] for one, so in zip(cheap, beaten_by_none, strict=True) if so and one not in taken]
    return [left[place] for place in spread([cheap[point.id] for point in left], most)]


def infeasible(state: RunState) -> list[TrialState]:
    """Points with a score whose model is beyond a limit, the least violating first."""
    beyond = [point for point in _usable(state) if not keeps_to_limits(state, point)]
    return sorted(beyond, key=lambda trial: sum(one.excess for one in state.violations(trial)))


def to_decode(state: RunState, top_k: int) -> list[TrialState]:
    """The trials whose models are decoded again: those of the best points as they were trained to decode, those beyond a limit last."""
    scored = [point for point in _usable(state) if full_scores(state, point)]

    def place(point: TrialState) -> tuple[bool, bool, float]:
        beyond = bool(violations(state.limits, state.own_metrics(model_of(state, point)) or {}))
        return beyond, *_place(state, len(full_scores(state, point)), own_mean(state, point))

    return [model_of(state, point) for point in sorted(scored, key=place)[:top_k]]


def _usable(state: RunState) -> list[TrialState]:
    """Points whose own training counts, or failed to be evaluated in full where others of the same point were not."""
    points = (trial for trial in state.trials.values() if trial.best is not None and trial.status != "failed" and not trial.repeats)
    return [point for point in points if trainings(state, point)]


def _counts(trial: TrialState) -> bool:
    return trial.best is not None and trial.status != "failed" and trial.not_scored is None


def _place(state: RunState, trainings: int, score: float | None) -> tuple[bool, float]:
    return trainings < 2, (-1.0 if state.maximize else 1.0) * (score or 0.0)
