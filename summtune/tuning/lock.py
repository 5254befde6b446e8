"""One driver per run: a lock that the operating system takes back when its holder dies, with a note of who holds it.

On one machine, and on NFS while its host lives, a dead driver's lock is gone at once. Over NFS the lock of a host that has died may stay
for long. So a live driver gives a sign of life (the lock file's time of change), and a lock on another host without one for LOST_S is taken
over: under a new file, since the old one's lock can't be had. Should that host only have slept, its driver finds the file gone
before it writes the next event, and ends. Who resumes a run whose driver has been silent for less waits: a job that is queued again
after its node has died comes minutes after that.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from summtune.errors import Problem, RunMistake, SurroundingsFailure

BEAT_S = 20.0
"""Between two signs of life."""

LOST_S = 600.0
"""Without one for so long a driver on another host is taken for dead."""

SILENT_S = 1.5 * BEAT_S
"""Without one for so long it may be, and it is waited for which."""

WAIT_S = 2.0


LOOKS, LOOK_S = 5, 0.02
"""How often, and how long apart, the lock is tried: whoever looks whether it is held holds it for a moment."""


@dataclass(frozen=True)
class Holder:
    """Who drives a run.

    Attributes:
        host: its name.
        pid: the process there.
        since: seconds since the epoch.
        silent_s: seconds since its last sign of life, by the clock of the file system.
        dashboard: of the Ray cluster that it is connected to, as seen from there; empty before that.
        job: its job on that cluster.
    """

    host: str
    pid: int
    since: float
    silent_s: float
    dashboard: str = ""
    job: str = ""

    @property
    def lost(self) -> bool:
        """Whether it is taken for dead: another machine's, without a sign of life."""
        return self.host != socket.gethostname() and self.silent_s >= LOST_S

    @property
    def doubtful(self) -> bool:
        """Whether it may be dead: another machine's, whose sign of life is late."""
        return self.host != socket.gethostname() and SILENT_S <= self.silent_s < LOST_S

    def __str__(self) -> str:
        silent = f", silent for {age(self.silent_s)}" if self.silent_s > 3 * BEAT_S else ""
        return f"process {self.pid} on {self.host}, for {age(time.time() - self.since)}{silent}"


@contextmanager
def held(path: Path, note: Callable[[str], None] | None = None) -> Iterator[Callable[[], None]]:
    """Hold the run's lock.

    Args:
        path: the lock's file.
        note: told that there is something to wait for: whether a driver on another machine is dead. Without, nothing is waited for.

    Yields:
        A check that it is held still, which raises SurroundingsFailure if not.

    Raises:
        RunMistake: another driver holds it.
    """
    stream = _taken(path, note)
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, stream.fileno(), ended), daemon=True, name="sign of life")
    try:
        stream.truncate(0)
        stream.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": round(time.time())}))
        stream.flush()
        beat.start()
        yield lambda: _check_ours(path, stream)
    finally:
        ended.set()
        if beat.ident is not None:
            beat.join()
        if _is_ours(path, stream):
            stream.truncate(0)
        stream.close()


def tell(path: Path, dashboard: str, job: str) -> None:
    """Add to the note in a lock that this process holds where its run is seen in Ray's dashboard."""
    with path.open("r+", encoding="utf-8") as stream:
        note = json.dumps({**json.load(stream), "dashboard": dashboard, "job": job})
        stream.seek(0)
        stream.write(note)  # longer than what was there


def _taken(path: Path, note: Callable[[str], None] | None) -> IO[str]:
    """The lock file, open and locked."""
    looks, waited_for = 0, None
    while True:
        stream = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            if looks < LOOKS:
                looks += 1
                time.sleep(LOOK_S)
                continue
            found = holder(path)
            if found is not None and found.doubtful and note is not None:
                if waited_for != (found.host, found.pid):
                    note(f"waiting: {_driven_by(found)}. It is taken for dead after {age(LOST_S)} of silence.")
                waited_for = (found.host, found.pid)
                time.sleep(WAIT_S)
                continue
            if found is None or not found.lost:
                raise _refusal(path) from None
            path.unlink(missing_ok=True)
            continue
        except OSError as error:
            stream.close()
            raise SurroundingsFailure(f"{path.parent}: this file system has no locks ({error.strerror}); use another for runs.") from error
        if _is_ours(path, stream):
            return stream
        stream.close()  # somebody put a new file there between the opening and the lock


def _is_ours(path: Path, stream: IO[Any]) -> bool:
    with suppress(OSError):
        return _is_the_same(path, stream)
    return False


def _is_the_same(path: Path, stream: IO[Any]) -> bool:
    return os.path.samestat(path.stat(), os.fstat(stream.fileno()))


def _check_ours(path: Path, stream: IO[Any]) -> None:
    try:
        ours = _is_the_same(path, stream)
    except FileNotFoundError:
        ours = False
    except OSError as error:  # which says nothing of who drives the run
        raise SurroundingsFailure(f"{path}: {error.strerror}. Nothing that was recorded is lost: `summtune resume` goes on.") from error
    if not ours:
        taken = f" by {found}" if (found := holder(path)) else ""
        raise SurroundingsFailure(f"{path.parent}: the run was taken over{taken}; this process leaves it alone.")


def _beat(path: Path, descriptor: int, ended: threading.Event) -> None:
    """Give signs of life until the lock is let go."""
    while not ended.wait(BEAT_S):
        with suppress(OSError):  # a file system that is away for a moment; the next one may come through
            os.utime(descriptor)


def check_free(path: Path, *, waits: bool = True) -> None:
    """Refuse a run that is being driven, before anything heavy is loaded.

    Args:
        path: the lock's file.
        waits: whether `held` comes before anything is written, which waits whether a silent driver is dead.

    Raises:
        RunMistake: another driver holds its lock.
    """
    found = holder(path)
    if is_held(path) and not (found and (found.lost or (waits and found.doubtful))):
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


def driver(path: Path) -> Holder | None:
    """Who drives the run now; None where nobody does, or a machine that has been silent for too long."""
    if not is_held(path):
        return None
    found = holder(path) or Holder("an unknown host", 0, time.time(), 0.0)  # it has the lock, and has not said yet who it is
    return None if found.lost else found


def holder(path: Path) -> Holder | None:
    """Who holds the lock, or held it when its machine died; None where nobody says so."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        silent_s = max(0.0, _now_there(path.parent) - path.stat().st_mtime)
        seen = (str(note.get("dashboard", "")), str(note.get("job", "")))
        return Holder(str(note["host"]), int(note["pid"]), float(note["since"]), silent_s, *seen)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _now_there(folder: Path) -> float:
    """The time by the clock that the file system stamps files with; hosts' own clocks may differ."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b".")
            probe.flush()
            return os.fstat(probe.fileno()).st_mtime
    except OSError:  # readable only
        return time.time()


def age(seconds: float) -> str:
    """A length of time in words, by its two largest units."""
    whole = max(0, round(seconds))
    units = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for place, (name, length) in enumerate(units):
        if whole >= length or name == "s":
            first = f"{whole // length} {name}{'s' if name == 'day' and whole // length > 1 else ''}"
            if name in ("min", "s"):
                return first
            below, its_length = units[place + 1]
            second = whole % length // its_length
            return f"{first} {second} {below}" if second else first
    raise AssertionError("seconds are a unit")


def _driven_by(found: Holder | None) -> str:
    return f"the run is being driven by {found or 'another process'}"


def _refusal(path: Path) -> RunMistake:
    found = holder(path)
    driven = f"{_driven_by(found)}."
    remedy = f"Wait for it, or stop it: `summtune stop {path.parent.name}` (or Ctrl-C there)."
    if found is not None and found.silent_s > 3 * BEAT_S:
        remedy += f" If {found.host} is gone for good, delete {path}."
    return RunMistake(Problem(driven, remedy, file=str(path.parent)))
