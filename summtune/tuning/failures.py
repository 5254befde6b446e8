"""How a worker's failure reaches the driver with its cause: a file in the attempt's folder, since Ray Tune hands on text at best."""

from __future__ import annotations

import json

from summtune import durable
from summtune.errors import TrialFailure
from summtune.paths import AttemptPaths


def write_failure(attempt: AttemptPaths, failure: TrialFailure) -> None:
    """Leave a cause behind."""
    durable.write_json(attempt.failure, {"cause": failure.cause, "message": failure.message})


def read_failure(attempt: AttemptPaths) -> TrialFailure:
    """The cause that an attempt left behind; without one its process must have died."""
    try:
        record = json.loads(attempt.failure.read_text(encoding="utf-8"))
        return TrialFailure(record["cause"], record["message"])
    except (OSError, ValueError, KeyError):
        return TrialFailure("worker_lost", "the trial's process ended without a word (killed, out of memory, or its node was lost)")
