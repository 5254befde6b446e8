"""Budgets and patience in a driver: what ends a run before its trials do, what becomes of those under way, and how it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune.cli.event_lines import event_line
from summtune.cli.screen import summary_lines
from summtune.events import standings
from summtune.events.kinds import Ended, Halted, PointDrawn, RunClosed, RunResumed, SearchEnded, Told
from summtune.events.log import EventLog, SomeEvent, read_events
from summtune.reporting.leaderboard import Figures, figures
from summtune.reporting.page import write_page
from summtune.reporting.views import last_iterations, most_trials, write_views
from summtune.tuning.driver import Driver, NoMore
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import cut_after, drawn, step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 6
early_terminate: none
settings: {training: {num_train_epochs: 4}, evaluation: {strategy: full}}
"""


class Runs:
    """Drivers with a clock that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1000.0
        self._logs: list[EventLog] = []

    def open(self, words: str, resumed: RunResumed | None = None) -> Driver:
        driver, log = open_driver(self.folder, SPACE + words, clock=lambda: self.now, gpus=2.0, resumed=resumed)
        self._logs.append(log)
        return driver

    def close(self) -> None:
        for log in self._logs:
            log.close()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "run")
    yield made
    made.close()


def of(driver: Driver, kind: type[SomeEvent]) -> list[SomeEvent]:
    return [event for event in read_events(driver.run.events)[0] if isinstance(event, kind)]


def found(driver: Driver) -> Figures:
    return figures(driver.state, last_iterations(driver.state), most_trials(driver.state))


def finished(driver: Driver, score: float) -> str:
    trial = drawn(driver)
    for _ in range(4):
        step(driver, trial, score)
    driver.over(trial)
    return trial


def test_a_budget_of_epochs_ends_the_run_and_stops_what_is_under_way(runs: Runs) -> None:
    driver = runs.open("budget: {epochs: 7}\n")
    finished(driver, 0.3)  # the baseline's epochs count, too
    one, other = drawn(driver), drawn(driver)
    assert step(driver, one, 0.5)
    assert step(driver, other, 0.1)
    assert driver.state.search_ended is None
    assert not step(driver, one, 0.6), "the seventh epoch"
    assert isinstance(driver.next_trial(), NoMore)
    driver.over(one)
    assert not driver.complete, "the other is under way"
    assert not step(driver, other, 0.2), "it ends at its next evaluation"
    driver.over(other)
    assert driver.complete
    driver.close("finished")

    state = driver.state
    (ended,) = of(driver, SearchEnded)
    assert (ended.by, ended.limit, ended.used) == ("epochs", 7.0, 7.0)
    assert [(trial.status, trial.cause, trial.iteration) for trial in state.trials.values()] == [
        ("finished", "", 4),
        ("stopped", "budget", 2),
        ("stopped", "budget", 2),
    ]
    assert standings.best(state) is state.trials[one], "what it has counts"
    assert (driver.run.trial(one).best_model / "config.json").read_text(encoding="utf-8") == "best of 2"
    told = {event.trial: event.state for event in of(driver, Told)}
    assert told == {"0000": "COMPLETE", one: "PRUNED", other: "PRUNED"}
    (closed,) = of(driver, RunClosed)
    assert (closed.status, closed.reason) == ("finished", "the budget of 7 epochs is used up (7)")


def test_what_was_not_done_is_said_in_all_places(runs: Runs) -> None:
    driver = runs.open("budget: {epochs: 5}\n")
    finished(driver, 0.3)
    one = drawn(driver)
    assert not step(driver, one, 0.5)
    driver.over(one)
    driver.close("finished")
    run, state = driver.run, driver.state
    assert (found(driver).not_begun, found(driver).iterations_cut, found(driver).iterations_saved) == (5, 3, 0)
    said = "\n".join(summary_lines(run, state, found(driver)))
    why = "the budget of 5 epochs is used up (5): 5 trials not begun, 3 evaluations of those under way not made"
    assert f"Ended     {why}" in said
    assert "5 evaluations made, 0 (0%) saved by early stopping" in said
    write_views(run, state)
    write_page(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    reason = "the budget of 5 epochs is used up (5)"
    assert summary["search_ended"] == {"by": "epochs", "limit": 5, "used": 5.0, "reason": reason}
    assert (summary["trials_not_begun"], summary["iterations_cut"], summary["iterations_saved"]) == (5, 3, 0)
    assert summary["used"]["epochs"] == 5.0
    assert json.loads(run.info.read_text(encoding="utf-8"))["reason"] == "the budget of 5 epochs is used up (5)"
    assert f"<dt>Ended</dt><dd>{why}</dd>" in run.report.read_text(encoding="utf-8")
    lines = [event_line(event, state, 4) for event in (*of(driver, SearchEnded), *of(driver, Halted))]
    assert lines == [
        "no more trials are begun: the budget of 5 epochs is used up (5); those under way end at their next evaluation",
        "0001  stopped after 1 of 4: a budget is used up",
    ]


def test_a_trial_at_its_last_evaluation_has_finished(runs: Runs) -> None:
    driver = runs.open("budget: {epochs: 4}\n")
    trial = finished(driver, 0.3)
    assert driver.state.search_ended is not None
    assert driver.state.trials[trial].status == "finished"
    assert of(driver, Halted) == []
    assert driver.complete


def test_hours_are_of_all_sessions_and_gpu_hours_of_all_attempts(runs: Runs) -> None:
    driver = runs.open("budget: {hours: 2, gpu_hours: 3.5}\nbaseline: false\n")
    trial = drawn(driver)
    runs.now += 3000
    assert step(driver, trial, 0.1)
    runs.now += 10**6  # the driver was killed; nobody worked
    again = runs.open("budget: {hours: 2, gpu_hours: 3.5}\nbaseline: false\n", RunResumed(6, "restore", []))
    assert drawn(again) == trial
    runs.now += 3000
    assert step(again, trial, 0.2), "6000 s, 3.33 GPU hours"
    runs.now += 400
    assert not step(again, trial, 0.3)
    (ended,) = of(again, SearchEnded)
    assert ended.by == "gpu_hours"
    assert ended.used == pytest.approx(6400 * 2 / 3600, abs=1e-6)


def test_without_a_report_the_next_question_finds_it(runs: Runs) -> None:
    driver = runs.open("budget: {hours: 1}\nbaseline: false\n")
    trial = drawn(driver)
    runs.now += 4000
    driver.note(trial, "fp32 is used.")
    assert isinstance(driver.next_trial(), NoMore)
    assert not step(driver, trial, 0.5)


def test_killed_when_the_budget_was_used_up(runs: Runs) -> None:
    """Whatever was under way ends with what it has as soon as the run is opened again; nothing is handed out."""
    words = "budget: {epochs: 3}\nbaseline: false\n"
    driver = runs.open(words)
    one, other, fresh = drawn(driver), drawn(driver), drawn(driver)
    step(driver, one, 0.1)
    step(driver, other, 0.2)
    assert not step(driver, one, 0.3)
    for last_word in ("halted", "search_ended", "reported"):
        cut_after(driver, last_word)
        again = runs.open(words, RunResumed(6, "rebuild", []) if last_word == "reported" else None)
        assert [(trial.status, trial.cause) for trial in again.state.trials.values()] == [("stopped", "budget")] * 3
        assert again.complete
        assert again.waiting == []
        assert isinstance(again.next_trial(), NoMore)
        assert again.state.trials[fresh].best is None
        assert event_line(of(again, Ended)[-1], again.state, 4).startswith(
            f"{fresh}  stopped: the budget of 3 epochs is used up (3), before"
        )
        write_views(again.run, again.state)
        assert standings.best(again.state) is again.state.trials[one]


def test_a_raised_budget_goes_on(runs: Runs) -> None:
    words = "budget: {epochs: 1}\nbaseline: false\n"
    driver = runs.open(words)
    trial = drawn(driver)
    assert not step(driver, trial, 0.1)
    driver.over(trial)
    driver.close("finished")
    again = runs.open(words, RunResumed(6, "rebuild", [], budget={"epochs": 3.0}))
    assert again.state.search_ended is None
    assert not again.complete
    second = drawn(again)
    assert step(again, second, 0.5)
    assert not step(again, second, 0.6)
    assert [event.limit for event in of(again, SearchEnded)] == [1, 3]


def test_a_run_that_has_stopped_improving_begins_no_more_trials(runs: Runs) -> None:
    driver = runs.open("patience_trials: 2\n")
    finished(driver, 0.9)  # the baseline: counted in neither
    finished(driver, 0.3)
    finished(driver, 0.4)
    assert driver.state.unimproved == 0
    first, second = drawn(driver), drawn(driver)
    for _ in range(4):
        step(driver, second, 0.4)
    driver.over(second)
    assert (driver.state.unimproved, driver.state.search_ended) == (1, None), "as good is no improvement"
    for _ in range(2):
        step(driver, first, 0.2)
    under_way = drawn(driver)
    for _ in range(2):
        step(driver, first, 0.3)
    driver.over(first)
    assert isinstance(driver.next_trial(), NoMore)
    assert step(driver, under_way, 0.95), "what is under way goes on"
    assert driver.state.search_ended is not None
    assert driver.state.search_ended.reason == "2 trials in a row have not improved the best (patience_trials 2)"
    for _ in range(3):
        step(driver, under_way, 0.96)
    driver.over(under_way)
    assert driver.complete
    assert standings.best(driver.state) is driver.state.trials[under_way]
    assert (found(driver).not_begun, found(driver).iterations_cut) == (1, 0)


def test_more_trials_after_patience_begin_to_count_anew(runs: Runs) -> None:
    words = "patience_trials: 2\nbaseline: false\n"
    driver = runs.open(words)
    for score in (0.5, 0.4, 0.3):
        finished(driver, score)
    assert driver.state.search_ended is not None
    driver.close("finished")
    same = runs.open(words, RunResumed(6, "rebuild", []))
    assert same.state.search_ended is not None, "nothing has changed"
    more = runs.open(words, RunResumed(8, "rebuild", []))
    assert not more.complete, "a person wants more all the same"
    for score in (0.2, 0.1):
        finished(more, score)
    assert more.complete


def test_patience_in_the_order_of_ends_without_failures(runs: Runs) -> None:
    from summtune.errors import TrialFailure

    driver = runs.open("patience_trials: 2\nbaseline: false\n")
    finished(driver, 0.5)
    for _ in range(2):
        driver.over(drawn(driver), TrialFailure("diverged", "NaN"))
    assert driver.state.unimproved == 0
    finished(driver, 0.4)
    again = runs.open("patience_trials: 2\nbaseline: false\n")
    assert again.state.unimproved == 1, "from the events"
    assert len(of(again, PointDrawn)) == 4


def test_nothing_is_said_to_have_ended_a_run_that_was_through(runs: Runs) -> None:
    driver = runs.open("patience_trials: 1\nbaseline: false\n")
    driver.state.count = 2
    finished(driver, 0.5)
    finished(driver, 0.4)
    assert driver.complete
    assert of(driver, SearchEnded) == []
