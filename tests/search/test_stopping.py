"""Each stopping rule by its own figures; what all have in common is in test_stopping_contract.py."""

from types import SimpleNamespace

import numpy as np
import pytest

from summtune.config.stopping import Stopping
from summtune.search.stopping import asha, hyperband, median, none

ASHA = Stopping("asha", eta=3, min_iter=1, max_iter=20)
HYPERBAND = Stopping("hyperband", eta=3, min_iter=1, max_iter=20)
MEDIAN = Stopping("median", min_iter=2, max_iter=20)


def test_rungs_are_powers_below_the_last_iteration() -> None:
    assert [iteration for iteration in range(1, 21) if asha.rung(ASHA, iteration, 20) is not None] == [1, 3, 9]
    assert [iteration for iteration in range(1, 10) if asha.rung(ASHA, iteration, 9) is not None] == [1, 3]
    assert not any(none.rung(ASHA, iteration, 20) for iteration in range(1, 21))


def test_one_in_eta_has_a_place() -> None:
    assert [asha.places(ASHA, arrived, last=False) for arrived in range(8)] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert [asha.places(ASHA, arrived, last=True) for arrived in range(8)] == [0, 1, 1, 1, 2, 2, 2, 3]


def test_hyperband_s_verdict_is_rays_own() -> None:
    """The same scores through the bracket of Ray's ASHAScheduler."""
    from ray.tune.schedulers.async_hyperband import _Bracket

    bracket = _Bracket(min_t=1, max_t=9, reduction_factor=3, s=0)
    seen: list[float] = []
    for number, score in enumerate(np.random.default_rng(1).normal(size=200)):
        trial = type("Trial", (), {"trial_id": str(number)})()
        theirs = bracket.on_result(trial, 1, float(score))
        assert hyperband.judge(HYPERBAND, float(score), seen, True)[1] == (theirs == "STOP")
        seen.append(float(score))


@pytest.mark.parametrize(("strict", "maximize", "score"), [(False, True, 0.7), (True, True, 0.4), (False, False, 0.2), (True, False, 0.4)])
def test_strict_judges_the_evaluation_at_the_rung(strict: bool, maximize: bool, score: float) -> None:
    stopping = Stopping("hyperband", 3, 1, 20, strict=strict)
    assert hyperband.measure(stopping, {1: 0.2, 2: 0.7, 3: 0.4}, maximize) == (score, score)


def test_the_median_judges_from_min_iter_on() -> None:
    assert [iteration for iteration in range(1, 7) if median.rung(MEDIAN, iteration, 6) is not None] == [2, 3, 4, 5]
    score, mark = median.measure(MEDIAN, {1: 0.9, 2: 0.2, 3: 0.4}, True)
    assert (score, round(mark, 9)) == (0.9, 0.3), "the first evaluation is no part of the average"
    assert median.judge(MEDIAN, 0.1, [0.2, 0.3], True) == (None, False), "two others are too few"
    assert median.judge(MEDIAN, 0.1, [0.2, 0.3, 0.4], True) == (0.3, True)
    assert median.judge(MEDIAN, 0.3, [0.2, 0.3, 0.4], True) == (0.3, False), "as good as the median is not worse"


@pytest.mark.parametrize("maximize", [True, False])
def test_the_median_s_verdicts_are_rays_own(maximize: bool) -> None:
    """The same curves through Ray's MedianStoppingRule, several trials at a time."""
    from ray.tune.schedulers import MedianStoppingRule

    theirs = MedianStoppingRule("t", "score", "max" if maximize else "min", grace_period=2, min_samples_required=3)
    controller = SimpleNamespace(get_live_trials=list)
    rng, marks, stopped = np.random.default_rng(3), dict[int, list[float]](), 0
    for _ in range(25):
        curves = {SimpleNamespace(trial_id=str(rng.random()), status="RUNNING").trial_id: dict[int, float]() for _ in range(2)}
        trials = {name: _Trial(name) for name in curves}
        levels = {name: rng.normal() for name in curves}
        for iteration in range(1, 7):
            for name in list(trials):
                curves[name][iteration] = float(levels[name] + rng.normal() / 2)
                said = theirs.on_trial_result(controller, trials[name], {"t": iteration, "score": curves[name][iteration]})
                if median.rung(MEDIAN, iteration, 20) is None:
                    assert said == "CONTINUE"
                    continue
                score, mark = median.measure(MEDIAN, curves[name], maximize)
                _, stop = median.judge(MEDIAN, score, marks.setdefault(iteration, []), maximize)
                marks[iteration].append(mark)
                assert stop == (said == "STOP")
                if stop:
                    stopped += 1
                    del trials[name]
    assert 10 < stopped < 50


class _Trial:
    """What Ray's rule looks at of a trial."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
