"""Folders in an object store: whole, or not taken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from summtune.errors import StorageFailure
from summtune.objects import ObjectStore
from summtune.training.checkpoints import MANIFEST, seal, verify
from summtune.training.stored import fetch_folder, is_the_same, put_folder, read_seals, stored_folders


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore.at((tmp_path / "store").as_uri())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint-8"
    (folder / "inner").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" * 1000)
    (folder / "inner" / "state.json").write_text("{}")
    seal(folder)
    return folder


class Torn(ObjectStore):
    """A store that gives way after so many files."""

    left = 0

    def put(self, file: Path, name: str) -> None:
        if not Torn.left:
            raise StorageFailure("gone")
        Torn.left -= 1
        super().put(file, name)


def test_a_checkpoint_there_and_back(store: ObjectStore, checkpoint: Path, tmp_path: Path) -> None:
    put_folder(store, checkpoint, "a/checkpoint-8")
    assert stored_folders(store.sizes()) == ["a/checkpoint-8"]
    assert fetch_folder(store, "a/checkpoint-8", tmp_path / "back", sealed=True) == []
    assert verify(tmp_path / "back") == []
    assert (tmp_path / "back" / "model.safetensors").read_bytes() == b"w" * 1000
    assert (tmp_path / "back" / MANIFEST).read_bytes() == (checkpoint / MANIFEST).read_bytes()


def test_a_torn_upload_is_not_taken(store: ObjectStore, checkpoint: Path, tmp_path: Path) -> None:
    Torn.left = 1
    with pytest.raises(StorageFailure):
        put_folder(Torn(store.url), checkpoint, "checkpoint-8")
    assert len(store.sizes()) == 1, "half of it is there"
    assert stored_folders(store.sizes()) == []
    faults = fetch_folder(store, "checkpoint-8", tmp_path / "back", sealed=True)
    assert faults == [f"{store.url}/checkpoint-8 has no manifest.json: it was never stored to its end."]
    assert not (tmp_path / "back").exists()


def test_what_was_whole_is_not_taken_for_whole_while_it_is_written_anew(store: ObjectStore, checkpoint: Path) -> None:
    put_folder(store, checkpoint, "checkpoint-8")
    Torn.left = 1
    with pytest.raises(StorageFailure):
        put_folder(Torn(store.url), checkpoint, "checkpoint-8")
    assert stored_folders(store.sizes()) == []


@pytest.mark.parametrize("damage", ["changed", "cut off", "missing", "no manifest of ours"])
def test_a_damaged_copy_is_not_taken_and_leaves_what_is_here(store: ObjectStore, checkpoint: Path, tmp_path: Path, damage: str) -> None:
    put_folder(store, checkpoint, "checkpoint-8")
    match damage:
        case "changed":
            store.put_bytes(b"v" * 1000, "checkpoint-8/model.safetensors")
        case "cut off":
            store.put_bytes(b"w" * 999, "checkpoint-8/model.safetensors")
        case "missing":
            store.delete(["checkpoint-8/model.safetensors"])
        case _:
            store.put_bytes(b'["model.safetensors"]', "checkpoint-8/manifest.json")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_text("kept")
    (fault,) = fetch_folder(store, "checkpoint-8", tmp_path / "here", sealed=True)
    assert fault.startswith(f"{store.url}/checkpoint-8")
    assert [entry.name for entry in (tmp_path / "here").iterdir()] == ["file"]
    assert not [entry for entry in tmp_path.iterdir() if ".fetching" in entry.name]


def test_names_that_would_lie_elsewhere_are_refused(store: ObjectStore, tmp_path: Path) -> None:
    seal_ = {"size": 1, "sha256": "0"}
    store.put_bytes(json.dumps({"files": {"../../outside": seal_}}).encode(), "checkpoint-8/manifest.json")
    store.put_bytes(b"x", "outside")
    (fault,) = fetch_folder(store, "checkpoint-8", tmp_path / "deep" / "back", sealed=True)
    assert "would lie elsewhere" in fault
    assert not (tmp_path / "outside").exists()


def test_a_model_has_its_seals_there_alone_and_is_known_again(store: ObjectStore, tmp_path: Path) -> None:
    model = tmp_path / "best_model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    put_folder(store, model, "best_model")
    assert fetch_folder(store, "best_model", tmp_path / "back", sealed=False) == []
    assert [entry.name for entry in (tmp_path / "back").iterdir()] == ["config.json"]
    seals = read_seals(store, "best_model")
    assert seals is not None
    assert is_the_same(model, seals)
    assert is_the_same(tmp_path / "back", seals)
    (model / "config.json").write_text("[]")
    os.utime(model / "config.json", ns=(1, 1))
    assert not is_the_same(model, seals), "as long, but changed since"


def test_bytes_that_are_stored_are_copied_there(store: ObjectStore, checkpoint: Path, tmp_path: Path) -> None:
    put_folder(store, checkpoint, "checkpoint-8")
    model = tmp_path / "best-1"
    model.mkdir()
    os.link(checkpoint / "model.safetensors", model / "model.safetensors")
    (model / "settings.json").write_text("[1]")
    Torn.left = 1
    put_folder(Torn(store.url), model, "best-1", ["checkpoint-8"])
    assert Torn.left == 0, "settings.json alone was uploaded"
    assert fetch_folder(store, "best-1", tmp_path / "back", sealed=False) == []
    assert (tmp_path / "back" / "model.safetensors").read_bytes() == b"w" * 1000
