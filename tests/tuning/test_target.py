"""A run whose search ends since a trial is as good as `metric.target`: what is on record and said of it, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune.cli.event_lines import event_line
from summtune.cli.screen import summary_lines
from summtune.events.kinds import RunClosed, RunResumed, SearchEnded
from summtune.reporting.page import write_page
from summtune.reporting.views import write_views
from summtune.tuning.driver import Driver, NoMore
from tests.tuning.driving import open_driver
from tests.tuning.test_budgets import SPACE, Runs, finished, found, of
from tests.tuning.test_driver import cut_after, drawn, step

AIMED = "metric: {target: 0.5}\nbaseline: false\n"
REASON = "trial 0002 reached rouge_combined_f1 0.6 (target 0.5)"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "run")
    yield made
    made.close()


def ended_by_target(runs: Runs, words: str = AIMED) -> Driver:
    driver = runs.open(words)
    finished(driver, 0.3)
    finished(driver, 0.6)
    return driver


def test_why_no_more_trials_were_begun_is_on_record_and_said_in_all_places(runs: Runs) -> None:
    driver = ended_by_target(runs)
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.complete
    driver.close("finished")
    (ended,) = of(driver, SearchEnded)
    assert (ended.by, ended.limit, ended.used, ended.by_budget) == ("target", 0.5, 0.6, False)
    assert event_line(ended, driver.state, 4) == f"no more trials are begun: {REASON}"
    assert [closed.reason for closed in of(driver, RunClosed)] == [REASON]

    run, state = driver.run, driver.state
    said = f"{REASON}: 4 trials not begun"
    assert f"Ended     {said}" in summary_lines(run, state, found(driver))
    write_views(run, state)
    write_page(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert summary["search_ended"] == {"by": "target", "limit": 0.5, "used": 0.6, "reason": REASON}
    assert summary["trials_not_begun"] == 4
    assert json.loads(run.info.read_text(encoding="utf-8"))["reason"] == REASON
    assert f"<dt>Ended</dt><dd>{said}</dd>" in run.report.read_text(encoding="utf-8")


def test_trials_under_way_come_to_their_end(runs: Runs) -> None:
    driver = runs.open(AIMED)
    first, second = drawn(driver), drawn(driver)
    assert step(driver, first, 0.6), "it is not cut short"
    assert isinstance(driver.next_trial(), NoMore)
    assert not driver.complete
    for trial, left in ((first, 3), (second, 4)):
        assert [step(driver, trial, 0.2) for _ in range(left)] == [True] * left
        driver.over(trial)
    assert driver.complete


def test_a_driver_that_was_killed_right_after_the_report_ends_the_search_when_it_is_opened_again(runs: Runs) -> None:
    driver = ended_by_target(runs)
    cut_after(driver, "reported")
    again = runs.open(AIMED)
    assert len(of(again, SearchEnded)) == 1


def test_more_trials_are_trained_whatever_was_reached(runs: Runs) -> None:
    ended_by_target(runs).close("finished")
    same = runs.open(AIMED, RunResumed(6, "rebuild", []))
    assert same.complete, "nothing has changed"
    assert "--count N" in of(same, SearchEnded)[-1].remedy
    more = runs.open(AIMED, RunResumed(11, "rebuild", [], past_target=True))
    assert not more.complete
    for score in (0.7, *[0.4] * 8):
        assert not more.complete
        finished(more, score)
    assert more.state.drawn == 11
    assert more.complete
    assert more.state.search_ended is None


def test_a_target_that_was_not_reached_yet_still_ends_a_run_that_is_given_more_trials(runs: Runs) -> None:
    driver = runs.open(AIMED)
    for _ in range(6):
        finished(driver, 0.3)
    assert of(driver, SearchEnded) == []
    more = runs.open(AIMED, RunResumed(11, "rebuild", []))
    finished(more, 0.6)
    assert more.complete
    assert of(more, SearchEnded)[-1].reason == "trial 0007 reached rouge_combined_f1 0.6 (target 0.5)"


def test_a_target_that_the_last_trial_reaches_has_ended_nothing(runs: Runs) -> None:
    driver = runs.open(AIMED)
    for score in (0.3, 0.3, 0.3, 0.3, 0.3, 0.6):
        finished(driver, score)
    assert driver.complete
    assert of(driver, SearchEnded) == []


def test_trials_that_pause_end_with_it_also_where_all_are_drawn(tmp_path: Path) -> None:
    space = SPACE.replace("run_cap: 6", "run_cap: 2").replace("early_terminate: none", "early_terminate: {type: asha, min_iter: 1, eta: 2}")
    driver, log = open_driver(tmp_path / "run", space + AIMED)
    first, second = drawn(driver), drawn(driver)
    assert not step(driver, first, 0.1), "it pauses"
    driver.over(first)
    assert step(driver, second, 0.6)
    assert not step(driver, second, 0.6), "it pauses, too"
    driver.over(second)
    assert isinstance(driver.next_trial(), NoMore)
    assert [trial.status for trial in driver.state.trials.values()] == ["stopped", "stopped"]
    assert [event.by for event in of(driver, SearchEnded)] == ["target"]
    log.close()
