"""`summtune decode`: its mistakes, before anything is loaded. What it does is in tests/tuning and tests/integration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from summtune.cli.decode import decode
from summtune.config.settings import Settings
from summtune.errors import Mistake
from summtune.training.best_model import SETTINGS_FILE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    settings = Settings.model_validate(
        {
            "model": {"architecture": "bart", "load_pretrained": False},
            "tokenizer": {"vocab_size": 600},
            "generation": {"num_beams": 4},
            "evaluation": {"metrics": ["rouge", "length_ratio"]},
        }
    )
    (folder / SETTINGS_FILE).write_text(json.dumps({"settings": settings.model_dump(mode="json")}), encoding="utf-8")
    return folder


def space(folder: Path, text: str) -> Path:
    file = folder / "space.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "metric", "message"),
    [
        ("parameters: {learning_rate: {values: [1e-4, 1e-3]}}\n", None, "it names nothing of generation that varies."),
        ("decode: {parameters: {num_beans: {values: [1, 2]}}}\n", None, "num_beans"),
        ("decode: {parameters: {temperature: {values: [0.5, 1.0]}}}\n", None, "temperature has no effect: generation.do_sample is false."),
        ("decode: {parameters: {length_penalty: {values: [0.5, 1.0]}}}\n", "loss", "decoding doesn't change the loss."),
        ("decode: {parameters: {length_penalty: {values: [0.5, 1.0]}}}\n", "bleu", "bleu"),
        ("decode: {parameters: {length_penalty: {values: [0.5, 1.0]}}}\n", "length_ratio", "goal"),
    ],
)
def test_mistakes(text: str, metric: str | None, message: str, model: Path, tmp_path: Path) -> None:
    with pytest.raises(Mistake) as caught:
        decode(str(model), space(tmp_path, text), metric=metric)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_no_such_run(tmp_path: Path) -> None:
    file = space(tmp_path, "decode: {parameters: {num_beams: {values: [1, 2]}}}\n")
    with pytest.raises(Mistake, match="there is no run 'nothing'"):
        decode("nothing", file, output_dir=str(tmp_path))
