"""When a run begins no more trials before all that were asked for have been: a budget is used up, a target is reached, or nothing has
improved for long.

A pure function of the run's state, so that it says the same after a restart.
"""

from __future__ import annotations

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import TARGET, SearchEnded
from summtune.events.trial_state import TrialState


def search_end(state: RunState) -> SearchEnded | None:
    """Why no more trials are to be begun; None where more may be."""
    for name, limit in state.budget.items():
        used = state.spent.of(name)
        if used >= limit:
            return SearchEnded(name, limit, round(used, 6))
    if not state.past_target and (trial := reaches_target(state)) is not None and trial.best is not None:
        known = trial.best.metrics
        aims = [aim for aim in state.objectives if aim.target is not None]
        reached = ", ".join(f"{aim.name} {known[aim.name]:.4g} (target {aim.target:g})" for aim in aims)
        return SearchEnded(TARGET, aims[0].target or 0.0, known[aims[0].name], f"trial {trial.id} reached {reached}")
    if state.patience is not None and state.unimproved >= state.patience:
        return SearchEnded("patience_trials", state.patience, state.unimproved)
    return None


def reaches_target(state: RunState) -> TrialState | None:
    """A trial that, as the search is told of it, is as good as `metric.target`; with several objectives as all targets that are given."""
    aims = [aim for aim in state.objectives if aim.target is not None]
    if not aims:
        return None
    if len(state.objectives) == 1 and not state.repetitions:
        likeliest = standings.likeliest(state)
        known = [likeliest] if likeliest is not None else []
    else:
        known = standings.candidates(state)
    return next((one for one in known if one.best is not None and all(aim.reached(one.best.metrics) for aim in aims)), None)
