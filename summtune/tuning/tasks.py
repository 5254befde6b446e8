"""Work on trained models as Ray tasks: each with a trial's allotment, results as they come.

It must not know what the work is, nor write anything for the run: results go to the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.tuning.failures import failure_of
from summtune.tuning.trainable import Allotment

PATIENCE_S = 0.5
"""How often it is asked whether a person wants an end."""

RETRIES = 3
"""How often a task begins again whose process or node was lost."""


def in_parallel(
    work: Callable[..., Any], of: Mapping[str, tuple[Any, ...]], allotment: Allotment, stop_asked: Callable[[], bool]
) -> Iterator[tuple[str, Any]]:
    """Results, or TrialFailures, by name, as they come; fewer than were asked for where a person wants an end.

    Args:
        work: executed on the cluster.
        of: its arguments, by name.
        allotment: what each has.
        stop_asked: whether a person wants an end.

    Raises:
        SurroundingsFailure: the cluster gave way.
    """
    remote = ray.remote(_guarded).options(num_cpus=allotment.cpus, num_gpus=allotment.gpus, max_retries=RETRIES)
    pending = {remote.remote(work, *arguments): name for name, arguments in of.items()}
    try:
        while pending and not stop_asked():
            done, _ = ray.wait(list(pending), num_returns=1, timeout=PATIENCE_S)
            for one in done:
                yield pending.pop(one), _result(one)
    finally:
        for one in pending:
            ray.cancel(one, force=True)


def _guarded(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the worker executes: an error goes on its way as a cause and a sentence, which every process can read."""
    try:
        return work(*arguments)
    except Exception as error:  # the worker's boundary
        return failure_of(error)


def _result(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        return failure_of(error.cause if isinstance(error.cause, Exception) else error)
    except RayError as error:
        if not ray.is_initialized():
            raise SurroundingsFailure(f"the cluster is gone: {error}. `summtune resume` goes on.") from error
        return TrialFailure("worker_lost", f"its process or node was lost {RETRIES + 1} times ({type(error).__name__})")
