"""The live run that Ray Tune's hooks belong to.

Ray Tune pickles searcher, scheduler and callbacks into its experiment folder and brings them back in another process. Ours hold nothing
of their own: pickled, they are empty shells, and unpickled they attach to the session that this process has opened. The event log
remembers for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType

from summtune.errors import NothingUsable, SurroundingsFailure, TrialFailure
from summtune.tuning import causes, failures
from summtune.tuning.driver import Driver
from summtune.tuning.placement import Placement
from summtune.tuning.silence import Patience
from summtune.tuning.watchdog import Watchdog

COUNT_EVERY_S = 1.0
"""How often the cluster is asked for its nodes, which takes longer than all else that Ray Tune's loop does in a turn."""


class Session:
    """A driver, and what Ray Tune has in hand of its run.

    Args:
        driver: the run's driver.
        capacity: how many trials the cluster can run at once, now.
        stop: asks Ray Tune to end its loop.
        note: says a sentence to the person.
        stop_asked: whether a person wants an end.
        draining: addresses of the nodes that are to be gone soon.
        reuses_actors: whether Ray Tune gives a trial the actor of one before.
        placement: where trials are placed.
    """

    def __init__(
        self,
        driver: Driver,
        capacity: Callable[[], int],
        stop: Callable[[], None],
        note: Callable[[str], None],
        stop_asked: Callable[[], bool] = lambda: False,
        draining: Callable[[], Collection[str]] = tuple,
        reuses_actors: bool = True,
        placement: Placement | None = None,
    ) -> None:
        self.driver = driver
        self.note = note
        self.stop_asked = stop_asked
        self.placement = placement
        self.fault: BaseException | None = None
        self.errors: dict[str, BaseException | None] = {}
        self.watchdog = Watchdog(Patience(after_s=driver.experiment.resources.hung_after_s))
        self._in_hand: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._capacity = capacity
        self._draining = draining
        self._reuses_actors = reuses_actors
        self._slots = 0
        self._leaving: Collection[str] = ()
        self._counted = -math.inf
        self._stop = stop
        self._stopped = False
        self._trial_ids: dict[str, str] = {}

    def bind(self, tune_id: str, trial_id: str) -> None:
        """Ray Tune's trial `tune_id` is our trial `trial_id`."""
        self._trial_ids[tune_id] = trial_id

    def trial_id(self, tune_id: str) -> str:
        return self._trial_ids[tune_id]

    def take(self, tune_id: str) -> bool:
        """Ray Tune is to run `tune_id`; False where it has another trial in hand that is the same trial of ours."""
        return self._in_hand.setdefault(self._trial_ids[tune_id], tune_id) == tune_id

    def in_hand(self, tune_id: str) -> bool:
        """Whether `tune_id` is what Ray Tune has in hand of our trial: not over, and not given up for another."""
        return self._in_hand.get(self._trial_ids[tune_id]) == tune_id

    def began(self, tune_id: str) -> None:
        """Ray Tune has an actor for `tune_id`: an attempt begins in it."""
        if not self.in_hand(tune_id):
            return
        trial_id = self._trial_ids[tune_id]
        grouped = self.placement is not None and self.placement.allotment.workers > 1
        shunned = tuple(sorted(self.placement.shunned)) if self.placement is not None else ()
        settings = self.driver.start(trial_id, shunned=shunned, waits_for_room=grouped)
        self._attempts[tune_id] = self.driver.state.trials[trial_id].attempts
        self.watchdog.began(tune_id, settings.training.timeout_s, waits_for_room=grouped)

    def group_started(self, tune_id: str, *, reported: bool = False) -> bool:
        """Whether all workers of `tune_id` are there, for which it waited; they are where it has reported."""
        return self.driver.group_started(self._trial_ids[tune_id], reported=reported)

    def over(self, tune_id: str, failure: TrialFailure | None = None) -> None:
        """Ray Tune is done with `tune_id`, or is to be."""
        if not self.in_hand(tune_id):
            return  # what Ray Tune says of it now comes late: it has been given up
        trial_id = self._trial_ids[tune_id]
        del self._in_hand[trial_id]
        self.driver.over(trial_id, failure)
        if reason := self.driver.hopeless:
            self.driver.close("failed", reason)
            self.fault = NothingUsable(reason)
            self._stop()

    def failed(self, tune_id: str) -> None:
        """An error ended `tune_id`: what it left behind says which.

        Raises:
            SurroundingsFailure: the disk gave way.
        """
        # Where no attempt began in this actor there is none whose word could be read; an earlier one's is not this one's.
        attempt = self.driver.run.trial(self._trial_ids[tune_id]).attempt(self._attempts.get(tune_id, 0))
        failure = failures.read_failure(attempt, self.errors.pop(tune_id, None))
        if failure.cause == causes.SURROUNDINGS:
            # The next trial would meet the same full disk: the run is left, with this trial unfinished.
            raise SurroundingsFailure(f"{failure.message} Mend that; `summtune resume` goes on.")
        if failure.cause in causes.OF_THE_NODE:
            assert self.placement is not None
            self.placement.shun(failure, partial(self.driver.note, self._trial_ids[tune_id]), self._room_now)
        self.over(tune_id, failure)

    def _room_now(self) -> int:
        self._counted = -math.inf
        self._look_at_cluster()
        return self._slots

    def has_room(self) -> bool:
        """Whether another trial can run now. Ours to say, since Tune's own limiter counts paused trials, too."""
        self._look_at_cluster()
        return len(self._in_hand) < self._slots

    def may_reuse_actor(self, address: str) -> bool:
        """Whether another trial may have the actor of one that ends on a node: not where the node is to be gone soon."""
        self._look_at_cluster()
        return self._reuses_actors and address not in self._leaving

    def _look_at_cluster(self) -> None:
        now = time.monotonic()
        if now - self._counted >= COUNT_EVERY_S:
            self._slots, self._leaving, self._counted = self._capacity(), self._draining(), now

    @property
    def may_go_on(self) -> bool:
        """Whether a trial runs, which may have to be tried again, or waits for that; once a person wants an end nothing is."""
        return bool(self._in_hand or self.driver.waiting) and not self.driver.state.stop

    @property
    def may_end(self) -> bool:
        """Whether nothing is in hand and a person wants an end, or there is nothing more to train: for that no room is needed.

        Ray Tune waits in a loop of its own then, which looks at no signal; it ends when given a trial, or told that there are no more.
        """
        return not self._in_hand and (self.stop_asked() or self.driver.ends_without_a_trial())

    @property
    def _has_begun(self) -> bool:
        """Whether any trial in hand has an actor, or had one."""
        return any(tune_id in self._attempts for tune_id in self._in_hand.values())

    def look_up(self) -> None:
        """Look after the trials in hand, and see whether a person wants an end.

        At once, Ray Tune's loop ends here; otherwise as soon as it has no trial left that has begun: what only waits for room is a new one.
        """
        self.watchdog.look(self)
        wish = self.driver.hear()
        if not self._stopped and (wish == "now" or (wish and self._in_hand and not self._has_begun)):
            self._stopped = True
            self._stop()

    def __enter__(self) -> Session:
        """Guard a hook.

        Ray Tune logs what a hook raises and carries on as if the trial had failed; so a fault is kept here, and ends the run.
        """
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and self.fault is None:
            self.fault = error
            self._stop()


_current: Session | None = None


def open_session(session: Session | None) -> None:
    """Make a session the one that hooks attach to; None closes it."""
    global _current
    _current = session


def current() -> Session:
    """The session of this process.

    Raises:
        RuntimeError: none is open; Ray Tune's pickles of a run mean nothing without its driver.
    """
    if _current is None:
        raise RuntimeError("no run is open in this process; use `summtune resume` instead of Tuner.restore")
    return _current
