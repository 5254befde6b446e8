"""Looks after the trials that Ray Tune has in hand: those that hang are ended, those that Ray Tune lost without a word are noticed.

Ray Tune has no time limit for a trial that says nothing. Its own way to stop one asks the actor, which a process that is stuck never
hears, and has it killed after TUNE_FORCE_TRIAL_CLEANUP_S; so it is killed here, by `ray.kill`: the trial's task fails at once, and the
node's raylet ends the process, a suspended one too, within some five seconds.

It must not know what becomes of a trial that was ended: the driver decides that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ray
from ray.tune.experiment import Trial

from summtune.errors import TrialFailure
from summtune.tuning.causes import WORKER_LOST
from summtune.tuning.silence import Patience

if TYPE_CHECKING:
    from summtune.tuning.session import Session

EVERY_S = 1.0
"""How often it looks; Ray Tune's loop turns ten times as often or more."""

AWAY_S = 10.0
"""A longer time between two looks is not the trials' doing."""

RESET_S = 120.0
"""How long an actor may take to let go of one trial for the next: twice TUNE_FUNCTION_THREAD_TIMEOUT_S, see `trainable`."""


@dataclass
class _Heeded:
    """A trial that is looked after; moments are those of the clock.

    Attributes:
        began: its attempt's start; None before.
        heard: of it last.
        waits: since it has an actor that was another trial's, and has not started in it; None otherwise.
        timeout_s: its training's own limit.
        waits_for_room: whether it is a group of workers that are not all there: it may take as long as it takes.
    """

    trial: Trial
    began: float | None = None
    heard: float = 0.0
    waits: float | None = None
    timeout_s: float | None = None
    waits_for_room: bool = False

    def pass_over(self, seconds: float) -> None:
        """Let so long a time not count."""
        self.heard += seconds
        self.began = None if self.began is None else self.began + seconds
        self.waits = None if self.waits is None else self.waits + seconds


class Watchdog:
    """The trials that Ray Tune has in hand, and when each was heard of.

    Args:
        patience: with silent ones.
        clock: seconds that go on while this process runs, and stand still while the machine sleeps.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._heeded: dict[str, _Heeded] = {}
        self._looked = clock()

    def heed(self, trial: Trial) -> None:
        """Look after a trial from now on, until it is no longer in hand."""
        self._heeded[trial.trial_id] = _Heeded(trial)

    def began(self, tune_id: str, timeout_s: float | None, *, waits_for_room: bool = False) -> None:
        """An attempt began."""
        heeded = self._heeded[tune_id]
        heeded.began = heeded.heard = self._clock()
        heeded.waits, heeded.timeout_s, heeded.waits_for_room = None, timeout_s, waits_for_room

    def heard(self, tune_id: str, live: Session) -> None:
        """A trial has reported."""
        if tune_id in self._heeded:
            self._look_for_group(self._heeded[tune_id], live, reported=True)
            self._heeded[tune_id].heard = self._clock()

    def _look_for_group(self, heeded: _Heeded, live: Session, *, reported: bool = False) -> None:
        """Let the time of a group begin once all its workers are there."""
        tune_id = heeded.trial.trial_id
        if heeded.waits_for_room and live.in_hand(tune_id) and live.group_started(tune_id, reported=reported):
            self.began(tune_id, heeded.timeout_s)

    def look(self, live: Session) -> None:
        """End the trials that have hung; take note of those that Ray Tune has given up."""
        now = self._clock()
        if now - self._looked < EVERY_S:
            return
        if now - self._looked > AWAY_S:
            # This process was held up (Ctrl-Z, a slow disk): what came meanwhile has not been heard yet.
            for heeded in self._heeded.values():
                heeded.pass_over(now - self._looked)
        self._looked = now
        for tune_id, heeded in list(self._heeded.items()):
            if not live.in_hand(tune_id):
                del self._heeded[tune_id]
            elif heeded.trial.status == Trial.ERROR:
                # Ray Tune tells nobody where an actor could not be reset: a thread of the trial before was stuck.
                live.failed(tune_id)
            elif (failure := self._verdict(heeded, live, now)) is not None:
                actor = heeded.trial.temporary_state.ray_actor
                live.over(tune_id, failure)  # recorded first; what Ray Tune then says of it comes late
                if actor is not None:
                    ray.kill(actor)

    def _verdict(self, heeded: _Heeded, live: Session, now: float) -> TrialFailure | None:
        self._look_for_group(heeded, live)
        if heeded.waits_for_room:
            return None
        ours = live.driver.state.trials[live.trial_id(heeded.trial.trial_id)]
        if heeded.began is not None and heeded.trial.status == Trial.RUNNING:
            silent_s, lived_s = now - heeded.heard, now - heeded.began
            return self.patience.verdict(ours, live.driver.state, silent_s, lived_s, heeded.timeout_s)
        # A new actor may wait for resources as long as it takes; one that was another trial's has all it needs.
        if heeded.trial.status != Trial.PENDING or heeded.trial.temporary_state.ray_actor is None:
            heeded.waits = None
            return None
        heeded.waits = heeded.waits or now
        if now - heeded.waits <= RESET_S:
            return None
        return TrialFailure(WORKER_LOST, f"the process that it was given did not let go of the trial before in {RESET_S:.0f} s")
