"""Tells the driver when Ray Tune starts a trial, and lets it look up at each step of the loop."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from summtune.tuning import session
from summtune.tuning.searcher import TRIAL_KEY


class Observer(Callback):  # type: ignore[misc]  # Ray ships no types
    """Ray Tune calls it after an actor is up, and before the actor is told to train: time to write the attempt's orders."""

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        live = session.current()
        if live.fault is not None:
            return
        with live:
            live.driver.start(trial.config[TRIAL_KEY])

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        live = session.current()
        if live.fault is not None:
            return
        with live:
            live.look_up()
