"""Work on trained models: as much at once as there is room for; where its process is lost it is begun again, a limited number of times."""

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
from summtune.tuning.tasks import RETRIES, in_parallel, streamed

ONE_CPU = Allotment(cpus=1, gpus=0)
Way = Callable[..., Iterator[tuple[str, Any]]]


def dies(folder: str, times: int) -> int:
    """Work whose process is killed so many times."""
    begun = len(list(Path(folder).iterdir())) + 1
    Path(folder, str(begun)).write_text(ray.get_runtime_context().get_task_name() or "", encoding="utf-8")
    if begun <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def test_work_whose_process_is_lost_begins_again_and_not_without_end(cluster: str, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("well", "once", "always")}
    for folder in folders.values():
        folder.mkdir()
    times = {"well": 0, "once": 1, "always": 99}
    work = {name: (str(folder), times[name]) for name, folder in folders.items()}
    found = dict(in_parallel("test.die", dies, work, ONE_CPU, lambda: 2, lambda: False))
    assert (found["well"], found["once"]) == (1, 2)
    assert isinstance(found["always"], TrialFailure)
    assert found["always"].cause == "worker_lost"
    assert {file.read_text(encoding="utf-8") for file in folders["once"].iterdir()} == {"test.die once"}, "as Ray's dashboard calls them"
    assert len(list(folders["always"].iterdir())) == RETRIES + 1


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
    found = [result for _, result in way("test.at_once", work, of, ONE_CPU, lambda: next(rooms, 1), lambda: False)]
    times = sorted(result for result in found if result is not None)
    assert len(times) == (3 if way is in_parallel else 6)
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:], strict=False)), "one after the other"
