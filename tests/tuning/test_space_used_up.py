"""A space with fewer different trainings than were asked for: that it ends the run is on record and said, and how one gets more."""

from __future__ import annotations

import json
from pathlib import Path

from summtune.cli.event_lines import event_line
from summtune.cli.screen import summary_lines
from summtune.events.kinds import RunClosed, RunResumed, SearchEnded
from summtune.reporting.page import write_page
from summtune.reporting.views import write_views
from summtune.tuning.driver import Driver, NoMore
from tests.tuning.driving import open_driver
from tests.tuning.test_budgets import found, of
from tests.tuning.test_driver import drawn, step

EQUAL = """
name: plain
parameters: {lr_scheduler_type: {values: [constant, linear]}, warmup_ratio: {values: [0.0, 0.1]}}
run_cap: 4
baseline: false
early_terminate: none
settings: {training: {num_train_epochs: 1}, evaluation: {strategy: full}}
"""
"""Of four points two are the same training: without a schedule there is no warming up."""

WHOLE = EQUAL.replace("constant", "cosine")
REASON = "3 of 4 trials were drawn, and no other was found in the space that would be another training"


def finished(driver: Driver, score: float = 0.3) -> None:
    trial = drawn(driver)
    step(driver, trial, score)
    driver.over(trial)


def test_why_fewer_trials_were_begun_is_on_record_and_said_in_all_places(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", EQUAL)
    for _ in range(3):
        finished(driver)
        assert not driver.complete
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.complete
    driver.close("finished")
    (ended,) = of(driver, SearchEnded)
    assert (ended.by, ended.limit, ended.used, ended.by_budget) == ("space", 4, 3, False)
    assert event_line(ended, driver.state, 1) == f"no more trials are begun: {REASON}"
    assert [closed.reason for closed in of(driver, RunClosed)] == [REASON]
    assert "--count" not in ended.remedy, "that would bring nothing"

    run, state = driver.run, driver.state
    said = f"{REASON}: 1 trial not begun"
    assert f"Ended     {said}" in summary_lines(run, state, found(driver))
    write_views(run, state)
    write_page(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert summary["search_ended"] == {"by": "space", "limit": 4, "used": 3, "reason": REASON}
    assert summary["trials_not_begun"] == 1
    assert f"<dt>Ended</dt><dd>{said}</dd>" in run.report.read_text(encoding="utf-8")
    log.close()


def test_a_space_that_is_trained_as_a_whole_has_ended_nothing_until_more_is_asked_for(tmp_path: Path) -> None:
    for baseline in ("", "baseline: false\n"):  # the space's own point may be the baseline's
        folder = tmp_path / f"run{len(baseline)}"
        space = WHOLE.replace("baseline: false\n", baseline)
        driver, log = open_driver(folder, space)
        while not driver.complete:
            finished(driver)
        assert isinstance(driver.next_trial(), NoMore)
        assert of(driver, SearchEnded) == []
        driver.close("finished")
        log.close()
        more, log = open_driver(folder, space, resumed=RunResumed(6, "rebuild", []))
        assert more.complete
        assert [ended.by for ended in of(more, SearchEnded)] == ["space"]
        log.close()


def test_trials_that_pause_go_on_all_the_same(tmp_path: Path) -> None:
    space = EQUAL.replace("early_terminate: none", "early_terminate: {type: asha, min_iter: 1, eta: 2}")
    driver, log = open_driver(tmp_path / "run", space.replace("num_train_epochs: 1", "num_train_epochs: 2"))
    for score in (0.1, 0.2, 0.3):
        trial = drawn(driver)
        step(driver, trial, score)
        if not driver.state.trials[trial].paused:
            step(driver, trial, score)
        driver.over(trial)
    while driver.state.statuses["paused"]:
        trial = drawn(driver)
        assert driver.state.search_ended is not None
        assert driver.state.trials[trial].iteration == 1
        step(driver, trial, 0.4)
        driver.over(trial)
        if isinstance(driver.next_trial(), NoMore):
            break
    assert driver.complete
    assert [trial.status for trial in driver.state.trials.values()].count("finished") == 2
    assert [event.by for event in of(driver, SearchEnded)] == ["space"]
    log.close()
