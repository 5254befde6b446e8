"""Which point is trained once more with another seed."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Ended, Event, PointDrawn, Reported, RunOpened, TrialStarted
from summtune.search.replication import FIRST, Repetition, Wait, next_repetition

SEEDS = [42, 1, 2, 3]


def searched(*scores: float, seeds: list[int] | None = None, goal: str = "maximize", stopped: tuple[int, ...] = ()) -> RunState:
    """A search that is over: a baseline first, with these scores."""
    experiment = {
        "count": len(scores) - 1,
        "objective": {"name": "score", "goal": goal},
        "settings": {"evaluation": {"strategy": "proxy"}, "general": {"seed": 42}},
        "seeds": SEEDS if seeds is None else seeds,
    }
    events: list[Event] = [RunOpened("r", "r", experiment, "results", [])]
    for number, score in enumerate(scores):
        trial = f"{number:04d}"
        events += [PointDrawn(trial, number, {}, {}, baseline=number == 0), TrialStarted(trial, 1, 0)]
        events += [Reported(trial, 1, 1, {"score": score}, None), Ended(trial, "stopped" if number in stopped else "finished")]
    return fold(events)


def begin(state: RunState, asked: Repetition) -> str:
    trial = f"{asked.of}-seed{asked.seed}"
    state.apply(PointDrawn(trial, -1, {}, repeats=asked.of, seed=asked.seed))
    state.apply(TrialStarted(trial, 1, 0))
    return trial


def end(state: RunState, trial: str, score: float | None) -> None:
    if score is not None:
        state.apply(Reported(trial, 1, 1, {"score": score}, None))
    state.apply(Ended(trial, "failed" if score is None else "finished"))


def repeated(state: RunState, score: dict[str, list[float | None]]) -> list[str]:
    """Repeat one after the other until it is enough; what was, in order. `score` has what further seeds give, by point."""
    order = []
    while isinstance(asked := next_repetition(state), Repetition):
        before = len(state.repetitions.get(asked.of, ()))
        end(state, begin(state, asked), score[asked.of][before])
        order.append(f"{asked.of}:{asked.seed}")
    assert asked is None, "nothing is under way"
    return order


def test_without_further_seeds_nothing_is_repeated() -> None:
    assert next_repetition(searched(0.1, 0.2, seeds=[])) is None
    assert next_repetition(searched(0.1, 0.2, seeds=[42])) is None, "the settings' own has been"
    assert next_repetition(searched(0.1, 0.2, seeds=[7])) == Repetition("0001", 7)


def test_the_best_get_a_second_seed_and_who_can_still_win_the_others() -> None:
    state = searched(0.10, 0.50, 0.52, 0.30, 0.05)
    order = repeated(state, {"0002": [0.50, 0.51, 0.52], "0001": [0.51, 0.50, 0.51], "0003": [0.31]})
    assert order[:3] == ["0002:1", "0001:1", "0003:1"], "the best three first"
    assert order[3:] == ["0002:2", "0001:2", "0002:3"], "0003 is out of it at once, 0001 with its third seed; the others were never in"


def test_whoever_leads_in_the_end_has_all_seeds() -> None:
    """One that shone with its first seed falls behind one that had been out of it: that one is taken up again."""
    state = searched(0.0, 0.90, 0.60, 0.10)
    order = repeated(state, {"0001": [0.30, 0.20, 0.1], "0002": [0.61, 0.60, 0.59], "0003": [0.1, 0.1, 0.1]})
    assert [one for one in order if one.startswith("0002")] == ["0002:1", "0002:2", "0002:3"]


@pytest.mark.parametrize("seed", range(20))
def test_the_leader_is_complete_and_no_seed_is_given_twice(seed: int) -> None:
    dice = random.Random(seed)
    level = {f"{number:04d}": dice.gauss(0.4, 0.05) for number in range(20)}
    scatter = dice.choice([0.0, 0.01, 0.2])
    state = searched(*(one + dice.gauss(0, scatter) for one in level.values()))
    order = repeated(state, {point: [one + dice.gauss(0, scatter) for _ in range(3)] for point, one in level.items()})
    assert len(order) == len(set(order))
    assert len({one.partition(":")[0] for one in order}) <= 5, "a quarter of the points"
    several = [point for point in map(state.trials.get, level) if point is not None and len(standings.cheap_scores(state, point)) > 1]
    leader = max(several, key=lambda point: fmean(standings.cheap_scores(state, point)))
    assert len(standings.cheap_scores(state, leader)) == len(SEEDS)
    assert standings.candidates(state)[0] is leader


def test_less_scatter_means_fewer_trainings() -> None:
    def trainings(scatter: float) -> int:
        total = 0
        for seed in range(20):
            dice = random.Random(seed)
            level = {f"{number:04d}": dice.gauss(0.4, 0.05) for number in range(20)}
            state = searched(*(one + dice.gauss(0, scatter) for one in level.values()))
            total += len(repeated(state, {point: [one + dice.gauss(0, scatter) for _ in range(3)] for point, one in level.items()}))
        return total

    assert trainings(0.002) < 0.7 * trainings(0.1)


def test_beside_each_other() -> None:
    state = searched(0.10, 0.50, 0.52, 0.30, 0.05)
    first = [asked for _ in range(FIRST) if isinstance(asked := next_repetition(state), Repetition) and begin(state, asked)]
    assert [asked.of for asked in first] == ["0002", "0001", "0003"]
    assert next_repetition(state) == Wait(), "how much seeds scatter is not known"
    for trial, score in (("0002-seed1", 0.50), ("0003-seed1", 0.31)):
        end(state, trial, score)
        assert next_repetition(state) == Wait(), "two seeds of few points say little of it"
    end(state, "0001-seed1", 0.51)
    again = [asked for _ in range(4) if isinstance(asked := next_repetition(state), Repetition) and begin(state, asked)]
    assert again == [Repetition("0002", 2), Repetition("0001", 2), Repetition("0002", 3), Repetition("0001", 3)]
    assert next_repetition(state) == Wait(), "0003 could win again, if these came out badly"


def test_failed_repetitions_cost_nothing_but_their_seed() -> None:
    state = searched(0.10, 0.50, 0.30)
    order = repeated(state, {"0001": [None, 0.5, 0.5], "0002": [None, 0.3], "0000": [None, 0.1]})
    assert order == ["0001:1", "0002:1", "0000:1", "0001:2", "0001:3"], "as long as nobody has two all could win"
    assert standings.cheap_scores(state, state.trials["0001"]) == [0.5, 0.5, 0.5]


def test_what_a_rung_stopped_is_not_repeated_nor_what_failed() -> None:
    state = searched(0.10, 0.90, 0.30, stopped=(1,))
    assert next_repetition(state) == Repetition("0002", 1)


def test_to_minimise() -> None:
    state = searched(0.9, 0.5, 0.1, goal="minimize")
    assert next_repetition(state) == Repetition("0002", 1)
    repeated(state, {"0002": [0.1, 0.1, 0.1], "0001": [0.5, 0.5, 0.5], "0000": [0.9, 0.9, 0.9]})
    assert standings.candidates(state)[0].id == "0002"
