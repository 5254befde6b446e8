"""A real run, seen from outside: followed on a terminal, and found in Ray's dashboard by its names."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from summtune.events.kinds import Ended, Reported
from summtune.paths import RunPaths
from tests.integration.conftest import CommandLine, Heard
from tests.integration.test_resume import has, wait_until

SpaceFile = Callable[..., Path]


def on_a_terminal(folder: Path, *words: str) -> tuple[int, str]:
    """A command to its end, on a terminal of 120 columns; its exit code, and all that it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "summtune", *words],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way of saying that nobody writes there any more
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(60), written.decode()


@pytest.mark.slow
def test_a_real_run_is_followed_on_another_terminal(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    process = summtune_on_cluster.start("run", space_file())
    wait_until(summtune_on_cluster.folder / "results", has(Reported, 1), process, timeout_s=240)
    code, written = on_a_terminal(summtune_on_cluster.folder, "show", "tiny", "--follow")
    assert code == process.wait(60) == 0
    assert f"driven by process {process.pid} on " in written
    assert "Ctrl-C ends the showing, not the run" in written
    assert written.count("\x1b[2K") > 10, "a table that renews itself"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert "Best      rouge_combined_f1 " in plain
    assert "3 finished, 0 stopped early, 0 failed" in plain


def test_actors_tasks_and_processes_are_called_by_run_and_trial(
    tune_here: Callable[..., tuple[RunPaths, Heard]], space_file: SpaceFile
) -> None:
    import ray
    from ray.util.state import list_actors, list_tasks

    from summtune.tuning import lock

    folders: list[RunPaths] = []
    titles, drivers, ended = set[str](), list[lock.Holder | None](), threading.Event()

    def read_titles() -> None:
        while not ended.wait(0.1):
            for process in psutil.process_iter(["cmdline"]):
                titles.update((process.info["cmdline"] or [])[:1])

    def opened(one: Any) -> None:
        folders.append(one.run)

    def look(event: Any, state: Any) -> None:
        if isinstance(event, Ended):
            drivers.append(lock.driver(folders[0].lock))

    heard = Heard(hook=look)
    heard.opened = opened  # type: ignore[method-assign,assignment]
    reader = threading.Thread(target=read_titles)
    reader.start()
    try:
        tune_here(space_file(parameters={"learning_rate": {"values": [1e-2]}}, settings={"evaluation": {"strategy": "proxy"}}), heard)
    finally:
        ended.set()
        reader.join()
    name = folders[0].folder.name
    assert titles & {f"ray::{name} trial 0000", f"ray::{name} trial 0001"}, "a short one may be over between two looks"
    until, wanted = time.monotonic() + 30, {f"{name}.train", f"{name}.score 0000", f"{name}.score 0001"}
    while not wanted <= (found := {task.name for task in list_tasks(limit=5000)}):
        assert time.monotonic() < until, sorted(found)
        time.sleep(0.5)
    assert name in {actor.repr_name for actor in list_actors(detail=True, limit=5000)}
    assert len(drivers) == 2
    assert {driver.job for driver in drivers if driver} == {ray.get_runtime_context().get_job_id()}, "its page's name"
