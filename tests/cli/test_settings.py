"""`summtune settings`: complete settings with the layer of every value, and what differs between two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from summtune import paths
from summtune.cli.main import main
from summtune.config.complete import load_settings
from summtune.config.presets import names

LR = str(paths.shipped("search_spaces") / "lr.yaml")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEARNING_RATE", "BATCH_SIZE", "SEED", "MODEL_NAME", "NUM_EPOCHS", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def base(tmp_path: Path) -> str:
    file = tmp_path / "base.yaml"
    file.write_text("model: {preset: kobart}\ntraining:\n  learning_rate: 7e-5\n", encoding="utf-8")
    return str(file)


def test_every_value_knows_its_layer_and_line(base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "7")
    assert main(["settings", base, "--set", "optim=sgd"]) == 0
    said = capsys.readouterr().out
    lines = {line.split(":")[0].strip(): line for line in said.splitlines()}
    assert lines["learning_rate"].split() == ["learning_rate:", "7e-5", "#", "base", f"{base}:3"]
    assert lines["checkpoint"].split()[1:] == ["digit82/kobart-summarization", "#", "preset", "kobart.yaml:4"]
    assert lines["optim"].split()[1:] == ["sgd", "#", "--set", "optim=sgd"]
    assert lines["seed"].split()[1:] == ["7", "#", "environment", "SEED"]
    assert lines["weight_decay"].split()[1:] == ["0.01", "#", "default"]
    yaml.safe_load(said)


@pytest.mark.parametrize("named", [*names(), LR, "quick_test_sweep"])
def test_presets_and_search_spaces_have_settings(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", named, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record["training.learning_rate"]) == {"value", "layer", "file", "line"}


def test_what_differs(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", base, "--diff", "kobart"]) == 0
    assert capsys.readouterr().out == f"training.learning_rate  7e-5  (base {base}:3)  →  5e-5  (preset kobart.yaml:10)\n"
    assert main(["settings", base, "--diff", "kobart", "--json"]) == 0
    difference = json.loads(capsys.readouterr().out)
    assert list(difference) == ["training.learning_rate"]
    assert difference["training.learning_rate"]["kobart"]["value"] == 5e-5
    assert main(["settings", "kobart", "--diff", "kobart"]) == 0
    assert capsys.readouterr().out == "kobart and kobart come to the same settings.\n"


def test_what_is_printed_comes_to_the_same_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for named in names():
        assert main(["settings", named]) == 0
        file = tmp_path / f"{named}.yaml"
        file.write_text(capsys.readouterr().out, encoding="utf-8")
        assert load_settings(str(file), environ={}).resolved.settings == load_settings(named, environ={}).resolved.settings


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tiny-kobar"], "there is no preset and no file 'tiny-kobar'. Did you mean tiny-kobart?"),
        (["kobart", "--diff", "gone.yaml"], "there is no preset and no file 'gone.yaml'."),
        (
            ["kobart", "--set", "learning_rat=1"],
            "--set learning_rat: there is no setting 'learning_rat'. Did you mean training.learning_rate?",
        ),
        (["kobart", "--set", "nonsense"], "--set: 'nonsense' is no assignment. Write key=value."),
        (["kobart", "--set", "encoder_max_len=2000"], "2000 is beyond the model's 1026 positions."),
        (
            ["kogpt2", "--set", "encoder_max_len=1000"],
            "1000 with decoder_max_len 128 is beyond the model's 1024 positions: prompt and summary share them.",
        ),
        (["kogpt2", "--set", "freeze_encoder=true"], "causal models can't do it: there is no encoder to freeze."),
        (["kobart", "--set", "input_format={dialogue}!"], "only causal models join prompt and summary in one text."),
        (["kobart", "--set", "log_model=true"], "not yet: wandb.log_model"),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", *words]) == 2
    assert message in capsys.readouterr().err
