"""What becomes of the trials that `Tuner.restore` brings back: only those that are still to be trained are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.tune.experiment import Trial

from summtune.tuning.driver import Driver
from summtune.tuning.scheduler import RememberingASHAScheduler
from summtune.tuning.session import Session, open_session
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step
from tests.tuning.test_pausing import SPACE


@pytest.fixture
def left(tmp_path: Path) -> Iterator[tuple[Driver, dict[str, str]]]:
    """A run that was left with a trial that had paused, one under way, and one that was over; by its trials' states."""
    driver, log = open_driver(tmp_path / "run", SPACE.replace("eta: 2", "eta: 3"))
    pausing, under_way, over = drawn(driver), drawn(driver), drawn(driver)
    step(driver, pausing, 0.1)
    driver.over(over)
    log.close()
    again, log = open_driver(tmp_path / "run", SPACE)
    open_session(Session(again, lambda: 3, lambda: None, lambda sentence: None))
    yield again, {"paused": pausing, "running": under_way, "failed": over}
    open_session(None)
    log.close()


@pytest.mark.parametrize(("status", "brought_back"), [("paused", "TERMINATED"), ("running", "RUNNING"), ("failed", "TERMINATED")])
def test_brought_back(left: tuple[Driver, dict[str, str]], status: str, brought_back: str) -> None:
    driver, trials = left
    assert driver.state.trials[trials[status]].status == status
    tunes = Trial("summtune_trial", config={"trial": trials[status]}, stub=True)
    tunes.set_status("RUNNING")
    RememberingASHAScheduler().on_trial_add(None, tunes)
    assert tunes.status == brought_back
