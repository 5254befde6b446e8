"""Which trials go on from a rung where the weak ones pause: as many as the rule has places for, the best of those that wait first.

That a place is taken once, by whoever is the best when it becomes free, is what keeps the promise of the rule: a search that learns brings
ever better trials to a rung, of which nearly all are among the best ever seen there. Were that enough nearly all would be trained to
their end. It must not know the run.
"""

from __future__ import annotations

from types import ModuleType

from summtune.config.stopping import Stopping
from summtune.events.kinds import BASELINE_ID
from summtune.events.rungs import Rung


def at_arrival(rule: ModuleType, stopping: Stopping, there: Rung | None, mark: float) -> tuple[float | None, bool]:
    """Whether a trial that comes to a rung pauses there.

    Args:
        rule: a file of `search/stopping` that pauses.
        stopping: what it is told.
        there: those that have been at the rung before; None where there are none.
        mark: the trial's.

    Returns:
        The mark of who is the next to go on, if that is another trial; and whether this one pauses.
    """
    arrived, gone_on = _counted(there)
    waits = there.best_paused() if there is not None else None
    if there is not None and waits is not None:
        ahead = there.mark(waits)
        if ahead >= mark if there.maximize else ahead <= mark:  # of equals, who was here first
            return ahead, True
    return None, gone_on >= rule.places(stopping, arrived + 1, last=False)


def next_to_go_on(rule: ModuleType, stopping: Stopping, there: Rung, *, last: bool) -> str | None:
    """The trial that goes on from a rung now; None where none does.

    Args:
        rule: a file of `search/stopping` that pauses.
        stopping: what it is told.
        there: those that have been at the rung.
        last: whether no other trial will come there.
    """
    arrived, gone_on = _counted(there)
    return there.best_paused() if gone_on < rule.places(stopping, arrived, last=last) else None


def _counted(there: Rung | None) -> tuple[int, int]:
    """How many have been at a rung, and gone on; without the baseline, which always goes on and takes nobody's place."""
    if there is None:
        return 0, 0
    own = BASELINE_ID in there
    return len(there) - own, there.gone_on - own
