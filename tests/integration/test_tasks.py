"""Work on trained models: as much at once as there is room for, and what is lost of it is said."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray

from summtune.errors import TrialFailure
from summtune.tuning.allotment import Allotment
from summtune.tuning.tasks import in_parallel, streamed

Way = Callable[..., Iterator[tuple[str, Any]]]


def one_cpu() -> Allotment:
    return Allotment(cpus=1, gpus=0)


def dies(file: str) -> None:
    """Work whose process is killed."""
    Path(file).write_text(ray.get_runtime_context().get_task_name() or "", encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def dies_later(file: str) -> Iterator[int]:
    yield 1
    time.sleep(1)  # what a process hands on in its last moment may be lost with it
    dies(file)


@pytest.mark.parametrize(("way", "work", "before"), [(in_parallel, dies, []), (streamed, dies_later, [1])])
def test_work_whose_process_is_lost_is_said_to_be(
    cluster: str, tmp_path: Path, way: Way, work: Callable[[str], Any], before: list[int]
) -> None:
    file = tmp_path / "called"
    *found, failure = [result for _, result in way("test.die", work, {"one": (str(file),)}, one_cpu, lambda: 2, lambda: False)]
    assert found == before
    assert isinstance(failure, TrialFailure)
    assert failure.cause == "worker_lost"
    assert file.read_text(encoding="utf-8") == "test.die one", "as Ray's dashboard calls it"


def takes_a_while(folder: str) -> tuple[float, float]:
    began = time.time()
    time.sleep(0.3)
    return began, time.time()


def takes_a_while_twice(folder: str) -> Iterator[tuple[float, float]]:
    yield takes_a_while(folder)
    yield takes_a_while(folder)


@pytest.mark.parametrize(("way", "work"), [(in_parallel, takes_a_while), (streamed, takes_a_while_twice)])
def test_no_more_is_under_way_than_may_be(cluster: str, way: Way, work: Callable[[str], Any]) -> None:
    """Two would fit. Where nothing may be, as when no node is left, it waits."""
    rooms = iter([0, 0])
    of: Mapping[str, tuple[Any, ...]] = {name: (name,) for name in ("one", "two", "three")}
    found = [result for _, result in way("test.at_once", work, of, one_cpu, lambda: next(rooms, 1), lambda: False)]
    times = sorted(result for result in found if result is not None)
    assert len(times) == (3 if way is in_parallel else 6)
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:], strict=False)), "one after the other"
