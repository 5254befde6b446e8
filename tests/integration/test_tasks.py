"""Work on trained models whose process is lost is begun again, a limited number of times."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import ray

from summtune.errors import TrialFailure
from summtune.tuning.allotment import Allotment
from summtune.tuning.tasks import RETRIES, in_parallel


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
    found = dict(in_parallel("test.die", dies, work, Allotment(cpus=1, gpus=0), lambda: False))
    assert (found["well"], found["once"]) == (1, 2)
    assert isinstance(found["always"], TrialFailure)
    assert found["always"].cause == "worker_lost"
    assert {file.read_text(encoding="utf-8") for file in folders["once"].iterdir()} == {"test.die once"}, "as Ray's dashboard calls them"
    assert len(list(folders["always"].iterdir())) == RETRIES + 1
