"""Keeps what is made once per node, by content: several trials that start together wait for one maker, and a crash leaves no halves.

It must not know what is made.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from summtune import durable
from summtune.errors import SurroundingsFailure
from summtune.training.checkpoints import is_sealed, seal

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What file systems without locks say, as Lustre does unless it is mounted with `flock`."""

_OLD_S = 86400
"""So old is a folder that nobody makes any more, since none takes so long: of processes on other machines nothing else is known, and in
containers of one host name their numbers come again."""


class Store:
    """A folder of finished things: `<root>/<kind>/<key>/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def once(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of `key`, made by `make` (which gets an empty folder) if nobody has made it yet.

        A folder gets its final name by a rename, once all in it is on the disk, and sealed: one that a power cut, or a copy that was
        cut short, has left without a part is made anew. The lock only saves double work, so a file system without locks is safe, too:
        nobody touches what another is making, or has made whole.

        Raises:
            SurroundingsFailure: the folder can't be written.
        """
        folder = self._root / kind / key
        if is_sealed(folder):
            return folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _in_turn(folder.parent / f".{key}.lock"):
                if not is_sealed(folder):
                    self._make(folder, make)
        except OSError as problem:
            reason = (
                f"{self._root} can't be written: {problem.strerror or problem}. Free space there, or set SUMMTUNE_CACHE to another folder."
            )
            raise SurroundingsFailure(reason) from problem
        return folder

    def _make(self, folder: Path, make: Callable[[Path], None]) -> None:
        for abandoned in folder.parent.glob(f".{folder.name}.making-*"):
            if _is_abandoned(abandoned):
                shutil.rmtree(abandoned, ignore_errors=True)
        temporary = folder.parent / f".{folder.name}.making-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        temporary.mkdir()
        try:
            make(temporary)
            seal(temporary)
            _name(temporary, folder)
            durable.sync_folder(folder.parent)
        except BaseException:  # a stopped trial (SystemExit), too, must leave nothing half made behind
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextmanager
def _in_turn(file: Path) -> Iterator[None]:
    """Wait for whoever is at it. Where there are no locks, or locks that do nothing, what is made may be made twice."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as problem:
            if problem.errno not in _NO_LOCKS:
                raise
        yield


def _name(temporary: Path, folder: Path) -> None:
    """Give what was made its name, unless another was quicker: theirs may be in use already. What lacks a part makes room."""
    if folder.exists() and not is_sealed(folder):
        shutil.rmtree(folder)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not is_sealed(folder):
            raise
        shutil.rmtree(temporary, ignore_errors=True)


def _is_abandoned(temporary: Path) -> bool:
    """Whether nobody is making this folder any more: it is old, or was made here by a process that has ended."""
    maker = temporary.name.partition(".making-")[2].rsplit("-", 2)  # host, process, and what tells its folders apart
    try:
        if time.time() - temporary.stat().st_mtime > _OLD_S:
            return True
        if maker[0] == socket.gethostname():
            os.kill(int(maker[1]), 0)
    except (ProcessLookupError, FileNotFoundError):
        return True
    except PermissionError:  # a process of somebody else's, which lives
        pass
    return False
