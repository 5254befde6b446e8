"""A file system in a file, ext4, that can turn read-only under those who write to it, as ext4 does by itself when it meets an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

_SIZE_MB = 200


def why_none() -> str:
    """Why there can be none here; empty where there can."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        return "mounting a file system needs root and loop devices"
    if any(shutil.which(name) is None for name in ("mkfs.ext4", "e2fsck", "mount", "umount")):
        return "`mkfs.ext4` and `e2fsck` (Debian's e2fsprogs) are needed"
    return ""


class FileSystem:
    """One, mounted.

    Attributes:
        folder: where it is mounted.
        beside: a folder that is not in it.
    """

    def __init__(self, folder: Path) -> None:
        self._image = folder / "image"
        self.folder, self.beside = folder / "storage", folder
        self.folder.mkdir()
        with self._image.open("wb") as stream:
            stream.truncate(_SIZE_MB << 20)
        _do("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def turn_read_only(self) -> None:
        """Let ext4 believe that it has met an error: whoever writes is told EROFS, also where a file is open."""
        device = Path(_do("findmnt", "-n", "-o", "SOURCE", str(self.folder)).strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("made up by a test", encoding="ascii")

    def mend(self) -> None:
        """As a person does: unmount, check, mount."""
        self.close()
        checked = subprocess.run(["e2fsck", "-f", "-y", str(self._image)], capture_output=True, text=True, check=False)
        assert checked.returncode <= 1, checked.stdout
        self._mount()

    def close(self) -> None:
        """Unmount it, as soon as nobody holds it."""
        deadline = time.monotonic() + 30
        while subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "somebody holds the storage"
            time.sleep(0.5)


def _do(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
