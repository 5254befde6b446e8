"""Which failed trials are tried again, how often, and how soon; and when the first failures are so alike that the run had better stop.

All of it is asked of the run's state. It must not know Ray, nor write anything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from summtune.errors import TrialFailure
from summtune.events.fold import RunState
from summtune.events.kinds import Retried
from summtune.events.trial_state import TrialState
from summtune.tuning.causes import OF_THE_POINT, PASSING

FIRST = 3
"""So many trials of a session that end alike, and none that ever reported: what they have in common is not the points."""

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\w.~+-]*[/\\])+[\w.~+-]*")
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:[.,]\d+)*(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Retries:
    """How failures that can pass are answered.

    Counted since the trial's last evaluation: a long training on machines that come and go is not given up as long as it gets on, while one
    that fails at the same place again and again is. A resume, before which a person may have mended something, begins a fresh count.

    Attributes:
        most: retries of a trial without an evaluation in between.
        first_pause_s: pause before the first of them.
        growth: each next pause is so many times as long, so that a worker that fails at once does not fail without end.
        longest_pause_s: and no pause is longer, since with many retries it would soon be hours.
        clock: seconds since the epoch, as events have them.
    """

    most: int
    first_pause_s: float = 3.0
    growth: float = 4.0
    longest_pause_s: float = 60.0
    clock: Callable[[], float] = time.time

    def allowed(self, trial: TrialState, failure: TrialFailure) -> bool:
        """Whether a trial that failed so is tried again."""
        if failure.cause not in PASSING:
            return False
        own = PASSING[failure.cause]
        alike = sum(one.cause == failure.cause for one in trial.retried[trial.retried_before :])
        return len(_fruitless(trial)) < self.most and (own is None or alike < own)

    def due(self, trial: TrialState) -> bool:
        """Whether a trial that waits has paused long enough."""
        retried = _fruitless(trial)
        if not retried or _never_began(retried):
            return True
        since = self.clock() - retried[-1].time
        # Far below 0 the clock was set back, which is not waited for; a little below is the rounding of an event's time.
        pause_s = self.first_pause_s
        for _ in retried[1:]:
            pause_s = min(pause_s * self.growth, self.longest_pause_s)
        return since < -1 or max(since, 0.0) >= pause_s


def _fruitless(trial: TrialState) -> list[Retried]:
    """The failures of this session that no evaluation has come after."""
    session = trial.retried[trial.retried_before :]
    if not trial.reports:
        return session
    last = trial.reports[-1]
    return [one for one in session if one.time >= last.time or one.attempt >= last.attempt]  # a clock may have been set back


def _never_began(retried: list[Retried]) -> bool:
    """Whether the last failure came before an attempt had begun, and the one before it did not.

    A used actor that can't be used again says nothing of the trial. Who asks at once is given a new one, later perhaps a used one again.
    """
    return not retried[-1].attempt and not (len(retried) > 1 and not retried[-2].attempt)


def alike_from_the_first(state: RunState) -> list[TrialState]:
    """The first trials of this session to end, where all failed alike and no trial of the run ever reported; else nothing."""
    first = [state.trials[trial_id] for trial_id in state.ended[:FIRST]]
    if len(first) < FIRST or any(trial.status != "failed" or trial.cause in OF_THE_POINT for trial in first):
        return []
    if len({(trial.cause, _gist(trial.message)) for trial in first}) > 1 or any(trial.reports for trial in state.trials.values()):
        return []
    return first


def _gist(message: str) -> str:
    """A message without its paths and numbers."""
    return _NUMBER.sub("#", _PATH.sub("…", message))
