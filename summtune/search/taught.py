"""What a run was taught by earlier ones, as trials of an Optuna study: marked, and before all that the run asks for itself.

It must not know where they came from, nor what could be told of them (`warm_start` does).
"""

from __future__ import annotations

from collections.abc import Iterator

from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from summtune.events.fold import RunState
from summtune.search.asking import distributions
from summtune.space.space import Space

EARLIER_RUN = "earlier_run"
"""The user attribute that a trial of an earlier run has, and no other."""


def taught_trials(state: RunState, space: Space) -> Iterator[FrozenTrial]:
    """Trials of earlier runs, run by run."""
    for lesson in state.taught:
        for one in lesson.told:
            yield create_trial(
                state=OptunaState[one["state"]],
                value=one["value"],
                params=one["params"],
                distributions=distributions(space, tuple(one["params"])),
                user_attrs={EARLIER_RUN: lesson.run, "trial": one["of"]},
                intermediate_values=dict(one["values"]),
                constraints=one["excesses"],
            )
