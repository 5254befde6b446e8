"""Seals checkpoint folders with a manifest of sizes and checksums, written last: a folder without one was never finished.

It must not know what is in a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
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


def prune(checkpoints: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints, and what unfinished writing left."""
    for surplus in sealed_checkpoints(checkpoints)[:-keep]:
        # Without its manifest a half-deleted folder is no checkpoint.
        (surplus / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(surplus, ignore_errors=True)


def _faults(folder: Path, *, checksums: bool) -> list[str]:
    manifest = folder / MANIFEST
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return [f"{folder} has no {MANIFEST}: it was never finished."]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        return [f"{manifest} can't be read."]
    faults = []
    for name, expected in files.items():
        file = folder / name
        if not file.is_file():
            faults.append(f"{file} is missing.")
        elif file.stat().st_size != expected["size"]:
            faults.append(f"{file} has {file.stat().st_size} bytes instead of {expected['size']}.")
        elif checksums:
            with file.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != expected["sha256"]:
                    faults.append(f"{file} has changed since it was written.")
    return faults


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST]
