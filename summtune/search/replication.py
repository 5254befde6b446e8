"""Which point is trained once more with another seed, so that luck does not name the winner.

When the search is over the best few points get a second seed each. From then on it is known how much seeds scatter, and only points that
could still win get further ones: those no further below the leader than the difference of two means scatters, s·√(1/n + 1/m) for means of
n and m seeds, s being the pooled standard deviation between the seeds of a point. It goes on until these have all seeds. So the leader
always has, and most trainings go where they can change the answer.

A pure function of the run's state, so that it says the same after a restart. It looks at what the search was told (cheap scores, where
evaluations on the way are); points that a rung stopped were not trained to their end, and are not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.limits import violations
from summtune.events.trial_state import TrialState

FIRST = 3
"""Points that get a second seed before anything is known of how much seeds scatter."""

SHARE = 0.25
"""Of the points that were trained to their end, the best, may be repeated at all (FIRST at least): more would cost more than the search."""


@dataclass(frozen=True)
class Repetition:
    """A point to be trained once more.

    Attributes:
        of: the trial that was the first to train it.
        seed: the other seed.
    """

    of: str
    seed: int


@dataclass(frozen=True)
class Wait:
    """What comes next depends on repetitions that are under way."""


def next_repetition(state: RunState) -> Repetition | Wait | None:
    """What to repeat next; None where all has been that is worth it."""
    points = _promising(state)
    left = {point.id: seeds for point in points if (seeds := _seeds_left(state, point))}
    under_way = any(trial.repeats and not trial.over for trial in state.trials.values())
    first = [point for point in points[:FIRST] if state.further_seeds]
    if fresh := [point for point in first if not state.repetitions.get(point.id)]:
        asked = fresh
    elif any(not _been_repeated(state, point) for point in first):
        return Wait()
    else:
        scatter = _scatter(state, points)
        asked = [point for point in points if point.id in left and _could_win(state, point, points, scatter)]
    if not asked:
        return Wait() if under_way and left else None
    # Whoever has the fewest, the best of those: seeds are handed out evenly among the points that are still in it.
    next_one = min(asked, key=lambda point: len(state.repetitions.get(point.id, ())))
    return Repetition(next_one.id, left[next_one.id][0])


def _promising(state: RunState) -> list[TrialState]:
    """The best points by their first seed, best first."""
    ended = [trial for trial in state.trials.values() if trial.status == "finished" and not trial.repeats]
    # By what the search saw, as the scores: a full evaluation at the end must not ask for further trainings.
    whole = [trial for trial in ended if trial.best is not None and not violations(state.limits, trial.best.metrics)]
    whole.sort(key=lambda trial: state.score(trial) or 0.0, reverse=state.maximize)
    return whole[: max(FIRST, ceil(SHARE * len(whole)))]


def _seeds_left(state: RunState, point: TrialState) -> list[int]:
    used = {state.trials[one].seed for one in state.repetitions.get(point.id, ())}
    return [seed for seed in state.further_seeds if seed not in used]


def _been_repeated(state: RunState, point: TrialState) -> bool:
    return any(state.trials[one].over for one in state.repetitions.get(point.id, ()))


def _scatter(state: RunState, points: list[TrialState]) -> float:
    """The pooled standard deviation between seeds; 0 where no point has two."""
    squares, freedom = 0.0, 0
    for point in points:
        scores = standings.cheap_scores(state, point)
        squares += sum((score - fmean(scores)) ** 2 for score in scores)
        freedom += len(scores) - 1
    return sqrt(squares / freedom) if freedom else 0.0


def _could_win(state: RunState, point: TrialState, points: list[TrialState], scatter: float) -> bool:
    sign = 1.0 if state.maximize else -1.0

    def mean(one: TrialState) -> float:
        return sign * fmean(standings.cheap_scores(state, one))

    # A single lucky score is no leader: whoever leads was trained at least twice.
    leader = max((one for one in points if len(standings.cheap_scores(state, one)) > 1), key=mean, default=None)
    if leader is None:
        return True
    leeway = scatter * sqrt(1 / len(standings.cheap_scores(state, point)) + 1 / len(standings.cheap_scores(state, leader)))
    return mean(leader) - mean(point) <= leeway
