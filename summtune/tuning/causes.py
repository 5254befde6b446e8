"""What can end a trial that failed, in a word each, and what follows from it: whether it is tried again, and whether from its checkpoint.

It must not know how a cause is found out (`failures` does).
"""

from __future__ import annotations

from collections.abc import Mapping

from summtune.events.fold import RunState

SURROUNDINGS = "surroundings"
"""The cause of a failure that is not the trial's: disk or storage gave way."""

WORKER_LOST, HUNG, TIMEOUT, UNREACHABLE = "worker_lost", "hung", "timeout", "unreachable"

UNSEEN, NO_CUDA = "unseen", "no_cuda"
"""Of a node that doesn't see the run's folder, as one may that came when the run had begun; and of one whose GPU torch can't use."""

OF_THE_NODE = frozenset({UNSEEN, NO_CUDA})
"""Causes that lie in the node: it would be free at once for the next trial, which would fail alike."""

PASSING: Mapping[str, int | None] = {
    WORKER_LOST: None,  # killed, by the kernel or Ray's memory monitor too; its node lost or preempted
    UNREACHABLE: None,  # a model hub or a server that does not answer now
    UNSEEN: None,  # the node is given no trial any more
    NO_CUDA: None,  # nor this one
    HUNG: 1,  # a deadlock may not come again; one that does is the training's own, and each costs as long as it takes to notice
}
"""Causes that can pass by themselves: such a trial is tried again, so often at most (None: as often as `resources.max_failures` says).

No other is. A full disk (`surroundings`) leaves the whole run, resumable. Memory that ran out (`out_of_memory`) has already been answered
inside the training, by smaller parts of a batch. All others would be the same again, with the same data, settings and seed.
"""

OF_THE_POINT = frozenset({"out_of_memory", "diverged"})
"""Causes that say something about the drawn point: other points may well go better, however many have failed so."""

MENDABLE = frozenset({"bad_data", "bad_model", "bad_settings"})
"""Causes that a person can mend, and that would meet the evaluation of any other trial, too: a data file that is gone, for example."""

_ANEW = {"diverged", "error", "bad_checkpoint", "bad_model", "bad_settings", "no_report", "lost"}
"""Causes that lie in what the trial had come to, or in what it began with: going on from there would only meet them again."""


def to_run_again(state: RunState) -> tuple[list[str], list[str]]:
    """The trials that failed: those that can go on from their last checkpoint, and those that have to begin anew."""
    failed = [trial for trial in state.trials.values() if trial.status == "failed"]
    return [trial.id for trial in failed if trial.cause not in _ANEW], [trial.id for trial in failed if trial.cause in _ANEW]


def to_score_again(state: RunState) -> list[str]:
    """The trials whose full evaluation failed for what they are."""
    return [trial.id for trial in state.trials.values() if trial.not_scored is not None]
