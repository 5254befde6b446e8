import numpy as np
import pytest

from summtune import registry
from summtune.config.stopping import Stopping
from summtune.search.stopping import asha, none

ASHA = Stopping("asha", eta=3, min_iter=1, max_iter=20)


@pytest.mark.parametrize("name", registry.names("search.stopping"))
def test_every_rule_keeps_the_contract(name: str) -> None:
    rule = registry.load("search.stopping", name)
    assert rule.SUMMARY
    assert all(rule.rung(ASHA, 20, 20) is None for _ in range(2)), "a trial at its last iteration is not stopped"
    assert rule.judge(ASHA, 0.5, [], True) == (None, False), "the first at a rung goes on"


def test_rungs_are_powers_below_the_last_iteration() -> None:
    assert [iteration for iteration in range(1, 21) if asha.rung(ASHA, iteration, 20) is not None] == [1, 3, 9]
    assert [iteration for iteration in range(1, 10) if asha.rung(ASHA, iteration, 9) is not None] == [1, 3]
    assert not any(none.rung(ASHA, iteration, 20) for iteration in range(1, 21))


@pytest.mark.parametrize("maximize", [True, False])
def test_one_in_eta_goes_on(maximize: bool) -> None:
    rng = np.random.default_rng(0)
    seen: list[float] = []
    went_on = 0
    for score in rng.normal(size=3000):
        cutoff, stop = asha.judge(ASHA, score, seen, maximize)
        if cutoff is not None:
            assert stop == (score < cutoff if maximize else score > cutoff)
        went_on += not stop
        seen.append(float(score))
    assert went_on / 3000 == pytest.approx(1 / 3, abs=0.03)


def test_the_verdict_is_rays_own() -> None:
    """The same scores through the bracket of Ray's ASHAScheduler."""
    from ray.tune.schedulers.async_hyperband import _Bracket

    bracket = _Bracket(min_t=1, max_t=9, reduction_factor=3, s=0)
    seen: list[float] = []
    for number, score in enumerate(np.random.default_rng(1).normal(size=200)):
        trial = type("Trial", (), {"trial_id": str(number)})()
        theirs = bracket.on_result(trial, 1, float(score))
        assert asha.judge(ASHA, float(score), seen, True)[1] == (theirs == "STOP")
        seen.append(float(score))
