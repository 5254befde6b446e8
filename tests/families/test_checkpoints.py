"""A model that can't be had ends within seconds, in words that say how to have one."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake
from summtune.families import checkpoints, family_of

NAME = "digit82/kobart-summarization"


def settings(checkpoint: str | None, **model: object) -> Settings:
    return Settings.model_validate({"model": {"checkpoint": checkpoint, **model}})


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens


@pytest.mark.usefixtures("no_hub")
def test_unreachable_hub() -> None:
    began = time.perf_counter()
    with pytest.raises(CheckpointMistake) as caught:
        checkpoints.check_available(settings(NAME))
    assert time.perf_counter() - began < 5
    said = str(caught.value)
    assert said.startswith(f"model.checkpoint: {NAME} can't be had: the model hub (http://127.0.0.1:9) can't be reached")
    assert f"hf download {NAME} --local-dir FOLDER" in said
    assert "`--set model.checkpoint=FOLDER`" in said
    assert "tiny-kobart" in said


@pytest.mark.usefixtures("no_hub")
def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointMistake, match=r"kobart-summarization can't be had: HF_HUB_OFFLINE is set"):
        checkpoints.check_available(settings(NAME))


@pytest.mark.usefixtures("no_hub")
def test_in_the_hubs_cache(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--digit82--kobart-summarization"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc" / "config.json").write_text('{"model_type": "bart"}')
    checkpoints.check_available(settings(NAME))
    assert family_of(settings(NAME)).__name__ == "summtune.families.seq2seq"


def test_folders(tmp_path: Path) -> None:
    def said(checkpoint: Path) -> str:
        with pytest.raises(CheckpointMistake) as caught:
            checkpoints.check_available(settings(str(checkpoint)))
        return str(caught.value).replace(str(tmp_path), "")

    assert said(tmp_path / "no" / "such") == (
        "model.checkpoint: there is no folder /no/such. Give a folder with config.json, weights and tokenizer, or a name on the hub."
    )
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "notes.txt").write_text("")
    assert "/model is not a model folder: it has no config.json, but notes.txt." in said(folder)
    assert "is a file, not a model folder" in said(folder / "notes.txt")
    (folder / "config.json").write_text("{")
    assert "config.json can't be read" in said(folder)
    (folder / "config.json").write_text(json.dumps({"d_model": 4}))
    assert "names no model_type" in said(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bart"}))
    assert "has no weights" in said(folder)
    (folder / "model.safetensors").write_bytes(b"x")
    assert "has no tokenizer" in said(folder)
    (folder / "tokenizer.json").write_text("{}")
    checkpoints.check_available(settings(str(folder)))


def test_without_a_checkpoint() -> None:
    with pytest.raises(CheckpointMistake, match=r"model.checkpoint: no checkpoint is named"):
        checkpoints.check_available(settings(None))
    with pytest.raises(CheckpointMistake, match=r"tokenizer.vocab_size: without a checkpoint there is no tokenizer"):
        checkpoints.check_available(settings(None, load_pretrained=False, architecture="bart"))
    with pytest.raises(CheckpointMistake, match=r"neither a folder nor a name on the hub"):
        checkpoints.check_available(settings("not a name"))


def test_unknown_architecture() -> None:
    with pytest.raises(CheckpointMistake, match=r"no family handles the architecture 'resnet'. Known are apertus, arcee, bart"):
        family_of(settings(None, architecture="resnet"))


def test_check_imports_no_torch(tmp_path: Path) -> None:
    code = f"""
import os, sys
os.environ.update(HF_HUB_OFFLINE="1", HF_HOME={str(tmp_path)!r})
from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake
from summtune.families import checkpoints
try:
    checkpoints.check_available(Settings.model_validate({{"model": {{"checkpoint": {NAME!r}}}}}))
except CheckpointMistake:
    sys.exit(1 if {{"torch", "transformers"}} & set(sys.modules) else 0)
sys.exit(2)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
