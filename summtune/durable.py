"""Writing files so that a crash at any moment leaves the old content or the new one, never half of either.

It must not know what is written, or where things lie (`paths` does).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str, *, synced: bool = True) -> None:
    """Replace the file's content at once: temporary name, flush, rename.

    Args:
        path: the file.
        text: its content.
        synced: whether it is on the disk on return. Otherwise only a power cut can take it away; for what is then written anew.

    Raises:
        OSError: the folder is not writable or the disk is full; the old content is intact.
    """
    write_bytes(path, text.encode(), synced=synced)


def write_bytes(path: Path, content: bytes, *, synced: bool = True) -> None:
    """The same, of bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if synced:
                os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # mkstemp gives 0600, which would hide results from the team
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too, must leave no temporary file behind
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, synced: bool = True) -> None:
    """Replace the file's content by `value` as indented JSON (UTF-8, no ASCII escapes, no NaN)."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", synced=synced)


def json_line(value: Any) -> str:
    """`value` as one line of JSON (no ASCII escapes, no NaN), without its end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def append_line(path: Path, value: Any) -> None:
    """Add one line of JSON (UTF-8, no NaN), flushed to disk.

    Raises:
        OSError: the disk is full or gone; what was written of the line is taken back, so that no torn one stays.
    """
    rest = memoryview(f"{json_line(value)}\n".encode())
    # Unbuffered: closing a buffered file would try once more to write what the disk had no room for.
    with path.open("ab", buffering=0) as stream:
        before = stream.tell()
        try:
            while rest:
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(before)
            raise


def sync_folder(folder: Path) -> None:
    """Make renames and new names inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
