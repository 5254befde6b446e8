"""A real run, seen from outside: followed on a terminal, and found in Ray's dashboard by its names."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from summtune.events.kinds import Reported
from summtune.tuning import lock
from tests.integration.conftest import CommandLine
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
def test_a_real_run_is_followed_on_another_terminal_and_known_in_rays_dashboard(summtune: CommandLine, space_file: SpaceFile) -> None:
    process = summtune.start("run", space_file(settings={"training": {"num_train_epochs": 8}}))
    wait_until(summtune.folder / "results", has(Reported, 1), process, timeout_s=240)
    run = summtune.run_called("tiny")
    driver = lock.driver(run.lock)
    assert driver is not None
    seen = Seen(driver.dashboard)
    looking = threading.Thread(target=seen.look, args=(process,))
    looking.start()
    code, written = on_a_terminal(summtune.folder, "show", "tiny", "--follow")
    assert code == process.wait(60) == 0
    looking.join()

    assert f"driven by process {process.pid} on " in written
    assert "Ctrl-C ends the showing, not the run" in written
    assert written.count("\x1b[2K") > 10, "a table that renews itself"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert "Best      rouge_combined_f1 " in plain
    assert "3 finished, 0 stopped early, 0 failed" in plain

    name = run.folder.name
    assert {name} <= seen.actors
    assert {f"{name}.train"} <= seen.tasks
    assert any(title.startswith(f"ray::{name} trial 000") for title in seen.titles)
    assert seen.jobs == {(driver.job, "tiny")}


class Seen:
    """What Ray's dashboard calls a run's parts, and the system its processes."""

    def __init__(self, dashboard: str) -> None:
        self._dashboard = dashboard
        self.actors, self.tasks, self.titles = set[str](), set[str](), set[str]()
        self.jobs = set[tuple[str, str]]()

    def look(self, process: subprocess.Popen[str]) -> None:
        """Until the run has ended, and Ray with it."""
        while process.poll() is None:
            try:
                self.actors |= {actor["repr_name"] for actor in self._ask("v0/actors?detail=true")["data"]["result"]["result"]}
                self.tasks |= {task["name"] for task in self._ask("v0/tasks?limit=1000")["data"]["result"]["result"]}
                self.jobs |= {(job["job_id"], job["metadata"]["job_name"]) for job in self._ask("jobs/")}
            except requests.RequestException:
                pass  # it ends, and so do its answers
            for one in psutil.process_iter(["cmdline"]):
                self.titles.update((one.info["cmdline"] or [])[:1])

    def _ask(self, what: str) -> Any:
        token = (Path.home() / ".ray" / "auth_token").read_text(encoding="utf-8").strip()
        answer = requests.get(f"{self._dashboard}/api/{what}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        answer.raise_for_status()
        return answer.json()
