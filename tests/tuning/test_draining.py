"""Actors on nodes that are to be gone soon: Ray Tune would keep them for the next trial."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial

from summtune.tuning.scheduler import RememberingASHAScheduler
from summtune.tuning.session import Session, open_session
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn
from tests.tuning.test_pausing import SPACE


@pytest.mark.parametrize(("address", "reuses", "kept"), [("10.0.0.1", True, True), ("10.0.0.2", True, False), ("10.0.0.1", False, False)])
def test_whether_an_actor_is_kept(tmp_path: Path, address: str, reuses: bool, kept: bool) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    session = Session(driver, lambda: 2, lambda: None, print, draining=lambda: {"10.0.0.2"}, reuses_actors=reuses)
    open_session(session)
    try:
        trial = Trial("summtune_trial", config={"trial": drawn(driver)}, stub=True)
        controller = SimpleNamespace(_reuse_actors=not kept)
        RememberingASHAScheduler().on_trial_complete(controller, trial, {"node_ip": address})
        assert session.fault is None
        assert controller._reuse_actors is kept
    finally:
        open_session(None)
        log.close()
