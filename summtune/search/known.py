"""What a study knows of its points, as arrays: kept up as trials end, so that an ask takes hardly longer with ten thousand than with ten.

It must not know how a sampler learns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import optuna
from optuna.trial import FrozenTrial

from summtune.search.columns import Array, Column
from summtune.search.observed import Observed, observed_of, point_of, signs

NO_MORE = -1
"""In the place of an evaluation, where a point has had fewer."""

_FIRST_ROOM, _LOOKS = 64, 8


@dataclass(frozen=True)
class Known:
    """Points that something is known of, in the order in which the study first knew something of each; less is better.

    Attributes:
        places: of shape (points, parameters), from 0 to 1; NaN where a point doesn't have the parameter.
        losses: of shape (points, objectives), at the best evaluation by the first objective.
        steps: of shape (points, looks): the evaluations 1, 3, 9, …, the last, or TO_THE_END; then NO_MORE.
        values: of shape (points, looks, objectives): the losses by then.
        last: of shape (points,): the last evaluation.
        beyond: of shape (points,): by how much it is beyond limits; 0 within all.
    """

    places: Array
    losses: Array
    steps: npt.NDArray[np.int64]
    values: Array
    last: npt.NDArray[np.int64]
    beyond: Array

    def __len__(self) -> int:
        return len(self.losses)


def known(study: optuna.Study, columns: Mapping[str, Column]) -> Known:
    """All of it, as the study stands.

    Args:
        study: any.
        columns: its parameters, by name; the same at each call.
    """
    if study not in _kept:
        _kept[study] = _Kept(columns, len(study.directions))
    return _kept[study].brought_up_to(study)


class _Kept:
    """The arrays of a study, with a row for each trial; of trials that have the same point the first's is used.

    A trial that went on after a pause is in the study again, from its first evaluation on: the last that is known counts.
    """

    def __init__(self, columns: Mapping[str, Column], objectives: int) -> None:
        self._columns = columns
        self._seen = 0
        self._under_way: list[int] = []  # all others have ended, and nothing changes about them
        self._row_of: dict[str, int] = {}
        self._arrays: dict[str, npt.NDArray[Any]] = {
            "places": np.full((_FIRST_ROOM, len(columns)), math.nan),
            "losses": np.full((_FIRST_ROOM, objectives), math.inf),
            "steps": np.full((_FIRST_ROOM, _LOOKS), NO_MORE, np.int64),
            "values": np.full((_FIRST_ROOM, _LOOKS, objectives), math.inf),
            "last": np.zeros(_FIRST_ROOM, np.int64),
            "beyond": np.zeros(_FIRST_ROOM),
        }

    def brought_up_to(self, study: optuna.Study) -> Known:
        trials, signed = study.get_trials(deepcopy=False), signs(study)
        changed = [*self._under_way, *range(self._seen, len(trials))]
        self._under_way = [number for number in changed if not trials[number].state.is_finished()]
        self._seen = len(trials)
        for number in changed:
            one = observed_of(trials[number], signed)
            if one is not None:
                self._take(number, trials[number], one)
        rows = np.sort(np.fromiter(self._row_of.values(), np.intp, len(self._row_of)))
        return Known(**{name: array[rows] for name, array in self._arrays.items()})

    def _take(self, number: int, trial: FrozenTrial, one: Observed) -> None:
        row = self._row_of.setdefault(point_of(trial), number)
        steps, values = one.marks
        self._make_room(row + 1, len(steps))
        arrays = self._arrays
        for at, (name, column) in enumerate(self._columns.items()):
            arrays["places"][row, at] = column.place(one.params[name]) if name in one.params else math.nan
        arrays["losses"][row] = one.losses
        arrays["steps"][row] = NO_MORE
        arrays["steps"][row, : len(steps)] = steps
        if steps:
            arrays["values"][row, : len(steps)] = values
        arrays["last"][row] = one.last
        arrays["beyond"][row] = one.beyond

    def _make_room(self, rows: int, looks: int) -> None:
        while rows > len(self._arrays["last"]):
            self._arrays = {name: np.concatenate([array, np.zeros_like(array)]) for name, array in self._arrays.items()}
        while looks > self._arrays["steps"].shape[1]:
            for name in ("steps", "values"):
                more = np.full_like(self._arrays[name], NO_MORE if name == "steps" else math.inf)
                self._arrays[name] = np.concatenate([self._arrays[name], more], axis=1)


_kept: WeakKeyDictionary[optuna.Study, _Kept] = WeakKeyDictionary()
