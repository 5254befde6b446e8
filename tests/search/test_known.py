"""The arrays that a forest learns from say what the study says, however they were kept up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from summtune.search.asking import distributions
from summtune.search.columns import Column
from summtune.search.known import NO_MORE, known
from summtune.search.observed import TO_THE_END, observed
from summtune.search.study import Search
from summtune.space.parameters import Choice, Reals
from summtune.space.rules import When
from summtune.space.space import Draw, Space

SPACE = Space.of([Reals("x", 1e-4, 1.0, log=True), Choice("c", ("a", "b")), Reals("y", 0.0, 1.0)], {"y": (When("c", ("a",)),)})

STEP = st.tuples(st.sampled_from(["draw", "report", "pause", "go on", "finish", "stop", "fail"]), st.integers(0, 100), st.floats(-1, 1))


@pytest.mark.parametrize("objectives", [1, 2])
@given(steps=st.lists(STEP, min_size=5, max_size=40), every=st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_it_is_what_the_study_says(objectives: int, steps: list[tuple[str, int, float]], every: int) -> None:
    """Looked at every so often, so that rows are made while trials run, go on after a pause, and end."""
    goals = [True, False][:objectives]
    search = Search(SPACE, "random", maximize=goals, seed=1, count=100)
    under_way: dict[str, Draw] = {}
    paused: dict[str, Draw] = {}
    evaluations: dict[str, list[float]] = {}

    def told(value: float) -> float | list[float]:
        return value if objectives == 1 else [value, value / 2]

    for turn, (what, which, value) in enumerate(steps):
        running, waiting = sorted(under_way), sorted(paused)
        if what == "draw":
            trial = str(turn)
            proposal = search.propose(trial, turn)
            assert proposal is not None
            under_way[trial], evaluations[trial] = Draw(proposal.point, proposal.params), []
        elif what == "go on" and waiting:
            trial = waiting[which % len(waiting)]
            under_way[trial] = paused.pop(trial)
            search.adopt(trial, under_way[trial])
            for number, known_value in enumerate(evaluations[trial], start=1):
                search.observe(trial, number, told(known_value))
        elif running:
            trial = running[which % len(running)]
            if what == "report":
                evaluations[trial].append(value)
                search.observe(trial, len(evaluations[trial]), told(value))
            elif what == "pause":
                search.pause(trial, {"limit": value})
                paused[trial] = under_way.pop(trial)
            elif what == "finish":
                search.tell(trial, TrialState.COMPLETE, told(value), {"limit": value})
                del under_way[trial]
            elif what in ("stop", "fail"):
                search.tell(trial, TrialState.PRUNED if what == "stop" else TrialState.FAIL, None)
                del under_way[trial]
        if turn % every == 0 or turn == len(steps) - 1:
            agree(search)


def agree(search: Search) -> None:
    columns = {name: Column.of(one) for name, one in distributions(SPACE, SPACE.searched).items()}
    arrays, points = known(search.study, columns), observed(search.study)
    assert len(arrays) == len(points)
    for row, one in enumerate(points):
        for at, (name, column) in enumerate(columns.items()):
            place = arrays.places[row, at]
            assert place == column.place(one.params[name]) if name in one.params else math.isnan(place)
        assert tuple(arrays.losses[row]) == one.losses
        assert arrays.beyond[row] == one.beyond
        steps = [step for step in arrays.steps[row].tolist() if step != NO_MORE]
        wanted = [step for step in one.curve if step in (1, 3, 9, 27) or step == max(one.curve)]
        assert steps == ([*wanted[:-1], TO_THE_END] if one.complete else wanted)
        losses = [tuple(values) for values in arrays.values[row, : len(steps)]]
        curve = [one.curve[step] for step in wanted]
        assert losses == ([*curve[:-1], one.losses] if one.complete else curve)
    assert np.all(arrays.last == [max(one.curve, default=0) for one in points])
