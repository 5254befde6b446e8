"""What retries, `summtune stop` and `resume --failed` come to where a budget is used up, and where points are repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import RunMistake, TrialFailure
from summtune.events import standings
from summtune.events.fold import fold
from summtune.events.kinds import Ended, PointDrawn, Retried, RunResumed, SearchEnded
from summtune.events.log import EventLog, read_events
from summtune.reporting.overview import overview
from summtune.reporting.views import write_views
from summtune.tuning import causes, launch, stop_request
from summtune.tuning.drive import Witness
from summtune.tuning.driver import Driver, NoMore, NotYet
from summtune.tuning.stop_request import StopRequest
from tests.tuning.driving import open_driver
from tests.tuning.playing import LOST, events_of
from tests.tuning.test_driver import drawn, step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 2
baseline: false
early_terminate: none
settings: {training: {num_train_epochs: 3}, evaluation: {strategy: full}}
"""

Opened = Callable[..., Driver]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens a driver, of a new run or of the one that lies there, whose retries pause for a minute."""
    logs: list[EventLog] = []

    def open_one(more: str = "", resumed: RunResumed | None = None) -> Driver:
        driver, log = open_driver(tmp_path / "run", SPACE + more, resumed=resumed)
        logs.append(log)
        driver.retries = replace(driver.retries, first_pause_s=60.0)
        return driver

    yield open_one
    for log in logs:
        log.close()


def train(driver: Driver, trial: str, *scores: float) -> None:
    for score in scores:
        step(driver, trial, score)
    driver.over(trial)


def ends(driver: Driver) -> dict[str, tuple[str, str, str]]:
    return {event.trial: (event.status, event.cause, event.message) for event in events_of(driver.run, Ended)}


USED_UP = "the budget of 3 epochs is used up (3)"


def test_without_a_budget_left_a_lost_trial_ends_with_what_it_has(opened: Opened) -> None:
    driver = opened("budget: {epochs: 3}\n")
    one, other = drawn(driver), drawn(driver)
    step(driver, other, 0.1)
    step(driver, one, 0.2)
    step(driver, one, 0.3)  # the third epoch of all
    driver.over(other, LOST)
    driver.over(one, LOST)
    assert ends(driver) == {one: ("stopped", "budget", USED_UP), other: ("stopped", "budget", USED_UP)}
    assert events_of(driver.run, Retried) == []
    assert driver.complete
    assert (driver.run.trial(other).best_model / "config.json").read_text(encoding="utf-8") == "best of 1"


def test_one_that_has_nothing_yet_has_failed(opened: Opened) -> None:
    driver = opened("budget: {epochs: 3}\n")
    one, other = drawn(driver), drawn(driver)
    train(driver, one, 0.1, 0.2, 0.3)
    driver.over(other, LOST)
    assert ends(driver)[other] == ("failed", "worker_lost", "its node was lost")


def test_one_that_was_lost_after_its_last_evaluation_has_finished(opened: Opened) -> None:
    driver = opened("budget: {epochs: 3}\n")
    one = drawn(driver)
    for score in (0.1, 0.2, 0.3):
        step(driver, one, score)
    driver.over(one, LOST)
    assert ends(driver) == {one: ("finished", "", "")}


def test_a_failure_that_can_not_pass_stays_one(opened: Opened) -> None:
    driver = opened("budget: {epochs: 1}\n")
    one = drawn(driver)
    step(driver, one, 0.1)
    driver.over(one, TrialFailure("diverged", "its loss is infinite"))
    assert ends(driver) == {one: ("failed", "diverged", "its loss is infinite")}


def test_a_trial_that_waits_to_be_tried_again_ends_when_the_budget_does(opened: Opened) -> None:
    driver = opened("budget: {epochs: 4}\n")
    one, other = drawn(driver), drawn(driver)
    step(driver, one, 0.1)
    driver.over(one, LOST)
    assert driver.waiting == [one]
    assert isinstance(driver.next_trial(), NoMore), "it pauses"
    train(driver, other, 0.1, 0.2, 0.3)
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.waiting == []
    assert ends(driver)[one] == ("stopped", "budget", "the budget of 4 epochs is used up (4)")
    assert driver.complete


def test_a_lost_repetition_is_tried_again_as_any_trial(opened: Opened) -> None:
    driver = opened("seeds: [1]\n")
    for score in (0.2, 0.3):
        train(driver, drawn(driver), score, score, score)
    repetition = drawn(driver)
    assert repetition == "0002-seed1"
    step(driver, repetition, 0.3)
    driver.over(repetition, LOST)
    assert driver.waiting == [repetition]
    other = drawn(driver)
    assert other == "0001-seed1", "while it pauses"
    train(driver, other, 0.2, 0.2, 0.2)
    assert isinstance(driver.next_trial(), NotYet)
    assert not driver.complete
    driver.retries = replace(driver.retries, first_pause_s=0.0)
    assert drawn(driver) == repetition
    assert driver.state.trials[repetition].attempts == 2
    train(driver, repetition, 0.5, 0.5)
    assert driver.complete
    assert standings.full_scores(driver.state, driver.state.trials["0002"]) == [0.3, 0.5]
    assert len(events_of(driver.run, PointDrawn)) == 4


def test_a_wish_to_stop_leaves_repetitions_for_later(opened: Opened) -> None:
    driver = opened("seeds: [1]\n")
    for score in (0.2, 0.3):
        train(driver, drawn(driver), score, score, score)
    repetition = drawn(driver)
    stop_request.ask(driver.run, StopRequest(False, "me"))
    driver.hear()
    assert isinstance(driver.next_trial(), NoMore)
    train(driver, repetition, 0.1, 0.2, 0.3)
    assert not driver.complete
    driver.close("interrupted")
    stop_request.clear(driver.run)
    again = opened("seeds: [1]\n", RunResumed(2, "rebuild", []))
    train(again, drawn(again), 0.1, 0.2, 0.3)
    assert again.complete
    assert list(again.state.repetitions) == ["0002", "0001"]


def test_a_repetition_that_failed_is_run_again_on_request_and_counts_then(opened: Opened) -> None:
    driver = opened("seeds: [1]\n")
    for score in (0.2, 0.3):
        train(driver, drawn(driver), score, score, score)
    first, second = drawn(driver), drawn(driver)
    step(driver, first, 0.4)
    driver.over(first, TrialFailure("bad_data", "a file has changed"))
    train(driver, second, 0.2, 0.2, 0.2)
    assert driver.complete
    assert standings.full_scores(driver.state, driver.state.trials["0002"]) == [0.3]
    driver.close("finished")
    asked = causes.to_run_again(driver.state)
    assert asked == ([first], [])
    again = opened("seeds: [1]\n", RunResumed(2, "rebuild", [], "", *asked))
    assert drawn(again) == first
    train(again, first, 0.5, 0.5)
    assert again.complete
    assert standings.full_scores(again.state, again.state.trials["0002"]) == [0.3, 0.5]
    assert again.state.spent.epochs == 12, "its first epoch counts once"
    assert fold(read_events(again.run.events)[0]) == again.state


@pytest.mark.parametrize(("cause", "epochs"), [("bad_data", 6.0), ("diverged", 8.0)])
def test_what_a_rerun_uses_up_is_what_it_trains(opened: Opened, cause: str, epochs: float) -> None:
    """From the second evaluation, or from its beginning."""
    driver = opened()
    one, other = drawn(driver), drawn(driver)
    train(driver, one, 0.1, 0.2, 0.3)
    step(driver, other, 0.1)
    step(driver, other, 0.2)
    driver.over(other, TrialFailure(cause, "it failed"))
    assert driver.state.spent.epochs == 5.0
    again = opened("", RunResumed(2, "rebuild", [], "", *causes.to_run_again(driver.state)))
    assert drawn(again) == other
    train(again, other, *[0.4] * (3 - again.state.trials[other].iteration))
    assert again.complete
    assert again.state.spent.epochs == epochs
    assert (again.state.unbeaten, again.state.unimproved) == ([(-0.4,)], 0), "what it came to is seen when it ends, once"


def test_patience_that_has_run_out_does_not_keep_failed_trials_from_running_again(opened: Opened) -> None:
    words = "patience_trials: 1\n"
    driver = opened(words, RunResumed(9, "rebuild", []))
    failed = drawn(driver)
    driver.over(failed, TrialFailure("bad_data", "a file was gone"))
    train(driver, drawn(driver), 0.3, 0.3, 0.3)
    again = opened(words, RunResumed(9, "rebuild", [], "", [failed]))
    assert drawn(again) == failed
    train(again, failed, 0.1, 0.1, 0.1)
    assert isinstance(again.next_trial(), NoMore)
    (ended,) = events_of(again.run, SearchEnded)
    assert ended.by == "patience_trials"
    assert again.complete


def test_failed_trials_are_not_run_again_without_a_budget_for_it(opened: Opened) -> None:
    driver = opened("budget: {epochs: 3}\n")
    one, other = drawn(driver), drawn(driver)
    step(driver, one, 0.1)
    driver.over(one, TrialFailure("bad_data", "a file was gone"))
    train(driver, other, 0.1, 0.2)
    driver.close("finished")
    before = driver.run.events.read_bytes()

    def resume(**options: Any) -> None:
        launch.resume(driver.run, [], Witness(print, lambda event, state: None, print, print), failed=True, **options)

    with pytest.raises(RunMistake, match="3 of 3 epochs are used up, so that no trial would be begun"):
        resume()
    with pytest.raises(RunMistake, match="3 of 2 epochs are used up"):
        resume(budget=["epochs=2"])
    assert driver.run.events.read_bytes() == before


def test_a_raised_budget_lets_a_trial_go_on_whose_end_was_not_written_down(opened: Opened) -> None:
    """Its driver died between saying that the trial ends and ending it."""
    words = "budget: {epochs: 1}\n"
    driver = opened(words)
    one = drawn(driver)
    assert not step(driver, one, 0.1)
    assert driver.state.trials[one].halted == "epochs"
    same = opened(words, RunResumed(2, "rebuild", []))
    assert ends(same) == {one: ("stopped", "budget", "the budget of 1 epochs is used up (1)")}
    lines = same.run.events.read_bytes().splitlines(keepends=True)
    resumed = next(number for number, line in enumerate(lines) if b'"run_resumed"' in line)
    same.run.events.write_bytes(b"".join(lines[:resumed]))
    more = opened(words, RunResumed(2, "rebuild", [], budget={"epochs": 6.0}))
    assert ends(more) == {}
    assert drawn(more) == one
    train(more, one, 0.2, 0.3)
    assert more.state.trials[one].status == "finished"


def test_a_list_of_runs_shows_the_mean_of_a_repeated_best(opened: Opened) -> None:
    """The same from the log as from the summary."""
    driver = opened("seeds: [1]\n")
    for score in (0.2, 0.5):
        train(driver, drawn(driver), score, score, score)
    train(driver, drawn(driver), 0.4, 0.4, 0.4)
    train(driver, drawn(driver), 0.2, 0.2, 0.2)
    driver.close("finished")
    by_log = overview(driver.run, live=True)
    write_views(driver.run, driver.state)
    by_summary = overview(driver.run, live=False)
    assert by_log.best == by_summary.best == pytest.approx(0.45)
    assert by_log.evaluation == by_summary.evaluation == "full"
    assert (by_log.ended, by_log.asked) == (by_summary.ended, by_summary.asked) == (2, 2)
