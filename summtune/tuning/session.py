"""The live run that Ray Tune's hooks belong to.

Ray Tune pickles searcher, scheduler and callbacks into its experiment folder and brings them back in another process. Ours hold nothing
of their own: pickled, they are empty shells, and unpickled they attach to the session that this process has opened. The event log
remembers for them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from summtune.tuning.driver import Driver


class Session:
    """A driver, and what Ray Tune has in hand of its run.

    Args:
        driver: the run's driver.
        capacity: how many trials the cluster can run at once, now.
        stop: asks Ray Tune to end its loop.
        note: says a sentence to the person.
    """

    def __init__(self, driver: Driver, capacity: Callable[[], int], stop: Callable[[], None], note: Callable[[str], None]) -> None:
        self.driver = driver
        self.note = note
        self.fault: BaseException | None = None
        self.errors: dict[str, BaseException | None] = {}
        self._capacity = capacity
        self._stop = stop
        self._stopped = False
        self._trial_ids: dict[str, str] = {}

    def bind(self, tune_id: str, trial_id: str) -> None:
        """Ray Tune's trial `tune_id` is our trial `trial_id`."""
        self._trial_ids[tune_id] = trial_id

    def trial_id(self, tune_id: str) -> str:
        return self._trial_ids[tune_id]

    def has_room(self) -> bool:
        """Whether another trial can run now. Ours to say, since Tune's own limiter counts paused trials, too."""
        in_hand = {trial_id for trial_id in self._trial_ids.values() if not self.driver.state.trials[trial_id].over}
        return len(in_hand - set(self.driver.waiting)) < self._capacity()

    def look_up(self) -> None:
        """See whether a person wants an end: at once, Ray Tune's loop ends here; otherwise as soon as it has no trial left."""
        if not self._stopped and self.driver.hear() == "now":
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
