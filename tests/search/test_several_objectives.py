"""What every method keeps to that takes several objectives; a new one is tested without being named here."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.trial import TrialState as OptunaState

from summtune import registry
from summtune.config.several import methods
from summtune.events.fold import RunState, fold
from summtune.events.fronts import on_front
from summtune.events.kinds import Decided, Ended, Event, PointDrawn, Reported, RunOpened, Told
from summtune.search.methods.nsga2 import LEAST, MOST, population_size
from summtune.search.observed import observed
from summtune.search.study import Search
from summtune.space.parameters import Choice, Integers, Reals
from summtune.space.rules import When
from summtune.space.space import Space
from tests.search.test_method_contract import SLOW

EXPERIMENT = {
    "count": 30,
    "objective": {"name": "rouge", "goal": "maximize"},
    "further_objectives": [{"name": "latency_s", "goal": "minimize"}],
    "limits": [{"metric": "latency_s", "sign": "<=", "bound": 1.2}],
}
SPACE = Space.of(
    [
        Reals("training.learning_rate", 1e-5, 1e-1, log=True),
        Integers("generation.num_beams", 1, 10),
        Choice("training.optim", ("a", "b", "c")),
        Reals("training.weight_decay", 0.0, 0.3),
    ],
    conditions={"training.weight_decay": (When("training.optim", ("a", "b")),)},
)

every_method = pytest.mark.parametrize("name", [name for name in methods() if name != "grid"])
that_learn = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in methods() if name not in ("grid", "random")]
)


def search(name: str, seed: int = 1) -> Search:
    return Search(SPACE, name, maximize=(True, False), seed=seed, count=30)


def scores(point: dict[str, Any]) -> list[float]:
    """More beams are better and slower; the rest is good or bad in both."""
    rate, beams = point["training.learning_rate"], point["generation.num_beams"]
    quality = 1 - 0.4 * abs(math.log10(rate) + 3) + 0.05 * math.log(beams) - 0.1 * (point["training.optim"] != "b")
    return [quality, 0.1 * beams * (1 + point.get("training.weight_decay", 0.0))]


def play(live: Search, numbers: range, log: list[Event]) -> list[dict[str, Any]]:
    """Draw, evaluate and end trials one at a time, writing down what a driver would; every third is stopped, every seventh fails."""
    points = []
    for number in numbers:
        trial = f"{number + 1:04d}"
        proposal = live.propose(trial, number)
        assert proposal is not None
        log.append(PointDrawn(trial, number, proposal.point, proposal.params))
        points.append(proposal.point)
        if number % 7 == 6:
            log.append(Ended(trial, "failed", "out_of_memory", "too large"))
            live.tell(trial, OptunaState.PRUNED, None)
            log.append(Told(trial, "PRUNED", None))
            continue
        value = scores(proposal.point)
        live.observe(trial, 1, value)
        log.append(Reported(trial, 1, 1, dict(zip(("rouge", "latency_s"), value, strict=True)), None))
        stop = number % 3 == 2
        if stop:
            log.append(Decided(trial, 1, 1, value[0], 0.0, stop=True))
        log.append(Ended(trial, "stopped" if stop else "finished"))
        state, told = (OptunaState.PRUNED, value) if stop else (OptunaState.COMPLETE, value)
        beyond = {"latency_s <= 1.2": value[1] - 1.2}
        live.tell(trial, state, told, beyond)
        log.append(Told(trial, state.name, told, beyond))
    return points


def state_of(log: list[Event]) -> RunState:
    return fold([RunOpened("lr-1", "lr", EXPERIMENT, "./results", []), *log])


def length(name: str) -> int:
    return 14 if name in SLOW else 24


def test_a_method_that_can_not_says_why() -> None:
    refused = {name for name in registry.names("search.methods") if name not in methods()}
    assert refused == {"cmaes"}


@every_method
def test_points_lie_in_the_space_and_the_seed_decides(name: str) -> None:
    once = play(search(name), range(length(name)), [])
    assert all(SPACE.locate(point) is not None for point in once)
    assert all(("training.weight_decay" in point) == (point["training.optim"] != "c") for point in once)
    assert play(search(name), range(length(name)), []) == once
    assert play(search(name, seed=2), range(length(name)), []) != once


@every_method
def test_restored_in_mid_way_it_goes_on_identically(name: str) -> None:
    whole = play(search(name), range(length(name)), [])
    log: list[Event] = []
    middle = length(name) - 5
    first = play(search(name), range(middle), log)
    rebuilt = search(name)
    rebuilt.replay(state_of(log))
    assert first + play(rebuilt, range(middle, length(name)), log) == whole


@every_method
def test_parallel_suggestions_differ(name: str) -> None:
    live = search(name)
    play(live, range(12), [])
    proposals = [live.propose(f"{number:04d}", number) for number in range(12, 18)]
    assert len({str(proposal.point) for proposal in proposals if proposal is not None}) == 6


@that_learn
def test_it_finds_more_of_the_front_than_random_points_do(name: str) -> None:
    """By the area that the front dominates, over some seeds."""
    seeds, trials = (range(2), 16) if name in SLOW else (range(8), 40)

    def area(method: str, seed: int) -> float:
        live = Search(SPACE, method, maximize=(True, False), seed=seed, count=trials)
        found = []
        for number in range(trials):
            proposal = live.propose(str(number), number)
            assert proposal is not None
            value = scores(proposal.point)
            live.tell(str(number), OptunaState.COMPLETE, value)
            found.append(value)
        return dominated(found)

    assert sum(area(name, seed) for seed in seeds) > 1.02 * sum(area("random", seed) for seed in seeds)


def dominated(found: list[list[float]], worst: tuple[float, float] = (0.0, 1.5)) -> float:
    """The area between the front and a point that is worse than all others that count."""
    area, best = 0.0, worst[0]
    for quality, latency in sorted(found, key=lambda one: one[1]):
        if latency < worst[1] and quality > best:
            area += (quality - best) * (worst[1] - latency)
            best = quality
    return area


@pytest.mark.parametrize("name", ["bayes", "nsga2", "tpe"])
def test_what_is_beyond_a_limit_or_could_not_be_trained_teaches(name: str) -> None:
    """The quicker the better, but what is quicker than a limit is beyond it; and of the good ones half run out of memory."""
    space = Space.of([Reals("x", 0.0, 1.0), Reals("y", 0.0, 1.0)])
    live = Search(space, name, maximize=(True, False), seed=4, count=40)
    drawn = []
    for number in range(70):
        proposal = live.propose(str(number), number)
        assert proposal is not None
        x, y = proposal.point["x"], proposal.point["y"]
        drawn.append((x, y))
        if y > 0.5:
            live.tell(str(number), OptunaState.PRUNED, None)
            continue
        live.observe(str(number), 1, [y, x])
        live.tell(str(number), OptunaState.COMPLETE, [y, x], {"x >= 0.4": 0.4 - x})
    late = drawn[-20:]
    assert sum(y > 0.6 for _, y in late) <= 6, late
    assert sum(x < 0.3 for x, _ in late) <= 6, late
    assert sum(x >= 0.4 and y <= 0.5 for x, y in late) >= 9, late  # of random points 6


def test_a_study_made_anew_knows_what_the_live_one_did() -> None:
    live, log = search("nsga2"), list[Event]()
    play(live, range(15), log)
    rebuilt = search("nsga2")
    rebuilt.replay(state_of(log))
    assert observed(rebuilt.study) == observed(live.study)
    assert [trial.values for trial in rebuilt.study.trials] == [trial.values for trial in live.study.trials]
    stopped = next(one for one in observed(live.study) if not one.complete)
    assert len(stopped.losses) == 2, "Optuna keeps no intermediate values of several objectives: they are kept beside"


def test_parents_are_first_those_that_no_other_beats() -> None:
    from summtune.search.asking import distributions
    from summtune.search.methods.nsga2 import _Sampler

    live = search("nsga2")
    play(live, range(24), [])
    known = observed(live.study)
    sampler = _Sampler(distributions(SPACE, SPACE.searched), 1, 6)
    assert sampler.get_trial_generation(live.study, live.study.trials[0]) == 1
    parents = sampler.get_parent_population(live.study, 1)
    whole = [one for one in known if one.usable and one.complete]
    front = [one for one, so in zip(whole, on_front([one.losses for one in whole]), strict=True) if so]
    assert len(parents) == 6
    wanted = {(-one.losses[0], one.losses[1]) for one in front}
    taken = {tuple(parent.values) for parent in parents}
    assert wanted <= taken if len(front) <= 6 else taken <= wanted


def test_what_a_rung_stopped_comes_behind_what_was_trained_to_its_end() -> None:
    from summtune.search.methods.nsga2 import _behind
    from summtune.search.observed import Observed

    def one(best: float, evaluations: int, *, complete: bool, beyond: float = 0.0) -> Observed:
        return Observed({}, (best, 1.0), {step + 1: (best, 1.0) for step in range(evaluations)}, complete, beyond)

    whole, near, far, worse = one(5, 9, complete=True), one(1, 1, complete=False), one(2, 3, complete=False), one(3, 3, complete=False)
    slightly, widely = one(0, 9, complete=True, beyond=0.1), one(0, 9, complete=True, beyond=7)
    hopeless = Observed({}, (math.inf, math.inf), {}, True, 0.0)
    behind = _behind([whole, far, worse, near, slightly, widely, hopeless])
    assert behind == sorted(behind)
    assert behind[0] == 0 < behind[1]
    assert behind[3] < 1 < behind[4] < behind[5] < behind[6]


def test_a_population_fits_the_trials_asked_for() -> None:
    assert [population_size(count) for count in (1, 20, 40, 100, 1000)] == [LEAST, LEAST, 10, 25, MOST]
