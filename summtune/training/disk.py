"""Says what it means when something can't be written: most often that the disk is full, where, and how much room is needed.

It must not know what is written.
"""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from types import TracebackType

from summtune.errors import SurroundingsFailure

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EFBIG: "files may not become that large here"}


class Writing:
    """While this context lasts, what fails to be written is the surroundings' fault, and is said so that a person can act.

    Not only OSErrors: tokenizers and safetensors (Rust) and torch's zip writer have words of their own for a full disk.

    Args:
        what: is being written, such as `the checkpoint of step 500`.
        folder: where to.
        need: bytes that it takes; 0 where that is not known.
        safe: what a person should know is not lost; a sentence, or nothing.

    Raises:
        SurroundingsFailure: it can't be written.
    """

    def __init__(self, what: str, folder: Path, *, need: int = 0, safe: str = "") -> None:
        self._what, self._folder, self._need, self._safe = what, folder, need, safe

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None or not isinstance(error, Exception) or not _of_the_disk(error):
            return
        number = _errno(error)
        there = next(folder for folder in (self._folder, *self._folder.absolute().parents) if folder.is_dir())
        free = shutil.disk_usage(there).free
        full = number in _FULL or (number is None and free < self._need)  # torch doesn't say why a write failed
        why = _FULL.get(number or errno.ENOSPC, "") if full else str(error).splitlines()[0].rstrip(".")
        room = f"{size_text(free)} are free there: make room, or keep fewer (training.save_total_limit)." if full else ""
        takes = f"It takes {size_text(self._need)}, and " if room and self._need else ""
        sentences = (f"{self._what} can't be written to {self._folder}: {why}.", takes + room, self._safe)
        raise SurroundingsFailure(" ".join(sentence for sentence in sentences if sentence)) from error


def _of_the_disk(error: Exception) -> bool:
    return isinstance(error, OSError) or "PytorchStreamWriter" in str(error) or "enforce fail" in str(error) or _errno(error) is not None


def _errno(error: Exception) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    spoken = re.search(r"\(os error (\d+)\)", str(error))  # as Rust's standard library ends them
    return int(spoken[1]) if spoken else None


def size_text(amount: int) -> str:
    """Bytes for people."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if amount >= size:
            return f"{amount / size:.1f} {unit}"
    return f"{amount} bytes"
