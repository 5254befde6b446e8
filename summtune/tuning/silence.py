"""How long a trial may keep silent before it counts as hung.

Asked of the run's state, where each wait for a report is on record. It must not know Ray.
"""

from __future__ import annotations

from dataclasses import dataclass

from summtune.errors import TrialFailure
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState
from summtune.tuning.causes import HUNG, TIMEOUT


@dataclass(frozen=True)
class Patience:
    """With silent trials.

    What counts is the longest wait so far, not the mean one: the first evaluation comes after a start, a download, perhaps a rehearsal, and
    a trial that is ended wrongly costs more than one that is ended late.

    Attributes:
        own: times the trial's own longest wait for a report.
        others: times the longest wait for any trial's, while it has none of its own: a search may draw models of very different sizes.
        floor_s: nothing is called hung before, however quick the reports are; also what a training has beyond its `training.timeout_s`.
        after_s: where a person gave it: so long, and nothing of the above.
    """

    own: float = 5.0
    others: float = 20.0
    floor_s: float = 600.0
    after_s: float | None = None

    def limit_s(self, trial: TrialState, state: RunState) -> float | None:
        """How long the trial may keep silent; None while nothing is known of how long its reports take."""
        if self.after_s is not None:
            return self.after_s
        if trial.longest_wait_s:
            return max(self.floor_s, self.own * trial.longest_wait_s)
        return max(self.floor_s, self.others * state.longest_wait_s) if state.longest_wait_s else None

    def verdict(self, trial: TrialState, state: RunState, silent_s: float, lived_s: float, timeout_s: float | None) -> TrialFailure | None:
        """Why a trial has to be ended; None where it doesn't.

        Args:
            trial: it is running.
            state: of the run.
            silent_s: since its last report, or its attempt's start.
            lived_s: since its attempt's start.
            timeout_s: its training's own limit, which the training looks at itself after each step, as long as it makes any.
        """
        if timeout_s is not None and lived_s > timeout_s + self.floor_s:
            return TrialFailure(TIMEOUT, f"it took longer than training.timeout_s, {timeout_s:g} s, and did not end by itself.")
        limit = self.limit_s(trial, state)
        if limit is None or silent_s <= limit:
            return None
        return TrialFailure(HUNG, f"it has not been heard of for {silent_s:.0f} s; {limit:.0f} s are what a trial is given here.")
