"""Keeps what is made once per node, by content: several trials that start together wait for one maker, and a crash leaves no halves.

It must not know what is made.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from summtune import durable
from summtune.errors import SurroundingsFailure
from summtune.training.checkpoints import is_sealed, seal


class Store:
    """A folder of finished things: `<root>/<kind>/<key>/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def once(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of `key`, made by `make` (which gets an empty folder) if nobody has made it yet.

        A folder gets its final name by a rename, once all in it is on the disk, and sealed: one that a power cut, or a copy that was
        cut short, has left without a part is made anew. The lock only saves double work, so a file system without locks is safe, too.

        Raises:
            SurroundingsFailure: the folder can't be written.
        """
        folder = self._root / kind / key
        if is_sealed(folder):
            return folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with (folder.parent / f".{key}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
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
            shutil.rmtree(abandoned, ignore_errors=True)
        temporary = folder.parent / f".{folder.name}.making-{secrets.token_hex(4)}"
        temporary.mkdir()
        try:
            make(temporary)
            seal(temporary)
            if folder.exists():
                shutil.rmtree(folder)
            os.rename(temporary, folder)
            durable.sync_folder(folder.parent)
        except BaseException:  # a stopped trial (SystemExit), too, must leave nothing half made behind
            shutil.rmtree(temporary, ignore_errors=True)
            raise
