"""What ended trials leave on the disk: as much as is asked for, and said in time where there is no room for more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from summtune.events.kinds import Noted
from summtune.events.log import read_events
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 10
baseline: false
early_terminate: none
settings: {training: {num_train_epochs: 1}}
"""


def trained(driver: Driver) -> str:
    """A trial whose checkpoint holds 2 MB beside the weights."""
    trial = drawn(driver)
    step(driver, trial, 0.5)
    (driver.run.trial(trial).attempt(1).checkpoints / "checkpoint-10" / "optimizer.pt").write_bytes(bytes(2_000_000))
    driver.over(trial)
    return trial


def disk_notes(driver: Driver) -> list[str]:
    return [event.text for event in read_events(driver.run.events)[0] if isinstance(event, Noted) and event.text.startswith("Disk: ")]


@pytest.mark.parametrize(("free", "said"), [(10_000_000, True), (1_000_000_000, False)])
def test_it_is_said_once_when_there_is_too_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: bool) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    driver, log = open_driver(tmp_path / "run", SPACE)
    trained(driver), trained(driver)
    notes = disk_notes(driver)
    assert len(notes) == said
    if said:
        assert "a trial leaves 2.0 MB, 9 more would leave 18.0 MB, and 10.0 MB are free. Make room, or set" in notes[0]
        assert "training.keep_checkpoint: false (" in notes[0]
    log.close()


@pytest.mark.parametrize("keep", [True, False])
def test_the_last_checkpoint_of_a_trial_that_is_over_stays_if_it_is_to(tmp_path: Path, keep: bool) -> None:
    space = SPACE.replace("num_train_epochs: 1", f"num_train_epochs: 1, keep_checkpoint: {str(keep).lower()}")
    driver, log = open_driver(tmp_path / "run", space)
    paths = driver.run.trial(trained(driver))
    assert [folder.name for folder in paths.checkpoints.glob("*")] == (["checkpoint-10"] if keep else [])
    assert not paths.attempt(1).checkpoints.exists()
    assert paths.best_model.is_dir()
    log.close()
