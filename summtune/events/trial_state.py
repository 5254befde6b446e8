"""The state of one trial, as `fold` makes it of its events. It must not know the run that the trial belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from summtune.events.kinds import Decided, Decoded, Metrics, NotScored, Reported, Retried, Scored


@dataclass(frozen=True)
class Asked:
    """A place in the study: a trial, up to the rung that it went on from after a pause; None where this is its last place."""

    trial: str
    paused_at: int | None = None


@dataclass
class TrialState:
    """A trial as the events tell it.

    Attributes:
        id: its id, the same through every attempt.
        status: pending, running, paused, finished, stopped or failed; running also means "was running when the run was left", and pending
            "waits to be retried" or "to go on".
        first_attempt: the first of its present life; of those before, nothing counts once it is begun anew.
        began_at: when its present attempt began to train: with several workers, once all were there.
        retried: attempts that failed for a cause that can pass.
        retried_before: how many of them in earlier sessions.
        longest_wait_s: the longest that it let its driver wait for a report, in one attempt.
        reports: one Reported per iteration, ascending.
        best: the report with the best score.
        scored: the full evaluation of the model of that report, where evaluations on the way were cheap ones.
        not_scored: that there can't be one, and why.
        decoded: what came of other settings of generation.
        decoded_before: how many of them belong to earlier decode stages.
        decoding: the best of them, where it is better than the trial's own.
        halted: the budget that stops it; empty where none does.
        repeats: the trial whose point it trains once more; empty for a point of its own.
        seed: in place of the settings' own; None for that.
    """

    id: str
    number: int
    point: dict[str, Any]
    params: dict[str, Any]
    baseline: bool
    drawn_at: float
    repeats: str = ""
    seed: int | None = None
    status: str = "pending"
    cause: str = ""
    message: str = ""
    attempts: int = 0
    first_attempt: int = 1
    started_at: float | None = None
    began_at: float | None = None
    retried: list[Retried] = field(default_factory=list)
    retried_before: int = 0
    longest_wait_s: float = 0.0
    ended_at: float | None = None
    reports: list[Reported] = field(default_factory=list)
    best: Reported | None = None
    scored: Scored | None = None
    not_scored: NotScored | None = None
    decoded: list[Decoded] = field(default_factory=list)
    decoded_before: int = 0
    decoding: Decoded | None = None
    verdict: Decided | None = None
    halted: str = ""
    told: bool = False
    promoted: bool = False

    @property
    def over(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    @property
    def paused(self) -> bool:
        return self.status == "paused"

    @property
    def iteration(self) -> int:
        """The last one reported; 0 before the first."""
        return self.reports[-1].iteration if self.reports else 0

    @property
    def final(self) -> Metrics:
        return self.reports[-1].metrics if self.reports else {}
