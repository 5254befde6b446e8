"""How a worker's failure reaches the driver with its cause: a file in the attempt's folder, since Ray Tune hands on text at best."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Mapping

from summtune import durable
from summtune.errors import (
    CheckpointMistake,
    DataMistake,
    MetricMistake,
    Mistake,
    RunMistake,
    SettingsMistake,
    SurroundingsFailure,
    TrialFailure,
)
from summtune.events.fold import RunState
from summtune.paths import AttemptPaths

SURROUNDINGS = "surroundings"
"""The cause of a failure that is not the trial's: disk or storage gave way."""

_MISTAKES: Mapping[type[Mistake], str] = {
    DataMistake: "bad_data",
    CheckpointMistake: "bad_model",
    SettingsMistake: "bad_settings",
    MetricMistake: "bad_metric",
    RunMistake: "bad_checkpoint",
}
"""A person's mistake that shows only in the trial, because it depends on what was drawn, or because a file has changed."""

_STORAGE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


_ANEW = {"diverged", "error", "bad_checkpoint", "bad_model", "bad_settings", "no_report", "lost"}
"""Causes that lie in what the trial had come to, or in what it began with: going on from there would only meet them again."""


def to_run_again(state: RunState) -> tuple[list[str], list[str]]:
    """The trials that failed: those that can go on from their last checkpoint, and those that have to begin anew."""
    failed = [trial for trial in state.trials.values() if trial.status == "failed"]
    return [trial.id for trial in failed if trial.cause not in _ANEW], [trial.id for trial in failed if trial.cause in _ANEW]


def failure_of(error: Exception) -> TrialFailure:
    """What went wrong, as a cause and a sentence."""
    from summtune.training.devices import is_out_of_memory

    if isinstance(error, TrialFailure):
        return error
    if isinstance(error, SurroundingsFailure) or (isinstance(error, OSError) and error.errno in _STORAGE_ERRORS):
        return TrialFailure(SURROUNDINGS, str(error))
    if isinstance(error, Mistake):
        return TrialFailure(_MISTAKES.get(type(error), "error"), str(error))
    return TrialFailure("out_of_memory" if is_out_of_memory(error) else "error", f"{type(error).__name__}: {error}")


def write_failure(attempt: AttemptPaths, failure: TrialFailure) -> None:
    """Leave a cause behind. Where the disk is so full that even this fails, the error that Ray hands on has it, too."""
    with contextlib.suppress(OSError):
        durable.write_json(attempt.failure, {"cause": failure.cause, "message": failure.message})


def read_failure(attempt: AttemptPaths, handed_on: BaseException | None = None) -> TrialFailure:
    """The cause that an attempt left behind, in its folder or in the error that Ray handed on; without one its process must have died."""
    try:
        record = json.loads(attempt.failure.read_text(encoding="utf-8"))
        return TrialFailure(record["cause"], record["message"])
    except (OSError, ValueError, KeyError):
        error = handed_on
        while error is not None:  # Ray wraps: RayTaskError, then `cause`
            if isinstance(error, TrialFailure):
                return error
            error = getattr(error, "cause", None) or error.__cause__
        return TrialFailure("worker_lost", "the trial's process ended without a word (killed, out of memory, or its node was lost)")
