"""Whole folders in an object store: checkpoints, and best models. Their manifest of sizes and checksums is stored last.

What has no manifest there was never finished; what differs from it is not taken. Bytes that a trial has stored already (weights that a
checkpoint shares with a best model, or a folder that was moved) are copied within the store. It must not know which folders are needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from summtune.errors import StorageFailure
from summtune.objects import ObjectStore
from summtune.training.checkpoints import MANIFEST

Seals = dict[str, dict[str, Any]]
"""Of each file by its name in the folder: `size`, `sha256`, and of a best model's `mtime_ns`."""


def stored_folders(names: Iterable[str]) -> list[str]:
    """The folders that are whole in a store, of all names in it: those with a manifest."""
    return [name.removesuffix(f"/{MANIFEST}") for name in names if name.endswith(f"/{MANIFEST}")]


def read_seals(store: ObjectStore, name: str) -> Seals | None:
    """A stored folder's files; None where it isn't whole.

    Raises:
        StorageFailure: the store gave way.
    """
    content = store.read(f"{name}/{MANIFEST}")
    if content is None:
        return None
    try:
        seals: Seals = json.loads(content)["files"]
        return {file: dict(seal) for file, seal in seals.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def is_the_same(folder: Path, seals: Seals) -> bool:
    """Whether a folder's files are those that were stored: by their sizes, and times of change where these were stored, too."""
    here = {file.relative_to(folder).as_posix(): file.stat() for file in _files(folder)}
    return here.keys() == seals.keys() and all(
        found.st_size == seals[name]["size"] and seals[name].get("mtime_ns", found.st_mtime_ns) == found.st_mtime_ns
        for name, found in here.items()
    )


def put_folder(store: ObjectStore, folder: Path, name: str, relatives: Iterable[str] = ()) -> None:
    """Store a folder: a sealed checkpoint with its seals, any other one with seals that are made here.

    Args:
        store: where.
        folder: here.
        name: there.
        relatives: stored folders that may hold some of the same bytes.

    Raises:
        StorageFailure: the store gave way. What was stored so far is not taken for a whole folder.
        OSError: the folder can't be read.
    """
    seals = _sealed(folder) or _seal(folder)
    elsewhere = {
        (seal["size"], seal["sha256"]): f"{relative}/{file}"
        for relative in relatives
        if relative != name
        for file, seal in (read_seals(store, relative) or {}).items()
    }
    store.delete([f"{name}/{MANIFEST}"])
    for file, seal in seals.items():
        source = elsewhere.get((seal["size"], seal["sha256"]))
        if source is None or not _copied(store, source, f"{name}/{file}"):
            store.put(folder / file, f"{name}/{file}")
    store.put_bytes((json.dumps({"files": seals}, indent=2) + "\n").encode(), f"{name}/{MANIFEST}")


def fetch_folder(store: ObjectStore, name: str, folder: Path, *, sealed: bool) -> list[str]:
    """Bring a stored folder here, in place of what is there, if it is whole.

    Args:
        store: where it is.
        name: there.
        folder: here. It gets its name once all of it is.
        sealed: whether the manifest belongs to it here, too.

    Returns:
        What is wrong with it; empty where it was brought.

    Raises:
        StorageFailure: the store gave way.
    """
    seals = read_seals(store, name)
    if seals is None:
        return [f"{store.url}/{name} has no {MANIFEST}: it was never stored to its end."]
    temporary = folder.with_name(f".{folder.name}.fetching-{secrets.token_hex(4)}")
    try:
        for file, seal in seals.items():
            target = temporary / file
            if not target.resolve().is_relative_to(temporary.resolve()):
                return [f"{store.url}/{name}/{MANIFEST} names a file that would lie elsewhere."]
            target.parent.mkdir(parents=True, exist_ok=True)
            if fault := _fetch(store, f"{name}/{file}", target, seal):
                return [fault]
        if sealed:
            (temporary / MANIFEST).write_text(json.dumps({"files": seals}, indent=2) + "\n", encoding="utf-8")
        temporary.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return []


def delete_folder(store: ObjectStore, name: str) -> None:
    """Delete a stored folder: first what makes it whole."""
    store.delete([f"{name}/{MANIFEST}"])
    store.delete_folder(name)


def _fetch(store: ObjectStore, name: str, target: Path, seal: dict[str, Any]) -> str:
    """Bring a file; what is wrong with it, or nothing."""
    checksum = hashlib.sha256()
    try:
        with target.open("wb") as stream:
            for chunk in store.chunks(name):
                checksum.update(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
    except FileNotFoundError:
        return f"{store.url}/{name} is missing."
    if checksum.hexdigest() != seal["sha256"]:
        return f"{store.url}/{name} is not as it was stored."
    if "mtime_ns" in seal:
        os.utime(target, ns=(seal["mtime_ns"], seal["mtime_ns"]))
    return ""


def _copied(store: ObjectStore, source: str, to: str) -> bool:
    try:
        store.copy(source, to)
    except (StorageFailure, FileNotFoundError):  # too large for a copy, or just deleted: the bytes are here, too
        return False
    return True


def _sealed(folder: Path) -> Seals | None:
    try:
        seals: Seals = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return None
    return seals


def _seal(folder: Path) -> Seals:
    seals = {}
    for file in sorted(_files(folder)):
        with file.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
            found = os.fstat(stream.fileno())
        seals[file.relative_to(folder).as_posix()] = {"size": found.st_size, "sha256": checksum, "mtime_ns": found.st_mtime_ns}
    return seals


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST]
