"""A checkpoint or a model from elsewhere may have been made to run code when it is loaded: it is refused by name, and nothing runs."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, RunMistake
from summtune.training.checkpoints import seal, verify
from summtune.training.resumption import whole_checkpoint
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self._target,)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def settings(shared: Path) -> Settings:
    return small_settings(shared, training={"num_train_epochs": 1})


@pytest.fixture(scope="module")
def checkpoint(shared: Path, settings: Settings) -> Path:
    reports = Reports()
    train(job(shared, settings, "honest"), reports)
    return reports.checkpoints[-1]


def as_torch_saves(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def as_old_torch_saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


WAYS: dict[str, Callable[[Any], bytes]] = {"zip": as_torch_saves, "old": as_old_torch_saved, "bare": pickle.dumps}


def planted(checkpoint: Path, folder: Path, name: str, content: bytes) -> Path:
    """The checkpoint with a file of somebody else's in it, sealed as if it belonged there."""
    copy = Path(shutil.copytree(checkpoint, folder / "checkpoints" / checkpoint.name))
    (copy / name).unlink(missing_ok=True)
    (copy / name).write_bytes(content)
    seal(copy)
    assert verify(copy) == []
    return copy


def test_the_bomb_goes_off_where_pickles_are_trusted(tmp_path: Path) -> None:
    for name, write in WAYS.items():
        (tmp_path / name).write_bytes(write(Bomb(tmp_path / f"{name} went off")))
        if name == "bare":
            pickle.loads((tmp_path / name).read_bytes())
        else:
            torch.load(tmp_path / name, weights_only=False)
        assert (tmp_path / f"{name} went off").exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "pytorch_model.bin", "training_args.bin"])
def test_in_a_checkpoint(
    checkpoint: Path, settings: Settings, shared: Path, tmp_path: Path, name: str, way: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fuse = tmp_path / "went off"
    hostile = planted(checkpoint, tmp_path, name, WAYS[way](Bomb(fuse)))
    with pytest.raises(RunMistake) as refused:
        train(job(shared, settings, f"hostile-{name}-{way}", resume_from=hostile), Reports())
    assert f"{hostile / name} " in str(refused.value)
    assert "it is not loaded" in str(refused.value)
    with pytest.raises(RunMistake, match="Begin the training again"):
        whole_checkpoint(hostile)
    assert not fuse.exists()
    assert capfd.readouterr().err == ""


def test_weights_as_a_pickle_in_place_of_safetensors(checkpoint: Path, settings: Settings, shared: Path, tmp_path: Path) -> None:
    fuse = tmp_path / "went off"
    hostile = planted(checkpoint, tmp_path, "pytorch_model.bin", as_torch_saves(Bomb(fuse)))
    (hostile / "model.safetensors").unlink()
    seal(hostile)
    with pytest.raises(RunMistake, match=r"pytorch_model.bin is no file of a summtune checkpoint, and could run code"):
        train(job(shared, settings, "hostile-weights", resume_from=hostile), Reports())
    assert not fuse.exists()


def published(checkpoint: Path, folder: Path, weights: Any) -> Settings:
    """A model folder as many are published: pytorch_model.bin and no safetensors."""
    folder.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy2(checkpoint / name, folder / name)
    torch.save(weights, folder / "pytorch_model.bin")
    model: dict[str, Any] = {"architecture": None, "load_pretrained": True, "checkpoint": str(folder), "config_overrides": {}}
    return small_settings(folder.parent, model=model, training={"num_train_epochs": 1})


def test_a_published_model_in_bin_form_is_trained(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    mine = published(checkpoint, tmp_path / "published", load_file(checkpoint / "model.safetensors"))
    reports = Reports()
    train(job(tmp_path, mine), reports)
    assert len(reports.metrics) == 1
    assert not list(reports.checkpoints[-1].glob("*.bin")), "what is written is safetensors"


def test_a_hostile_published_model_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    fuse = tmp_path / "went off"
    mine = published(checkpoint, tmp_path / "published", {"model.shared.weight": Bomb(fuse)})
    with pytest.raises(CheckpointMistake, match=r"published can't be loaded: .*holds more than weights"):
        train(job(tmp_path, mine), Reports())
    assert not fuse.exists()


def test_a_planted_checkpoint_is_passed_over_for_the_one_before(checkpoint: Path, tmp_path: Path) -> None:
    hostile = planted(checkpoint, tmp_path, "optimizer.pt", as_torch_saves(Bomb(tmp_path / "went off")))
    before = Path(shutil.copytree(checkpoint, hostile.with_name("checkpoint-2")))
    found = whole_checkpoint(hostile)
    assert found.folder == before
    assert found.notices == (
        f"{hostile / 'optimizer.pt'} holds more than tensors and numbers, and could run code: it is not loaded. "
        f"That checkpoint is passed over: training goes on from {before}.",
    )
    assert not (tmp_path / "went off").exists()
