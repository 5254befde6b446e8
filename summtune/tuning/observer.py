"""Tells the driver when Ray Tune starts a trial, and lets the session look up, and after its trials, at each turn of Ray Tune's loop."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from summtune.tuning import session


class Observer(Callback):  # type: ignore[misc]  # Ray ships no types
    """What Ray Tune calls."""

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        live = session.current()
        if live.fault is not None:
            return
        with live:
            live.look_up()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """An actor is up, and has not been told to train yet: time to write the attempt's orders."""
        live = session.current()
        if live.fault is not None:
            return
        with live:
            live.began(trial.trial_id)
