"""One driver per run: a lock that the operating system takes back when its holder dies, with a note of who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from summtune.errors import Problem, RunMistake, SurroundingsFailure


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the run's lock.

    Raises:
        RunMistake: another driver holds it.
    """
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(path) from None
        except OSError as error:
            raise SurroundingsFailure(f"{path.parent}: this file system has no locks ({error.strerror}); use another for runs.") from error
        stream.truncate(0)
        json.dump({"host": socket.gethostname(), "pid": os.getpid(), "since": round(time.time())}, stream)
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


def check_free(path: Path) -> None:
    """Refuse a run that is being driven, before anything heavy is loaded.

    Raises:
        RunMistake: another driver holds its lock.
    """
    if is_held(path):
        raise _refusal(path)


def is_held(path: Path) -> bool:
    """Whether a driver holds the run's lock now."""
    if not path.exists():
        return False
    with path.open("r", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _refusal(path: Path) -> RunMistake:
    holder = f"the run is being driven by {_holder(path)}."
    return RunMistake(Problem(holder, "Wait for it, or stop it (Ctrl-C there).", file=str(path.parent)))


def _holder(path: Path) -> str:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']}, for {round(time.time()) - note['since']} s"
    except (OSError, ValueError, KeyError):
        return "another process"
