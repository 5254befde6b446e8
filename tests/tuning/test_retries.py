"""What becomes of a trial that fails: tried again where the cause can pass; and of a run whose first trials fail alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from summtune.errors import TrialFailure
from summtune.events.fold import fold
from summtune.events.kinds import Ended, Reported, Retried, RunResumed, TrialStarted
from summtune.events.log import EventLog, read_events
from summtune.events.trial_state import TrialState
from summtune.tuning.driver import Driver
from summtune.tuning.orders import Orders
from summtune.tuning.retries import Retries
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 3
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
settings: {training: {num_train_epochs: 4}}
"""

LOST = TrialFailure("worker_lost", "its node was lost")
HUNG = TrialFailure("hung", "it has not been heard of for 700 s; 600 s are what a trial is given here.")

Opened = Callable[..., Driver]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens a driver whose retries need no pause, of a new run or of the one that lies there."""
    logs: list[EventLog] = []

    def open_one(more: str = "", *, resumed: bool = False) -> Driver:
        if resumed:
            log = EventLog(tmp_path / "run" / "events.jsonl")
            log.append(RunResumed(3, "restore", []))
            log.close()
        driver, log = open_driver(tmp_path / "run", SPACE + more)
        logs.append(log)
        driver.retries = replace(driver.retries, first_pause_s=0.0)
        return driver

    yield open_one
    for log in logs:
        log.close()


def test_a_trial_whose_process_was_lost_is_handed_out_again_and_goes_on_from_its_checkpoint(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    step(driver, trial, 0.1)
    step(driver, trial, 0.2)
    driver.over(trial, LOST)
    state = driver.state.trials[trial]
    assert (state.status, state.attempts, state.iteration) == ("pending", 1, 2)
    assert driver.waiting == [trial]
    again = driver.next_trial()
    assert isinstance(again, TrialState)
    assert again.id == trial, "before any new point"
    driver.start(trial)
    assert driver.waiting == []
    assert Orders.read(driver.run.trial(trial).progress) == Orders(
        2, "attempts/1/checkpoints/checkpoint-20", 2, 0.2, "rouge_combined_f1", True
    )
    step(driver, trial, 0.3)
    step(driver, trial, 0.4)
    driver.over(trial)
    assert (state.status, state.cause, state.message, state.attempts) == ("finished", "", "", 2)
    events = read_events(driver.run.events)[0]
    mine = [event for event in events if isinstance(event, (TrialStarted, Retried, Ended))]
    assert [type(event) for event in mine] == [TrialStarted, Retried, TrialStarted, Ended]
    assert isinstance(mine[1], Retried)
    assert (mine[1].attempt, mine[1].cause, mine[1].message) == (1, "worker_lost", "its node was lost")
    assert fold(events) == driver.state


def test_after_the_last_retry_it_has_failed_and_says_after_how_many_attempts(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    for attempt in (1, 2, 3):
        assert driver.state.trials[trial].attempts == attempt
        driver.over(trial, LOST)
        if attempt < 3:
            assert drawn(driver) == trial
    state = driver.state.trials[trial]
    assert (state.status, state.cause) == ("failed", "worker_lost")
    assert state.message == "its node was lost. Given up after 3 attempts."
    assert drawn(driver) == "0001"


@pytest.mark.parametrize("cause", ["error", "bad_data", "bad_settings", "diverged", "out_of_memory", "timeout", "no_report"])
def test_what_would_be_the_same_again_is_not_tried_again(opened: Opened, cause: str) -> None:
    driver = opened()
    trial = drawn(driver)
    driver.over(trial, TrialFailure(cause, "as before"))
    assert (driver.state.trials[trial].status, driver.state.trials[trial].message) == ("failed", "as before")
    assert driver.waiting == []


def test_how_many_retries_is_the_person_s_to_say(opened: Opened) -> None:
    driver = opened("resources: {max_failures: 0}\n")
    trial = drawn(driver)
    driver.over(trial, LOST)
    assert (driver.state.trials[trial].status, driver.state.trials[trial].message) == ("failed", "its node was lost")


def test_a_training_that_hangs_twice_has_failed(opened: Opened) -> None:
    """The first time may have been a deadlock that doesn't come again; each costs as long as it takes to notice."""
    driver = opened("resources: {max_failures: 9}\n")
    trial = drawn(driver)
    driver.over(trial, LOST)
    assert drawn(driver) == trial
    driver.over(trial, HUNG)
    assert drawn(driver) == trial
    driver.over(trial, HUNG)
    assert (driver.state.trials[trial].status, driver.state.trials[trial].cause) == ("failed", "hung")
    assert driver.state.trials[trial].message.endswith("Given up after 3 attempts.")


def test_a_worker_that_fails_at_once_is_given_pauses_that_grow_and_others_do_not_wait(opened: Opened) -> None:
    driver = opened()
    now = [0.0]
    driver.retries = Retries(5, clock=lambda: now[0])
    trial = drawn(driver)
    other = driver.state
    for pause in (3.0, 12.0, 48.0, 60.0, 60.0):
        driver.over(trial, LOST)
        began = other.trials[trial].retried[-1].time
        now[0] = began + pause - 0.1
        following = driver.next_trial()
        assert not isinstance(following, TrialState) or following.id != trial
        assert driver.waiting == [trial]
        now[0] = began + pause
        assert drawn(driver) == trial
    driver.over(trial, LOST)
    assert driver.state.trials[trial].status == "failed"


def test_an_event_s_time_is_rounded_and_may_lie_just_ahead(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    driver.over(trial, LOST)
    driver.retries = Retries(2, clock=lambda: driver.state.trials[trial].retried[-1].time - 0.0005)
    assert not driver.retries.due(driver.state.trials[trial])


def test_a_clock_that_was_set_back_is_not_waited_for(opened: Opened) -> None:
    driver = opened()
    driver.retries = Retries(3, clock=lambda: 0.0)
    trial = drawn(driver)
    driver.over(trial, LOST)
    assert drawn(driver) == trial


def test_where_a_person_wants_an_end_no_pause_is_waited_for(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    driver.over(trial, LOST)
    driver.retries = Retries(2, clock=lambda: driver.state.trials[trial].retried[-1].time)
    following = driver.next_trial(at_once=True)
    assert isinstance(following, TrialState)
    assert following.id == trial


def test_a_resume_begins_a_fresh_count_and_pauses_nothing(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    driver.over(trial, LOST)
    assert drawn(driver) == trial
    driver.over(trial, LOST)
    again = opened(resumed=True)
    again.retries = Retries(2)
    assert again.waiting == [trial], "once, though it waits since before"
    assert drawn(again) == trial
    for _ in range(2):
        again.over(trial, LOST)
        again.retries = replace(again.retries, first_pause_s=0.0)
        assert drawn(again) == trial
    again.over(trial, LOST)
    assert again.state.trials[trial].message == "its node was lost. Given up after 5 attempts."
    assert len(again.state.trials[trial].retried) == 4


def test_what_a_given_up_attempt_still_reports_changes_nothing(opened: Opened) -> None:
    driver = opened()
    trial = drawn(driver)
    driver.over(trial, HUNG)
    ghost = Reported(trial, 1, 1, {"iteration": 1, "loss": 1.0, "rouge_combined_f1": 0.9}, None)
    assert not driver.report(ghost), "it is told to end"
    assert driver.state.trials[trial].reports == []


def test_a_trial_that_a_rung_has_stopped_is_not_tried_again(opened: Opened) -> None:
    """Its process was lost between the verdict and the end."""
    driver = opened()
    first, second = drawn(driver), drawn(driver)
    step(driver, first, 0.9)
    assert not step(driver, second, 0.1)
    driver.over(second, LOST)
    assert (driver.state.trials[second].status, driver.state.trials[second].cause) == ("stopped", "")


def failed(driver: Driver, *failures: TrialFailure) -> list[str]:
    """As many trials that fail so; their ids."""
    ids = [drawn(driver) for _ in failures]
    for trial, failure in zip(ids, failures, strict=True):
        driver.over(trial, failure)
    return ids


BROKEN = [
    TrialFailure("error", "OSError: /tmp/a_1/data.csv has 3 columns, at 0x7f01"),
    TrialFailure("error", "OSError: /tmp/b/other.csv has 12 columns, at 0x7f9a"),
    TrialFailure("error", "OSError: ../c.csv has 1.5e3 columns, at 0x1"),
]


def test_an_attempt_of_the_session_before_is_not_said_to_have_failed_in_this_one(opened: Opened) -> None:
    """The actor that it is given after a resume never comes up: it is asked for again at once, as for any trial that had not begun."""
    trial = drawn(opened())
    again = opened(resumed=True)
    again.retries = Retries(3)
    again.brought_back(trial)
    assert again.state.trials[trial].status == "running", "by the log of the session before"
    again.over(trial, LOST)
    (retried,) = again.state.trials[trial].retried
    assert retried.attempt == 0
    assert drawn(again) == trial, "without a pause"
    again.over(trial, LOST)
    assert again.state.trials[trial].retried[-1].attempt == 2


def test_a_run_whose_first_trials_fail_alike_had_better_stop(opened: Opened) -> None:
    driver = opened()
    failed(driver, *BROKEN[:2])
    assert driver.hopeless == ""
    (last,) = failed(driver, BROKEN[2])
    log = driver.run.ray_log
    assert driver.hopeless == (
        "The first 3 trials failed alike, and none has reported (error): OSError: ../c.csv has 1.5e3 columns, at 0x1. "
        f"Look into {log}, mend the cause, then go on with `summtune resume run --failed`."
    )
    driver.run.trial(last).log.write_text("what the training said", encoding="utf-8")
    assert f"Look into {driver.run.trial(last).log}, mend" in driver.hopeless


def test_a_run_that_was_resumed_has_another_go(opened: Opened) -> None:
    driver = opened()
    failed(driver, *BROKEN)
    assert driver.hopeless
    again = opened(resumed=True)
    assert again.hopeless == ""
    assert isinstance(again.next_trial(), TrialState)


@pytest.mark.parametrize(
    "failures",
    [
        [BROKEN[0], BROKEN[1], TrialFailure("error", "ValueError: something else")],
        [BROKEN[0], BROKEN[1], TrialFailure("bad_data", BROKEN[2].message)],
        [TrialFailure("out_of_memory", "16 rows are too many")] * 3,
        [TrialFailure("diverged", "the loss became nan")] * 3,
    ],
)
def test_failures_that_differ_or_lie_in_the_points_do_not_stop_it(opened: Opened, failures: list[TrialFailure]) -> None:
    driver = opened()
    failed(driver, *failures)
    assert driver.hopeless == ""


def test_once_a_trial_has_reported_failures_stop_nothing(opened: Opened) -> None:
    driver = opened()
    step(driver, drawn(driver), 0.1)
    failed(driver, *BROKEN)
    assert driver.hopeless == ""


def test_trials_that_are_lost_again_and_again_stop_it_too(opened: Opened) -> None:
    driver = opened("resources: {max_failures: 0}\n")
    failed(driver, LOST, LOST, LOST)
    assert driver.hopeless.startswith("The first 3 trials failed alike, and none has reported (worker_lost): its node was lost. Look")


def test_a_trial_that_gets_on_between_its_losses_is_not_given_up(opened: Opened) -> None:
    """Machines that come and go take a long training's process more often than `max_failures` says."""
    driver = opened("resources: {max_failures: 1}\n")
    trial = drawn(driver)
    state = driver.state.trials[trial]
    for score in (0.1, 0.2, 0.3):
        step(driver, trial, score)
        driver.over(trial, LOST)
        assert state.status == "pending"
        now = state.retried[-1].time
        driver.retries = Retries(1, clock=lambda now=now: now + 3.1)  # type: ignore[misc]
        assert drawn(driver) == trial, "its pause is the first one again"
    driver.over(trial, LOST)
    assert (state.status, state.message) == ("failed", "its node was lost. Given up after 4 attempts.")


def test_what_never_began_is_tried_again_at_once_the_first_time(opened: Opened) -> None:
    """A used actor that can't be used again is no fault of the trial's, and the next to ask is given a new one."""
    driver = opened()
    driver.retries = Retries(most=3, first_pause_s=1000.0)
    first = driver.next_trial()
    assert isinstance(first, TrialState)
    driver.over(first.id, LOST)
    again = driver.next_trial()
    assert again is first
    driver.over(first.id, LOST)
    assert driver.next_trial() is not first, "it is not the actor, then"
    retried = [event for event in read_events(driver.run.events)[0] if isinstance(event, Retried)]
    assert [event.attempt for event in retried] == [0, 0]


def test_what_was_lost_while_it_trained_pauses(opened: Opened) -> None:
    driver = opened()
    driver.retries = Retries(most=3, first_pause_s=1000.0)
    trial = drawn(driver)
    driver.over(trial, LOST)
    following = driver.next_trial()
    assert isinstance(following, TrialState)
    assert following.id != trial
