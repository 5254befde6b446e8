"""Writing files so that a crash at any moment leaves the old content or the new one, never half of either.

It must not know what is written, or where things lie (`paths` does).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Replace the file's content at once: temporary name, flush, rename.

    Raises:
        OSError: the folder is not writable or the disk is full; the old content is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # mkstemp gives 0600, which would hide results from the team
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too, must leave no temporary file behind
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Replace the file's content by `value` as indented JSON (UTF-8, no ASCII escapes, no NaN)."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Make renames and new names inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
