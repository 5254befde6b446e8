import os
import subprocess
import sys
from pathlib import Path

import pytest

from summtune.errors import RunMistake
from summtune.tuning import lock

HOLD = """
import sys
from pathlib import Path
from summtune.tuning import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_driver_is_refused_and_a_dead_ones_lock_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / ".driver.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert lock.is_held(path)
        with (
            pytest.raises(RunMistake, match=rf"the run is being driven by process {holder.pid} on \S+, for \d+ s. Wait for it, or stop it"),
            lock.held(path),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    assert not lock.is_held(path)
    with lock.held(path):
        assert str(os.getpid()) in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == ""


def test_nothing_is_not_held(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path / ".driver.lock")
