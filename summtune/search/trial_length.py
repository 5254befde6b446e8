"""How long a trial is: what its rungs are counted by, and what a screen counts up to. It must not know how far the trial has come."""

from __future__ import annotations

from summtune.config.experiment import Experiment
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState


def last_iteration(state: RunState, experiment: Experiment, trial: TrialState) -> int:
    """The evaluation that a trial ends with if nothing stops it."""
    origin = state.origin(trial)
    return experiment.iterations({} if origin.baseline else origin.point)
