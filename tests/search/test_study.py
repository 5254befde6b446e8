from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState as OptunaState

from summtune.events.fold import RunState, fold
from summtune.events.kinds import Decided, Ended, Event, PointDrawn, Reported, RunOpened, Told
from summtune.search.study import Search, final_word
from summtune.space.parameters import Choice, Reals
from summtune.space.rules import When
from summtune.space.space import Space

# A list among the choices and a step on a log scale: there the point is not what the sampler answered.
SPACE = Space.of(
    [
        Reals("training.learning_rate", 1e-5, 1e-2, log=True),
        Choice("training.per_device_train_batch_size", (8, 16, 32)),
        Reals("training.weight_decay", 0.01, 0.1, log=True, step=0.01),
        Choice("tokenizer.special_tokens", ([], ["a"])),
    ]
)
EXPERIMENT = {"count": 20, "objective": {"name": "rouge_combined_f1", "goal": "maximize"}}


def search(method: str = "bayes", seed: int = 1) -> Search:
    return Search(SPACE, method, maximize=True, seed=seed, count=20)


def score(point: dict[str, Any]) -> float:
    return float(-abs(point["training.learning_rate"] - 1e-3))


def play(live: Search, numbers: range, log: list[Event]) -> list[dict[str, Any]]:
    """Draw, evaluate and end trials one at a time, writing down what a driver would."""
    points = []
    for number in numbers:
        trial = f"{number + 1:04d}"
        proposal = live.propose(trial, number)
        assert proposal is not None
        point = proposal.point
        log.append(PointDrawn(trial, number, point, proposal.params))
        value = score(point)
        live.observe(trial, 1, value)
        log.append(Reported(trial, 1, 1, {"rouge_combined_f1": value}, None))
        stop = number % 3 == 2
        if stop:
            log.append(Decided(trial, 1, 1, value, 0.0, stop=True))
        log.append(Ended(trial, "stopped" if stop else "finished"))
        state, told = (OptunaState.PRUNED, value) if stop else (OptunaState.COMPLETE, value)
        live.tell(trial, state, told)
        log.append(Told(trial, state.name, told))
        points.append(point)
    return points


def state_of(log: list[Event]) -> RunState:
    return fold([RunOpened("lr-1", "lr", EXPERIMENT, "./results", []), *log])


@pytest.mark.parametrize("method", ["bayes", "tpe", "random"])
def test_a_search_rebuilt_from_its_events_goes_on_as_if_nothing_had_happened(method: str) -> None:
    whole = play(search(method), range(18), [])
    log: list[Event] = []
    first = play(search(method), range(13), log)
    rebuilt = search(method)
    rebuilt.replay(state_of(log))
    assert first + play(rebuilt, range(13, 18), log) == whole


@pytest.mark.parametrize("method", ["bayes", "tpe", "random"])
def test_the_seed_decides(method: str) -> None:
    assert play(search(method), range(4), []) == play(search(method), range(4), [])
    assert play(search(method), range(4), []) != play(search(method, seed=2), range(4), [])


def test_a_rebuilt_study_is_the_live_one_to_the_last_value() -> None:
    live, log = search(), list[Event]()
    play(live, range(7), log)
    running = live.propose("0008", 7)
    assert running is not None
    log.append(PointDrawn("0008", 7, running.point, running.params))
    live.observe("0008", 1, 0.5)
    log.append(Reported("0008", 1, 1, {"rouge_combined_f1": 0.5}, None))
    rebuilt = search()
    rebuilt.replay(state_of(log))

    def facts(search: Search) -> list[tuple[object, ...]]:
        return [
            (trial.number, trial.state, trial.params, trial.distributions, trial.value, trial.intermediate_values)
            for trial in search.study.trials
        ]

    assert facts(rebuilt) == facts(live)
    states = [trial.state for trial in live.study.trials]
    assert states[2] is OptunaState.PRUNED
    assert states[7] is OptunaState.RUNNING


def test_bayes_learns_where_random_does_not() -> None:
    def last(method: str, seed: int) -> float:
        return sum(score(point) for point in play(search(method, seed), range(20), [])[12:]) / 8

    seeds = range(5)
    assert sum(last("bayes", seed) for seed in seeds) > sum(last("random", seed) for seed in seeds)


def test_a_grid_is_walked_to_its_end_in_order() -> None:
    choices: tuple[Any, ...] = ("x", [], {"y": 1})
    space = Space.of([Choice("a", (1, 2)), Choice("b", choices)])
    grid = Search(space, "grid", maximize=True, seed=0, count=20)
    proposals = [grid.propose(str(number), number) for number in range(6)]
    assert [proposal.point for proposal in proposals if proposal] == [{"a": a, "b": b} for a in (1, 2) for b in choices]
    assert grid.propose("6", 6) is None


@pytest.mark.parametrize("method", ["bayes", "tpe", "random"])
def test_a_finite_space_is_drawn_once_through_and_is_then_used_up(method: str) -> None:
    space = Space.of([Choice("a", (1, 2, 3)), Choice("b", ("x", []))])

    def draw(search: Search, numbers: range) -> list[str]:
        proposals = [search.propose(f"{number:04d}", number) for number in numbers]
        return [str(proposal.point) for proposal in proposals if proposal is not None]

    search = Search(space, method, maximize=True, seed=0, count=20)
    points = draw(search, range(10))
    assert len(points) == len(set(points)) == 6
    assert search.used_up

    log: list[Event] = []
    halfway = Search(space, method, maximize=True, seed=0, count=20)
    for number in range(3):
        proposal = halfway.propose(f"{number:04d}", number)
        assert proposal is not None
        log.append(PointDrawn(f"{number:04d}", number, proposal.point, proposal.params))
    rebuilt = Search(space, method, maximize=True, seed=0, count=20)
    rebuilt.replay(state_of(log))
    assert draw(rebuilt, range(3, 10)) == draw(halfway, range(3, 10)) == points[3:]


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ({"training.learning_rate": 1e-3, "training.per_device_train_batch_size": 16}, True),
        ({"training.learning_rate": 1e-1, "training.per_device_train_batch_size": 16}, False),
        ({"training.learning_rate": 1e-3, "training.per_device_train_batch_size": 12}, False),
        ({"training.learning_rate": None, "training.per_device_train_batch_size": 16}, False),
        ({"training.learning_rate": 1e-3}, False),
    ],
)
def test_a_baseline_teaches_only_where_the_space_could_have_drawn_it(point: dict[str, Any], inside: bool) -> None:
    one = search()
    point = {"training.weight_decay": 0.05, "tokenizer.special_tokens": ["a"], **point}
    one.adopt_baseline("0000", point)
    one.observe("0000", 1, 0.5)
    one.tell("0000", OptunaState.COMPLETE, 0.5)
    assert len(one.study.trials) == int(inside)
    if inside:
        assert one.study.trials[0].params == {**point, "tokenizer.special_tokens": '["a"]'}
        assert one.study.best_value == 0.5


def test_what_the_study_is_told() -> None:
    log: list[Event] = []
    play(search(), range(3), log)
    log += [PointDrawn("0004", 3, {}), Ended("0004", "failed", "diverged", "NaN")]
    log += [PointDrawn("0005", 4, {}), Ended("0005", "failed", "out_of_memory", "not even one row fits")]
    state = state_of(log)
    words = [final_word(trial, state)[0] for trial in state.trials.values()]
    assert words == [OptunaState.COMPLETE, OptunaState.COMPLETE, OptunaState.PRUNED, OptunaState.FAIL, OptunaState.PRUNED]
    assert final_word(state.trials["0005"], state) == (OptunaState.PRUNED, None), "ranked behind all that were scored"


def test_the_search_keeps_away_from_what_does_not_fit() -> None:
    """Better and better towards 0.5, beyond which nothing can be trained: of what fails otherwise the search learns nothing."""

    def beyond(cause: str) -> int:
        one = Search(Space.of([Reals("training.weight_decay", 0.0, 1.0)]), "bayes", maximize=True, seed=3, count=40)
        drawn = []
        for number in range(40):
            trial = f"{number + 1:04d}"
            proposal = one.propose(trial, number)
            assert proposal is not None
            value = proposal.point["training.weight_decay"]
            drawn.append(value)
            log: list[Event] = [PointDrawn(trial, number, proposal.point, proposal.params)]
            if value <= 0.5:
                log += [Reported(trial, 1, 1, {"rouge_combined_f1": value}, None), Ended(trial, "finished")]
                one.observe(trial, 1, value)
            else:
                log.append(Ended(trial, "failed", cause))
            state = state_of(log)
            one.tell(trial, *final_word(state.trials[trial], state))
        return sum(value > 0.5 for value in drawn[20:])

    assert beyond("out_of_memory") <= beyond("diverged") / 2


def test_a_method_that_insists_does_not_end_an_endless_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few values of one parameter and a condition on the other a sampler may draw what has been for ever."""
    space = Space.of(
        [Choice("generation.num_beams", (1, 2)), Reals("generation.length_penalty", 0.5, 2.0)],
        {"generation.length_penalty": (When("generation.num_beams", (2,)),)},
    )

    def drawn() -> list[dict[str, Any]]:
        live = Search(space, "bayes", maximize=True, seed=1, count=20)
        monkeypatch.setattr(live, "_method", SimpleNamespace(suggest=lambda study, space, request: None))
        proposals = [live.propose(str(number), number) for number in range(20)]
        return [proposal.point for proposal in proposals if proposal is not None]

    points = drawn()
    assert len(points) == 20
    assert all(point not in points[:number] for number, point in enumerate(points))
    assert points == drawn()
