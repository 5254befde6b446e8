"""A driver does as much at an event of a large run as of a small one: counted in calls, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from summtune.cli.live_run import LiveRun
from summtune.cli.screen import Screen, stream_console
from summtune.events import standings
from summtune.events.log import EventLog
from summtune.events.trial_state import TrialState
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.playing import score_at, step

SPACE = """
name: plain
method: random
parameters: {{learning_rate: {{distribution: log_uniform_values, min: 1e-5, max: 1e-2}}}}
run_cap: 1000
early_terminate: {rule}
{more}
settings: {{training: {{num_train_epochs: 4}}, evaluation: {{strategy: full}}}}
"""
FEW, MANY, SPAN = 20, 80, 10
VISITS = tuple(f"/summtune/{package}/" for package in ("events", "tuning", "search"))

Play = Callable[[int], None]


@pytest.fixture(autouse=True)
def without_syncing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


Open = Callable[..., Driver]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens drivers of one run, whose logs are closed at the end."""
    logs: list[EventLog] = []

    def open_one(rule: str = "none", more: str = "") -> Driver:
        driver, log = open_driver(tmp_path / "run", SPACE.format(rule=rule, more=more))
        logs.append(log)
        return driver

    yield open_one
    for log in logs:
        log.close()


def player(driver: Driver) -> Play:
    """Trains so many trials to their ends or pauses; those that go on after a pause among them."""

    def play(trials: int) -> None:
        for _ in range(trials):
            trial = driver.next_trial()
            assert isinstance(trial, TrialState)
            driver.start(trial.id)
            while trial.iteration < 4 and step(driver, trial):
                pass
            driver.over(trial.id)

    return play


def calls(play: Play, trials: int) -> int:
    """Calls meanwhile of what knows trials: whoever goes through all of them calls something of each."""
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event == "call" and any(package in frame.f_code.co_filename for package in VISITS)

    sys.setprofile(count)
    try:
        play(trials)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize(
    ("rule", "more"),
    [("none", ""), ("{type: asha, min_iter: 1, eta: 2}", ""), ("{type: hyperband, min_iter: 1, eta: 2}", "metric: {target: 0.99}")],
)
def test_an_event_takes_no_more_steps_for_all_the_trials_before_it(rule: str, more: str, opened: Open) -> None:
    driver = opened(rule, more)
    play = player(driver)
    play(FEW)
    before = driver.state.spent.epochs
    few, evaluations = calls(play, SPAN), driver.state.spent.epochs - before
    play(MANY - FEW - SPAN)
    before = driver.state.spent.epochs
    many, evaluations_then = calls(play, SPAN), driver.state.spent.epochs - before
    # How many trials are stopped makes a difference; one look at each trial would make a greater one.
    assert many / (SPAN + evaluations_then) < 1.3 * few / (SPAN + evaluations), "there are four times as many trials"


def test_what_is_decided_together_is_synced_together(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sync takes milliseconds: a trial of four evaluations needs one for its drawing, its start, each report, and its end."""
    driver = opened(more="baseline: false")
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    driver.start(trial.id)
    for iteration in range(1, 5):
        score = score_at(trial, iteration)
        assert driver.report(reported(trial, iteration, score))
    driver.over(trial.id)
    assert len(synced) == 1 + 1 + 4 + 1


def reported(trial: Any, iteration: int, score: float) -> Any:
    from summtune.events.kinds import Reported

    metrics = {"iteration": iteration, "epoch": float(iteration), "step": iteration, "loss": 1.0, "rouge_combined_f1": score}
    return Reported(trial.id, trial.attempts, iteration, metrics, None)


def test_a_report_is_on_disk_before_its_trial_goes_on(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = opened(more="baseline: false")
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    driver.start(trial.id)
    sizes: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: sizes.append(driver.run.events.stat().st_size))
    assert driver.report(reported(trial, 1, 0.5))
    assert sizes == [driver.run.events.stat().st_size]


def test_files_that_a_power_cut_emptied_are_written_again(opened: Open) -> None:
    driver = opened()
    player(driver)(1)
    paths = driver.run.trial("0000")
    whole = {file: file.read_text(encoding="utf-8") for file in (paths.results, paths.history, paths.settings)}
    for file in whole:
        file.write_text("", encoding="utf-8")
    opened()
    assert {file: file.read_text(encoding="utf-8") for file in whole} == whole


def test_the_likeliest_is_the_first_of_the_candidates(opened: Open) -> None:
    driver = opened("{type: asha, min_iter: 1, eta: 2}")
    play = player(driver)
    for _ in range(30):
        play(1)
        found = standings.likeliest(driver.state)
        assert found is not None
        assert driver.state.score(found) == driver.state.score(standings.candidates(driver.state)[0])


def test_a_screen_that_is_no_terminal_makes_no_tables(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = opened()
    live = LiveRun(Screen(stream_console()))
    live.screen.begin(driver.state)
    monkeypatch.setattr("summtune.cli.screen.rows", lambda state: pytest.fail("nobody sees it"))
    driver._watch = live.event
    player(driver)(2)
