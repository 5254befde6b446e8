"""Limits on metrics: what is beyond one, and what that does to a run's best."""

from __future__ import annotations

import pytest

from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Ended, Event, PointDrawn, Reported, RunOpened
from summtune.events.limits import Limit, violations

EXPERIMENT = {
    "count": 3,
    "settings": {"evaluation": {"strategy": "full"}},
    "objective": {"name": "rouge_combined_f1", "goal": "maximize"},
    "limits": [{"metric": "bad", "sign": "<=", "bound": 0.02}, {"metric": "length_ratio", "sign": ">", "bound": 0.5}],
}


@pytest.mark.parametrize(
    ("sign", "value", "within"),
    [("<=", 0.5, True), ("<=", 0.6, False), ("<", 0.5, False), ("<", 0.4, True), (">=", 0.5, True), (">=", 0.4, False), (">", 0.5, False)],
)
def test_what_is_beyond_a_limit(sign: str, value: float, within: bool) -> None:
    limit = Limit("bad", sign, 0.5)
    assert (limit.excess(value) <= 0) == within, "Optuna's word: at most 0 is feasible"
    assert bool(violations((limit,), {"bad": value})) != within


def test_a_violation_in_words() -> None:
    (found,) = violations((Limit("guardrails/invented_speakers", "<=", 0.02),), {"guardrails/invented_speakers": 0.051234})
    assert str(found) == "guardrails/invented_speakers is 0.05123, and must be <= 0.02"
    assert found.to_record() == {"metric": "guardrails/invented_speakers", "limit": "<= 0.02", "value": 0.051234}


def run(*trials: tuple[float, float, float]) -> RunState:
    """Finished trials with score, `bad` and length ratio."""
    events: list[Event] = [RunOpened("r", "r", EXPERIMENT, "results", [])]
    for number, (score, bad, ratio) in enumerate(trials):
        trial = f"{number:04d}"
        metrics = {"rouge_combined_f1": score, "bad": bad, "length_ratio": ratio}
        events += [PointDrawn(trial, number, {}, {}, baseline=number == 0), Reported(trial, 1, 1, metrics, None), Ended(trial, "finished")]
    return fold(events)


def test_what_is_beyond_a_limit_is_never_the_best() -> None:
    state = run((0.1, 0.0, 1.0), (0.9, 0.5, 1.0), (0.2, 0.02, 1.0), (0.8, 0.0, 0.5))
    assert standings.best(state) is state.trials["0002"]
    assert [trial.id for trial in standings.ranking(state)] == ["0002", "0000"]
    assert [trial.id for trial in standings.infeasible(state)] == ["0003", "0001"], "the least violating first"


def test_all_may_be_beyond_a_limit() -> None:
    state = run((0.1, 0.9, 1.0), (0.9, 0.5, 1.0))
    assert standings.best(state) is None
    assert standings.ranking(state) == []
    assert [trial.id for trial in standings.infeasible(state)] == ["0001", "0000"]


def test_a_trial_is_judged_by_its_best_evaluation() -> None:
    state = run((0.5, 0.0, 1.0))
    state.apply(Reported("0000", 1, 2, {"rouge_combined_f1": 0.4, "bad": 1.0, "length_ratio": 1.0}, None))
    assert state.feasible(state.trials["0000"])
    state.apply(Reported("0000", 1, 3, {"rouge_combined_f1": 0.6, "bad": 1.0, "length_ratio": 1.0}, None))
    assert not state.feasible(state.trials["0000"])
