"""How a worker's failure reaches the driver with its cause: a file in the attempt's folder, since Ray Tune hands on text at best.

It must not know what follows from a cause (`causes` does).
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
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
from summtune.paths import AttemptPaths
from summtune.tuning.causes import SURROUNDINGS, UNREACHABLE, WORKER_LOST

_MISTAKES: Mapping[type[Mistake], str] = {
    DataMistake: "bad_data",
    CheckpointMistake: "bad_model",
    SettingsMistake: "bad_settings",
    MetricMistake: "bad_metric",
    RunMistake: "bad_checkpoint",
}
"""A person's mistake that shows only in the trial, because it depends on what was drawn, or because a file has changed."""

_STORAGE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


def failure_of(error: Exception) -> TrialFailure:
    """What went wrong, as a cause and a sentence."""
    from summtune.decoding.room import is_out_of_memory
    from summtune.training.ranks import has_lost_another

    if isinstance(error, TrialFailure):
        return error
    if has_lost_another(error):
        return TrialFailure(WORKER_LOST, f"one of its workers was lost ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})")
    if isinstance(error, (CheckpointMistake, OSError)) and _out_of_reach(error):
        return TrialFailure(UNREACHABLE, str(error))
    if isinstance(error, SurroundingsFailure) or (isinstance(error, OSError) and error.errno in _STORAGE_ERRORS):
        return TrialFailure(SURROUNDINGS, str(error))
    if isinstance(error, Mistake):
        return TrialFailure(_MISTAKES.get(type(error), "error"), str(error))
    return TrialFailure("out_of_memory" if is_out_of_memory(error) else "error", f"{type(error).__name__}: {error}")


def _out_of_reach(error: BaseException | None) -> bool:
    """Whether it began with a server that could not be reached or did not answer, whatever has been made of that."""
    while error is not None:
        if isinstance(error, (ConnectionError, TimeoutError, socket.gaierror)):
            return True
        if any(base.__module__.partition(".")[0] == "httpx" and base.__name__ == "TransportError" for base in type(error).__mro__):
            return True  # the hub's client; its exceptions are no OSErrors
        error = error.__cause__ or error.__context__
    return False


def write_failure(attempt: AttemptPaths, failure: TrialFailure) -> None:
    """Leave a cause behind. Where the disk is so full that even this fails, the error that Ray hands on has it, too."""
    with contextlib.suppress(OSError):
        durable.write_json(attempt.failure, {"cause": failure.cause, "message": failure.message, "node": failure.node})


def read_failure(attempt: AttemptPaths, handed_on: BaseException | None = None) -> TrialFailure:
    """The cause that an attempt left behind, in its folder or in the error that Ray handed on; without one its process must have died."""
    try:
        record = json.loads(attempt.failure.read_text(encoding="utf-8"))
        return TrialFailure(record["cause"], record["message"], record["node"])
    except (OSError, ValueError, KeyError):
        error = handed_on
        while error is not None:
            inner = getattr(error, "cause", None)
            if isinstance(inner, BaseException):  # what Ray wraps an error in is an instance of the error's own class, too
                error = inner
            elif isinstance(error, TrialFailure):
                return error
            else:
                error = error.__cause__
        return TrialFailure(WORKER_LOST, how_it_was_lost(handed_on))


def how_it_was_lost(handed_on: BaseException | None, what: str = "the trial's process") -> str:
    """What Ray knows of a process that ended without a word."""
    told = str(handed_on)
    if getattr(handed_on, "preempted", False):
        return "its node was preempted"
    if "running low on memory" in told:
        return "Ray's memory monitor ended its process, since the node ran low on memory"
    if "node has died" in told:
        return "its node was lost"
    return f"{what} ended without a word (killed, out of memory, or its node was lost)"
