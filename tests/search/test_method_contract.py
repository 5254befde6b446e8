"""What every file of search/methods keeps to; a new one is tested without being named here."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import TrialState as OptunaState

from summtune import registry
from summtune.search.study import Search
from summtune.space.parameters import Choice, Integers, Reals
from summtune.space.rules import When
from summtune.space.space import Space
from tests.search.test_study import EXPERIMENT, play, state_of

NAMES = registry.names("search.methods")
SLOW = {"gp"}
"""Each suggestion takes long: fewer are asked for."""

every_method = pytest.mark.parametrize("name", NAMES)

FINITE = Space.of([Choice("a", tuple(range(6))), Choice("b", ("x", "y", [])), Integers("c", 1, 4)])
ENDLESS = Space.of(
    [
        Reals("training.learning_rate", 1e-5, 1e-2, log=True),
        Reals("training.weight_decay", 0.0, 0.3, step=0.1),
        Choice("training.optim", ("adamw_torch", "adafactor")),
        Integers("training.warmup_steps", 0, 50),
    ],
    conditions={"training.weight_decay": (When("training.optim", ("adamw_torch",)),)},
)


def search(name: str, seed: int = 1, *, maximize: bool = True) -> Search:
    return Search(FINITE if name == "grid" else ENDLESS, name, maximize=maximize, seed=seed, count=30)


def score(point: dict[str, Any]) -> float:
    if "a" in point:
        return float(point["a"])
    return float(-abs(point["training.learning_rate"] - 1e-3) * 100 - 0.01 * point["training.warmup_steps"])


def worked(live: Search, numbers: range) -> list[dict[str, Any]]:
    """Points that are drawn, evaluated and told one after another."""
    points = []
    for number in numbers:
        proposal = live.propose(str(number), number)
        assert proposal is not None
        live.observe(str(number), 1, score(proposal.point))
        live.tell(str(number), OptunaState.COMPLETE, score(proposal.point))
        points.append(proposal.point)
    return points


def length(name: str) -> int:
    return 14 if name in SLOW else 24


@every_method
def test_it_says_what_it_is(name: str) -> None:
    assert registry.load("search.methods", name).SUMMARY


@every_method
def test_points_lie_in_the_space_and_keep_to_its_conditions(name: str) -> None:
    live = search(name)
    for point in worked(live, range(length(name))):
        assert live._space.locate(point) is not None, point
        if name != "grid":
            assert ("training.weight_decay" in point) == (point["training.optim"] == "adamw_torch")


@every_method
def test_the_seed_decides(name: str) -> None:
    once = worked(search(name), range(length(name)))
    assert worked(search(name), range(length(name))) == once
    if name != "grid":
        assert worked(search(name, seed=2), range(length(name))) != once


@every_method
def test_restored_in_mid_way_it_goes_on_identically(name: str) -> None:
    if name == "grid":
        pytest.skip("walked through in test_study")
    whole = play(restorable(name), range(16), [])
    log: list[Any] = []
    first = play(restorable(name), range(11), log)
    rebuilt = restorable(name)
    rebuilt.replay(state_of(log))
    assert first + play(rebuilt, range(11, 16), log) == whole


def restorable(name: str) -> Search:
    from tests.search.test_study import SPACE

    return Search(SPACE, name, maximize=True, seed=1, count=int(str(EXPERIMENT["count"])))


@every_method
def test_parallel_suggestions_differ(name: str) -> None:
    live = search(name)
    worked(live, range(12))
    points = [live.propose(str(number), number) for number in range(12, 18)]
    texts = {str(proposal.point) for proposal in points if proposal is not None}
    assert len(texts) == 6


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("grid", "random")])
@pytest.mark.parametrize("maximize", [True, False])
def test_it_learns(name: str, maximize: bool) -> None:
    """A slope in one number: where it leads, most later points lie."""
    space = Space.of([Reals("x", 0.0, 1.0), Reals("y", 0.0, 1.0)])
    trials = 18 if name in SLOW else 60
    live = Search(space, name, maximize=maximize, seed=3, count=2 * trials // 3)
    drawn = []
    for number in range(trials):
        proposal = live.propose(str(number), number)
        assert proposal is not None
        x = proposal.point["x"]
        live.observe(str(number), 1, x)
        live.tell(str(number), OptunaState.COMPLETE, x)
        drawn.append(x if maximize else 1 - x)
    assert sum(x > 0.7 for x in drawn[-8:]) >= 5, drawn


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("grid", "random", "gp")])
def test_what_could_not_be_trained_teaches(name: str) -> None:
    """Whatever lies above a half runs out of memory; below, more is better."""
    live = Search(Space.of([Reals("x", 0.0, 1.0)]), name, maximize=True, seed=4, count=40)
    drawn = []
    for number in range(60):
        proposal = live.propose(str(number), number)
        assert proposal is not None
        x = proposal.point["x"]
        drawn.append(x)
        if x > 0.5:
            live.tell(str(number), OptunaState.PRUNED, None)
        else:
            live.observe(str(number), 1, x)
            live.tell(str(number), OptunaState.COMPLETE, x)
    assert sum(x > 0.6 for x in drawn[-20:]) <= 6, drawn[-20:]
    assert sum(0.3 < x <= 0.5 for x in drawn[-20:]) >= 8, drawn[-20:]


def test_trials_that_were_stopped_teach_the_forest() -> None:
    """Only what was stopped says where it is bad; all that were trained to the end lie elsewhere."""
    live = Search(Space.of([Reals("x", 0.0, 1.0)]), "bayes", maximize=True, seed=5, count=60)
    drawn = []
    for number in range(40):
        proposal = live.propose(str(number), number)
        assert proposal is not None
        x = proposal.point["x"]
        drawn.append(x)
        live.observe(str(number), 1, -abs(x - 0.3))
        live.tell(str(number), OptunaState.PRUNED, -abs(x - 0.3))
    assert sum(abs(x - 0.3) < 0.15 for x in drawn[-15:]) >= 10, drawn[-15:]
