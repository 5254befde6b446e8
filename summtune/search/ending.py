"""When a run begins no more trials before all that were asked for have been: a budget is used up, or nothing has improved for long.

A pure function of the run's state, so that it says the same after a restart.
"""

from __future__ import annotations

from summtune.events.fold import RunState
from summtune.events.kinds import SearchEnded


def search_end(state: RunState) -> SearchEnded | None:
    """Why no more trials are to be begun; None where more may be."""
    for name, limit in state.budget.items():
        used = state.spent.of(name)
        if used >= limit:
            return SearchEnded(name, limit, round(used, 6))
    if state.patience is not None and state.unimproved >= state.patience:
        return SearchEnded("patience_trials", state.patience, state.unimproved)
    return None
