from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import (
    Decided,
    Ended,
    Event,
    Noted,
    PointDrawn,
    Promoted,
    Reported,
    RunClosed,
    RunOpened,
    RunResumed,
    Told,
    TrialStarted,
    WentOn,
)

EXPERIMENT = {
    "count": 3,
    "objective": {"name": "rouge_combined_f1", "goal": "maximize"},
    "settings": {"evaluation": {"strategy": "full"}},
}


def report(trial: str, iteration: int, score: float, attempt: int = 1) -> Reported:
    return Reported(
        trial,
        attempt,
        iteration,
        {"iteration": iteration, "rouge_combined_f1": score},
        f"attempts/{attempt}/checkpoints/checkpoint-{iteration}",
    )


def opened(goal: str = "maximize") -> RunOpened:
    return RunOpened("lr-1", "lr", EXPERIMENT | {"objective": {"name": "rouge_combined_f1", "goal": goal}}, "./results", [])


def story() -> list[Event]:
    return [
        opened(),
        PointDrawn("0000", 0, {}, {}, baseline=True, time=1.0),
        PointDrawn("0001", 1, {"training.learning_rate": 1e-3}, {}, time=2.0),
        TrialStarted("0000", 1, 0, time=3.0),
        TrialStarted("0001", 1, 0, time=4.0),
        report("0000", 1, 0.30),
        report("0001", 1, 0.50),
        Decided("0001", 1, 1, 0.50, 0.30, stop=False),
        report("0001", 2, 0.40),
        Ended("0001", "finished", time=9.0),
        Told("0001", "COMPLETE", 0.50),
        Promoted("0001", 1),
    ]


def test_a_trials_score_is_that_of_its_best_evaluation() -> None:
    state = fold(story())
    assert state.score(state.trials["0001"]) == 0.50
    assert state.trials["0001"].iteration == 2
    assert standings.best(state) is state.trials["0001"]
    assert [trial.id for trial in standings.ranking(state)] == ["0001", "0000"]
    assert [trial.id for trial in state.searched] == ["0001"]
    assert state.baseline is state.trials["0000"]
    assert state.rungs == {1: {"0001": 0.50}}
    assert [trial.id for trial in state.unfinished()] == ["0000"]


def test_the_goal_may_be_to_minimize() -> None:
    state = fold([opened("minimize"), *story()[1:]])
    assert state.score(state.trials["0001"]) == 0.40
    assert [trial.id for trial in standings.ranking(state)] == ["0000", "0001"]


def test_a_trial_that_failed_is_never_the_best() -> None:
    events = [*story()[:9], Ended("0001", "failed", "diverged", "NaN"), Ended("0000", "finished")]
    state = fold(events)
    assert standings.best(state) is state.trials["0000"]
    assert state.trials["0001"].cause == "diverged"


def test_iterations_done_again_replace_what_was_there() -> None:
    events = [*story()[:9], TrialStarted("0001", 2, 1), report("0001", 2, 0.45, attempt=2)]
    trial = fold(events).trials["0001"]
    assert [(one.iteration, one.attempt) for one in trial.reports] == [(1, 1), (2, 2)]
    assert trial.attempts == 2


def test_a_resume_changes_the_count_and_reopens() -> None:
    state = fold([*story(), RunClosed("interrupted", "Ctrl-C", time=10.0)])
    assert (state.status, state.count, state.sessions, state.closed_at) == ("interrupted", 3, 1, 10.0)
    state.apply(RunResumed(5, "restore", []))
    assert (state.status, state.count, state.sessions, state.closed_at) == ("running", 5, 2, None)


def test_folding_in_pieces_is_folding_at_once() -> None:
    piecewise = RunState()
    for event in story():
        piecewise.apply(event)
    assert piecewise == fold(story())


def test_what_trials_say_is_kept_once() -> None:
    state = fold([*story(), Noted("0000", "a"), Noted("0001", "b"), Noted("0001", "a")])
    assert state.notes == ["a", "b"]


def test_a_log_that_has_lost_a_pause_is_read_on() -> None:
    """The line that says that the trial paused is gone, the one that says that it went on is not."""
    lost = [event for event in story()[:7] if not isinstance(event, Decided)]
    state = fold([*lost, WentOn("0001", 1), TrialStarted("0001", 2, 1, time=8.0)])
    assert (state.trials["0001"].status, state.trials["0001"].attempts) == ("running", 2)
    assert [asked.trial for asked in state.asked] == ["0000", "0001"], "one place in the study, as it never paused on record"
