"""Seals checkpoint folders with a manifest of sizes and checksums, written last: a folder without one was never finished.

It must not know what is in a checkpoint.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from pathlib import Path

from summtune import durable

MANIFEST = "manifest.json"


def checkpoint_folder(checkpoints: Path, step: int) -> Path:
    """Where the checkpoint of an optimiser step lies."""
    return checkpoints / f"checkpoint-{step}"


def seal(folder: Path) -> None:
    """Flush every file of the folder to disk, then write the manifest.

    Raises:
        OSError: the disk is full or gone; the folder is then not sealed.
    """
    files = {}
    for file in sorted(_files(folder)):
        with file.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        files[file.relative_to(folder).as_posix()] = {"size": file.stat().st_size, "sha256": checksum}
    durable.write_json(folder / MANIFEST, {"files": files})
    for inner in (entry for entry in folder.rglob("*") if entry.is_dir()):
        durable.sync_folder(inner)
    durable.sync_folder(folder)


def is_sealed(folder: Path) -> bool:
    """Whether the folder has a manifest whose files are all there with their sizes. Cheap: checksums are `verify`'s."""
    return not _faults(folder, checksums=False)


def verify(folder: Path) -> list[str]:
    """What is wrong with a checkpoint, file by file, checksums included; empty where it is whole."""
    return _faults(folder, checksums=True)


def sealed_checkpoints(checkpoints: Path) -> list[Path]:
    """Sealed checkpoints of a folder, oldest first."""
    if not checkpoints.is_dir():
        return []
    found = [entry for entry in checkpoints.iterdir() if re.fullmatch(r"checkpoint-\d+", entry.name) and is_sealed(entry)]
    return sorted(found, key=lambda folder: int(folder.name.split("-")[1]))


def bytes_on_disk(*folders: Path) -> int:
    """Bytes of all files below these folders; one with several names (hard links) counts once."""
    sizes = {}
    for folder in folders:
        for file in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                found = file.lstat()
                sizes[found.st_dev, found.st_ino] = found.st_size if stat.S_ISREG(found.st_mode) else 0
    return sum(sizes.values())


def disk_use(checkpoints: Path, models: Path) -> dict[str, int]:
    """Bytes of what a training keeps; weights that a checkpoint and a model share count once in the sum."""
    return {
        "checkpoints": len(sealed_checkpoints(checkpoints)),
        "checkpoint_bytes": bytes_on_disk(checkpoints),
        "model_bytes": bytes_on_disk(models),
        "bytes": bytes_on_disk(checkpoints, models),
    }


def prune(checkpoints: Path, keep: int, spare: Path | None = None) -> None:
    """Delete all but `keep` checkpoints: `spare`, if it is given, and the newest, at least one."""
    others = [folder for folder in sealed_checkpoints(checkpoints) if folder != spare]
    for surplus in others[: -max(keep - (spare is not None), 1)]:
        # Without its manifest a half-deleted folder is no checkpoint.
        (surplus / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(surplus, ignore_errors=True)


def _faults(folder: Path, *, checksums: bool) -> list[str]:
    manifest = folder / MANIFEST
    try:
        files = {name: (seal["size"], seal["sha256"]) for name, seal in json.loads(manifest.read_text(encoding="utf-8"))["files"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return [f"{folder} has no {MANIFEST}: it was never finished."] if folder.is_dir() else [f"there is no folder {folder}."]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [f"{manifest} can't be read."]
    return [fault for name, (size, sha256) in files.items() if (fault := _fault(folder / name, size, sha256 if checksums else None))]


def _fault(file: Path, size: int, sha256: str | None) -> str:
    """What is wrong with one file; empty where nothing is, or where only the size was asked about and is right."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            return f"{file} is no file."
        if found.st_size != size:
            return f"{file} has {found.st_size} bytes instead of {size}."
        if sha256 is not None:
            with file.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                    return f"{file} has changed since it was written."
    except FileNotFoundError:
        return f"{file} is missing."
    except OSError as problem:  # a disk that gives back errors instead of bytes
        return f"{file} can't be read: {problem.strerror or problem}."
    return ""


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST]
