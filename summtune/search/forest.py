"""A sampler that learns from every evaluation, also of trials that were stopped: a forest over settings and how far they were trained.

A forest as surrogate is SMAC's idea (Hutter, Hoos and Leyton-Brown, Sequential Model-Based Optimization for General Algorithm
Configuration, 2011), its trees are extremely randomised ones (Geurts, Ernst and Wehenkel, 2006); that some points stay random is BOHB's
(Falkner, Klein and Hutter, 2018). Several objectives are weighed anew for each point (`weighing`). docs/search.md says what was tried. It
is an Optuna sampler like any other. It must not know spaces, rungs or Ray.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from summtune.search.columns import Array, Column
from summtune.search.known import NO_MORE, Known, known
from summtune.search.observed import TO_THE_END
from summtune.search.weighing import weighed

Flags = npt.NDArray[np.bool_]

STARTUP = 10
"""Trials that have been evaluated before the forest has its say."""

RANDOM_SHARE = 0.1
"""Of the points after those: what a forest is wrong about it never finds out by itself."""

CANDIDATES = 800
"""Points that the forest chooses from at a time."""

TREES, MOST_TO_A_LEAF, ROWS_FOR_ONE_MORE = 30, 3, 50
"""A forest's size. More rows to a leaf are fewer splits and less time, and follow noise less; where there are few rows each counts."""

OPTIMISM = 0.25
"""Of the trees' disagreement, how much is counted in a point's favour."""

GOOD_SHARE = 0.15
"""Of the trials, the best that new candidates are crossed from."""

JITTER = 0.05
"""Standard deviation of what is added to a crossed value, as a share of its range."""

MOST_ROWS = 400
"""Evaluations that a forest is grown from: beyond these growing takes longer than it is worth."""

LEAST_CROSSED = 3


class ForestSampler(BaseSampler):
    """Suggests the point for which a forest promises most, of many random ones or of many crossed from the best.

    Asked again for the same trial it suggests the next best, and random points in the end, so that a caller may refuse some.

    Args:
        distributions: what each parameter is drawn from; the same for all trials.
        seed: of every random choice. A sampler is made for each trial that is asked for: so it is a function of study and seed alone.
        startup: trials evaluated before the forest has its say.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], seed: int, startup: int = STARTUP) -> None:
        self._columns = {name: Column.of(distribution) for name, distribution in distributions.items()}
        self._distributions = dict(distributions)
        self._draw = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)
        self._startup = startup
        self._ranked: Iterator[dict[str, Any]] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        if self._ranked is None:
            self._ranked = self._rank(study)
        return next(self._ranked, {})

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _rank(self, study: optuna.Study) -> Iterator[dict[str, Any]]:
        """Points, the most promising first; none where a random one is due."""
        seen = known(study, self._columns)
        if len(seen) < self._startup or self._draw.random() < RANDOM_SHARE:
            return
        losses, values = weighed(seen, self._draw)
        usable = (seen.beyond == 0) & np.isfinite(losses)
        # A parameter that a point doesn't have counts as any value at all.
        points = np.where(np.isnan(seen.places), self._even(len(seen)), seen.places)
        forest = self._grow(points, _Rows.of(seen, values), usable, seen.beyond)
        pool = self._crossed(points, losses, usable) if self._draw.random() < 0.5 else self._even(CANDIDATES)
        whole = np.column_stack([pool, np.ones(len(pool))]).astype(np.float32)
        said = np.stack([tree.predict(whole).reshape(-1) for tree in forest])
        promise = said.mean(axis=0) - OPTIMISM * said.std(axis=0)
        for place in np.argsort(promise, kind="stable"):
            yield {name: column.value(pool[place, at]) for at, (name, column) in enumerate(self._columns.items())}

    def _even(self, number: int) -> Array:
        return self._snapped(self._draw.random((number, len(self._columns))))

    def _crossed(self, points: Array, losses: Array, usable: Flags) -> Array:
        """Each value from another of the best trials, and changed a little where it is a number."""
        order = np.lexsort((losses, ~usable))  # by the last, then by the first
        good = points[order[: max(LEAST_CROSSED, round(GOOD_SHARE * len(points)))]]
        width = len(self._columns)
        taken = good[self._draw.integers(len(good), size=(CANDIDATES, width)), np.arange(width)]
        changed = taken + self._draw.normal(0.0, JITTER, taken.shape) * [column.ordered for column in self._columns.values()]
        return self._snapped(1 - np.abs(1 - np.abs(changed)))  # what falls off an end comes back from it

    def _snapped(self, points: Array) -> Array:
        for at, column in enumerate(self._columns.values()):
            points[:, at] = column.snapped(points[:, at])
        return points

    def _grow(self, points: Array, rows: _Rows, usable: Flags, beyond: Array) -> list[Any]:
        from sklearn.tree import ExtraTreeRegressor

        inputs = np.column_stack([points[rows.points], rows.progress]).astype(np.float32)
        values = _taught(rows.values, usable[rows.points], beyond[rows.points])
        kept = _kept(values, self._draw)
        # One by one: scikit-learn's ensembles take as long again for copying and checking their trees' arguments.
        leaf = min(MOST_TO_A_LEAF, 1 + len(kept) // ROWS_FOR_ONE_MORE)
        trees = [ExtraTreeRegressor(min_samples_leaf=leaf, random_state=int(seed)) for seed in self._draw.integers(2**31, size=TREES)]
        return [tree.fit(inputs[kept], values[kept], check_input=False).tree_ for tree in trees]


@dataclass(frozen=True)
class _Rows:
    """Observations: each point's after 1, 3, 9, … evaluations and after its last.

    Attributes:
        points: the place of each one's point.
        progress: how far it had come; 1: to the end.
        values: its best by then.
    """

    points: npt.NDArray[np.intp]
    progress: Array
    values: Array

    @classmethod
    def of(cls, seen: Known, values: Array) -> _Rows:
        there = seen.steps != NO_MORE
        steps, which = np.unique(seen.steps[there], return_inverse=True)
        last = int(seen.last.max())
        come = [1.0 if step == TO_THE_END or last <= 1 else math.log(step) / math.log(last) for step in steps.tolist()]
        return cls(there.nonzero()[0], np.array(come)[which], values[there])


def _taught(values: Array, usable: Flags, beyond: Array) -> Array:
    """What a forest is taught of rows. What is beyond limits, or could not be trained, is worse than all else.

    Nothing else is worse than the median by more than the best is better, three times over: a loss that exploded would hide the rest.
    """
    if not usable.any():
        return np.zeros(len(values))
    median, least = float(np.median(values[usable])), float(values[usable].min())
    worst = min(float(values[usable].max()), median + 3 * (median - least))
    most = max(float(beyond.max()), 1e-300)
    refused = worst + max(worst - least, 1e-12) * (0.5 + np.where(np.isfinite(values), beyond / most, 1.0))
    return np.where(usable, np.minimum(values, worst), refused)


def _kept(values: Array, draw: np.random.Generator) -> npt.NDArray[np.intp]:
    """Places of the rows that a forest is grown from: all, or the better half of as many as it may be, and an even sample of the others."""
    if len(values) <= MOST_ROWS:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    best, others = order[: MOST_ROWS // 2], order[MOST_ROWS // 2 :]
    return np.sort(np.concatenate([best, draw.choice(others, MOST_ROWS - len(best), replace=False)]))
