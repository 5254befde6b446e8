"""Limits on metrics in a driver: recorded, told to the study, never the best, and the same after a resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from summtune.cli.screen import print_summary, stream_console
from summtune.events import standings
from summtune.events.kinds import Ended, Reported, Told
from summtune.events.log import read_events
from summtune.events.trial_state import TrialState
from summtune.reporting.leaderboard import rows
from summtune.reporting.page import write_page
from summtune.reporting.views import best_model, write_views
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, worked

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 3
early_terminate: none
metric: {target: 0.85}
constraints:
- require_metric: guardrails/invented_speakers <= 0.02
settings: {training: {num_train_epochs: 1}, evaluation: {strategy: full, metrics: [rouge, guardrails]}}
"""
KEY = "guardrails/invented_speakers"


def trained(driver: Driver, score: float, invented: float) -> str:
    """A trial of one evaluation, to its end."""
    trial = drawn(driver)
    checkpoint = worked(driver.run.trial(trial).attempt(1), 1, best=True)
    driver.report(Reported(trial, 1, 1, {"iteration": 1, "loss": 1.0, "rouge_combined_f1": score, KEY: invented}, checkpoint))
    driver.over(trial)
    return trial


def test_a_trial_beyond_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    trained(driver, 0.1, 0.0)
    trained(driver, 0.9, 0.05)
    assert driver.state.search_ended is None, "a target that is reached beyond a limit is not reached"
    trained(driver, 0.3, 0.02)
    events = read_events(driver.run.events)[0]
    ended = {event.trial: event for event in events if isinstance(event, Ended)}
    assert [(event.status, event.feasible) for event in ended.values()] == [("finished", True), ("finished", False), ("finished", True)]
    assert ended["0001"].violations == [{"metric": KEY, "limit": "<= 0.02", "value": 0.05}]
    told = {event.trial: event for event in events if isinstance(event, Told)}
    assert told["0001"].excesses == {f"{KEY} <= 0.02": pytest.approx(0.03)}
    study = driver.study.get_trials(deepcopy=False)
    assert [trial.constraints[f"{KEY} <= 0.02"] <= 0 for trial in study] == [True, False, True]
    assert driver.study.best_trial.value == 0.3, "Optuna knows it, too"

    write_views(driver.run, driver.state)
    write_page(driver.run, driver.state)
    summary = json.loads(driver.run.summary.read_text(encoding="utf-8"))
    assert (summary["best_run_id"], summary["best_rouge_combined_f1"], summary["infeasible"]) == ("0002", 0.3, 1)
    lines = [json.loads(line) for line in driver.run.results.read_text(encoding="utf-8").splitlines()]
    assert [(line["status"], line["feasible"]) for line in lines] == [("finished", True), ("finished", False), ("finished", True)]
    assert lines[1]["violations"] == ended["0001"].violations
    found = best_model(driver.run, driver.state)
    assert found is not None
    assert found.folder.name == "0002"
    table = [(row.trial, row.rank, bool(row.beyond)) for row in rows(driver.state)]
    assert table == [("0002", 1, False), ("0000", 2, False), ("0001", None, True)]
    assert f"infeasible: {KEY} is 0.05" in driver.run.report.read_text(encoding="utf-8")
    print_summary(stream_console(), driver.run, driver.state)
    text = capsys.readouterr().out
    assert f"Beyond    0001: {KEY} is 0.05, and must be <= 0.02" in text
    assert "finished, infeasible" in text
    assert "2 finished, 0 stopped early, 0 failed, 1 of them infeasible" in text
    log.close()


def test_a_resumed_run_knows_the_limits(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    trained(driver, 0.1, 0.0)
    trained(driver, 0.9, 0.05)
    log.close()
    again, log = open_driver(tmp_path / "run", SPACE)
    assert [trial.constraints for trial in again.study.get_trials()] == [trial.constraints for trial in driver.study.get_trials()]
    assert standings.best(again.state) is again.state.trials["0000"]
    following = again.next_trial()
    assert isinstance(following, TrialState)
    assert following.id == "0002"
    log.close()


def test_all_trials_beyond_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for invented in (0.5, 0.3, 0.03):
        trained(driver, 0.4, invented)
    write_views(driver.run, driver.state)
    summary = json.loads(driver.run.summary.read_text(encoding="utf-8"))
    assert (summary["best_run_id"], summary["best_model_path"], summary["least_violating_run_id"]) == (None, None, "0002")
    print_summary(stream_console(), driver.run, driver.state)
    text = capsys.readouterr().out
    assert "Best      none: every trial is beyond a limit, and none of them is the best." in text
    assert "Least violating: trial 0002" in text
    log.close()
