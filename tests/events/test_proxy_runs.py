"""Runs whose evaluations on the way are cheap: cheap and full scores never meet, and only full ones name the best."""

from __future__ import annotations

from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Ended, Event, PointDrawn, Reported, RunClosed, RunOpened, Scored, TrialStarted

EXPERIMENT = {
    "count": 3,
    "objective": {"name": "rouge_combined_f1", "goal": "maximize"},
    "settings": {"evaluation": {"strategy": "proxy"}},
    "limits": [{"metric": "bad", "sign": "<=", "bound": 0.5}],
}


def run(*cheap: float) -> RunState:
    events: list[Event] = [RunOpened("r", "r", EXPERIMENT, "results", [])]
    for number, score in enumerate(cheap):
        trial = f"{number:04d}"
        metrics = {"rouge_combined_f1": score, "bad": 0.0}
        events += [PointDrawn(trial, number, {}, {}, baseline=number == 0), TrialStarted(trial, 1, 0)]
        events += [Reported(trial, 1, 1, metrics, None), Ended(trial, "finished")]
    return fold(events)


def full(state: RunState, trial: str, score: float, bad: float = 0.0) -> None:
    state.apply(Scored(trial, 1, {"rouge_combined_f1": score, "bad": bad}, 1.0))


def test_before_full_evaluations_the_likeliest_leads() -> None:
    state = run(0.3, 0.5, 0.4)
    assert standings.ranking(state) == []
    assert [trial.id for trial in standings.candidates(state)] == ["0001", "0002", "0000"]
    assert standings.best(state) is state.trials["0001"]
    assert state.evaluation(state.trials["0001"]) == "proxy"


def test_only_full_scores_name_the_winner() -> None:
    state = run(0.3, 0.5, 0.4)
    full(state, "0002", 0.2)
    full(state, "0000", 0.1)
    assert [trial.id for trial in standings.ranking(state)] == ["0002", "0000"], "0001's cheap 0.5 is no full score"
    assert standings.best(state) is state.trials["0002"]
    assert (state.score(state.trials["0002"]), state.full_score(state.trials["0002"])) == (0.4, 0.2)
    assert state.full_score(state.trials["0001"]) is None
    assert [trial.id for trial in standings.candidates(state)] == ["0001", "0002", "0000"], "the search's order stays that of cheap scores"


def test_a_finished_run_without_full_scores_has_no_best() -> None:
    state = run(0.3, 0.5)
    state.apply(RunClosed("finished"))
    assert standings.best(state) is None


def test_a_limit_is_judged_by_the_full_evaluation() -> None:
    state = run(0.3, 0.5, 0.4)
    full(state, "0001", 0.6, bad=0.7)
    full(state, "0002", 0.5)
    assert [trial.id for trial in standings.ranking(state)] == ["0002"]
    assert [trial.id for trial in standings.infeasible(state)] == ["0001"]


def test_a_trial_that_is_trained_again_has_to_be_scored_again() -> None:
    state = run(0.3, 0.5)
    full(state, "0001", 0.6)
    state.apply(TrialStarted("0001", 2, 1))
    assert state.trials["0001"].scored is None
