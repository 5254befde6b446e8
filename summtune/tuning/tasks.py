"""Work on trained models as Ray tasks: each with a trial's allotment, results as they come.

It must not know what the work is, nor write anything for the run: results go to the driver.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.tuning.allotment import Allotment
from summtune.tuning.causes import WORKER_LOST
from summtune.tuning.failures import failure_of

PATIENCE_S = 0.5
"""How often it is asked whether a person wants an end."""


def in_parallel(
    what: str,
    work: Callable[..., Any],
    of: Mapping[str, tuple[Any, ...]],
    share: Callable[[], Allotment],
    at_once: Callable[[], int],
    stop_asked: Callable[[], bool],
) -> Iterator[tuple[str, Any]]:
    """Results, or TrialFailures, by name, as they come; fewer than were asked for where a person wants an end.

    Nothing is begun again by itself, not by Ray either: tasks that its memory monitor ended it would begin again without end.

    Args:
        what: Ray's dashboard calls each task by this and its name.
        work: executed on the cluster.
        of: its arguments, by name.
        share: what one that begins now has, and on which nodes.
        at_once: how many may be under way now. Ray itself would begin as many as fit, however few trials a person wants side by side.
        stop_asked: whether a person wants an end.

    Raises:
        SurroundingsFailure: the cluster gave way.
    """

    def begin(name: str) -> Any:
        return ray.remote(_guarded).options(name=f"{what} {name}", **_options(share())).remote(work, *of[name])

    waiting, pending = deque(of), dict[Any, str]()
    try:
        while (waiting or pending) and not stop_asked():
            if not _under_way(waiting, pending, begin, at_once):
                continue
            done, _ = ray.wait(list(pending), num_returns=1, timeout=PATIENCE_S)
            for one in done:
                yield pending.pop(one), _result(one)
    finally:
        for one in pending:
            ray.cancel(one, force=True)


def streamed(
    what: str,
    work: Callable[..., Iterator[Any]],
    of: Mapping[str, tuple[Any, ...]],
    share: Callable[[], Allotment],
    at_once: Callable[[], int],
    stop_asked: Callable[[], bool],
) -> Iterator[tuple[str, Any]]:
    """As `in_parallel`, of work that hands on one result after another; None says that one has come to its end.

    Raises:
        SurroundingsFailure: the cluster gave way.
    """

    def begin(name: str) -> Any:
        streaming = {"num_returns": "streaming", "_generator_backpressure_num_objects": 2}
        return ray.remote(_guarded_stream).options(name=f"{what} {name}", **_options(share()), **streaming).remote(work, *of[name])

    waiting, pending = deque(of), dict[Any, str]()
    try:
        while (waiting or pending) and not stop_asked():
            if not _under_way(waiting, pending, begin, at_once):
                continue
            ready, _ = ray.wait(list(pending), num_returns=1, timeout=PATIENCE_S)
            for stream in ready:
                try:
                    result = _result(next(stream))
                except StopIteration:
                    result = None
                name = pending[stream]
                if result is None or isinstance(result, TrialFailure):
                    del pending[stream]
                yield name, result
    finally:
        for stream in pending:
            ray.cancel(stream, force=True)


def _under_way(waiting: deque[str], pending: dict[Any, str], begin: Callable[[str], Any], at_once: Callable[[], int]) -> bool:
    """Begin what there is a place for; whether anything is under way then. Where no node is left to begin on, some time passes."""
    while waiting and len(pending) < at_once():
        name = waiting.popleft()
        pending[begin(name)] = name
    if not pending:
        time.sleep(PATIENCE_S)
    return bool(pending)


def _options(allotment: Allotment) -> dict[str, Any]:
    where = {"resources": allotment.kind, "label_selector": dict(allotment.label_selector) or None}
    return {"num_cpus": allotment.cpus, "num_gpus": allotment.gpus, "max_retries": 0, **where}


def _guarded_stream(work: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    """As `_guarded`."""
    try:
        yield from work(*arguments)
    except Exception as error:  # the worker's boundary
        yield failure_of(error)


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
        return TrialFailure(WORKER_LOST, f"its process or node was lost ({type(error).__name__})")
