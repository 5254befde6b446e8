"""Whatever ends a training early is an error of a name, with an exit code, and words that say what to do; read as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import CheckpointMistake, DataMistake, RunMistake, SettingsMistake, SummtuneError, TrialFailure
from summtune.tuning.failures import failure_of
from tests.small_models import fit
from tests.small_training import rows, write_csv


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("failures")


def huge_weights(shared: Path) -> dict[str, Any]:
    return {"model": {"config_overrides": {"d_model": 16, "max_position_embeddings": 128, "init_std": 1e18}}}


def one_leap(shared: Path) -> dict[str, Any]:
    """The first loss is sound, the step is not: it shows on the development set."""
    training = {"max_steps": 1, "optim": "sgd", "learning_rate": 0.99, "max_grad_norm": 0.0, "warmup_ratio": 0.0, "weight_decay": 1e38}
    return {"training": training}


def changed_rows(shared: Path, change: Callable[[list[dict[str, str]]], None]) -> dict[str, Any]:
    lines = rows(4)
    change(lines)
    file = write_csv(shared / "data" / "changed.csv", lines)
    return {"data": {"train": file, "dev": file}}


def no_summary(lines: list[dict[str, str]]) -> None:
    lines[1]["summary"] = " "


def another_column(lines: list[dict[str, str]]) -> None:
    for line in lines:
        line["text"] = line.pop("summary")


def without_pad(shared: Path, kind: str) -> dict[str, Any]:
    """A checkpoint whose tokenizer has lost its padding token."""
    import json
    import shutil

    folder = shared / f"without-pad-{kind}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(fit(shared, kind, training={"max_steps": 1}).reports.checkpoints[-1], folder)
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("pad_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return {"model": {"checkpoint": str(folder), "load_pretrained": True, "config_overrides": {}}}


Case = tuple[Callable[[Path], dict[str, Any]], type[SummtuneError], int, str, str]

TABLE: dict[str, Case] = {
    "the training loss is no number": (huge_weights, TrialFailure, 1, "diverged", r"the training loss became (nan|inf) at step 1"),
    "the development loss is no number": (one_leap, TrialFailure, 1, "diverged", r"loss on the development set became (nan|inf)"),
    "it takes too long": (
        lambda shared: {"training": {"timeout_s": 1, "num_train_epochs": 10_000}},
        TrialFailure,
        1,
        "timeout",
        r"longer than training.timeout_s, 1 s",
    ),
    "a row without summary": (
        lambda shared: changed_rows(shared, no_summary),
        DataMistake,
        2,
        "bad_data",
        r"changed.csv:\d+: summary: is empty",
    ),
    "a missing column": (lambda shared: changed_rows(shared, another_column), DataMistake, 2, "bad_data", r"summary"),
    "no padding token": (
        lambda shared: without_pad(shared, "bart"),
        CheckpointMistake,
        2,
        "bad_model",
        r"tokenizer.pad_token: the tokenizer has no padding token",
    ),
    "sources beyond the positions": (
        lambda shared: {"tokenizer": {"encoder_max_len": 200}},
        CheckpointMistake,
        2,
        "bad_model",
        r"200 tokens are more than the model's 128 positions",
    ),
    "targets beyond the positions": (
        lambda shared: {"tokenizer": {"decoder_max_len": 200}},
        CheckpointMistake,
        2,
        "bad_model",
        r"200 tokens are more than the model's 128 positions",
    ),
    "a configuration without such a key": (
        lambda shared: {"model": {"config_overrides": {"wings": 2}}},
        CheckpointMistake,
        2,
        "bad_model",
        r"a bart configuration has no wings",
    ),
    "an argument that transformers lacks": (
        lambda shared: {"training": {"wings": 2}},
        SettingsMistake,
        2,
        "bad_settings",
        r"training.wings: transformers has no such argument. Take it out.",
    ),
    "an optimiser that is not installed": (
        lambda shared: {"training": {"optim": "lomo"}},
        SettingsMistake,
        2,
        "bad_settings",
        r"training.optim: the package lomo_optim is not installed. Install it: pip install lomo-optim.",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_goes_wrong_has_a_class_a_code_a_cause_and_words(case: str, shared: Path) -> None:
    made, error, exit_code, cause, words = TABLE[case]
    with pytest.raises(error, match=words) as caught:
        fit(shared, **made(shared))
    assert type(caught.value) is error
    assert caught.value.exit_code == exit_code
    recorded = failure_of(caught.value)
    assert recorded.cause == cause
    assert str(caught.value) in recorded.message
    attempts = sorted((shared / "attempts").iterdir(), key=lambda folder: int(folder.name))
    assert type(caught.value).__name__ in (attempts[-1] / "training.log").read_text(encoding="utf-8")


def test_a_causal_model_without_padding_token_pads_with_its_end(shared: Path) -> None:
    fitted = fit(shared, "gpt2", **without_pad(shared, "gpt2"), training={"max_steps": 2})
    assert fitted.losses


def test_prompt_and_summary_beyond_the_positions_they_share(shared: Path) -> None:
    with pytest.raises(CheckpointMistake, match="prompt and summary, 300 tokens together, are more than the model's 256 positions"):
        fit(shared, "gpt2", tokenizer={"encoder_max_len": 252})


def test_a_damaged_checkpoint(shared: Path) -> None:
    folder = fit(shared, training={"max_steps": 1}).reports.checkpoints[-1]
    (folder / "optimizer.pt").write_bytes(b"short")
    with pytest.raises(RunMistake, match=r"optimizer.pt has 5 bytes instead of") as caught:
        fit(shared, training={"max_steps": 2}, job_={"resume_from": folder})
    assert (failure_of(caught.value).cause, caught.value.exit_code) == ("bad_checkpoint", 2)


def test_a_tokenizer_with_more_tokens_than_the_model_gets_more_embeddings(shared: Path) -> None:
    plain = fit(shared, training={"max_steps": 1})
    model = {"checkpoint": str(plain.reports.checkpoints[-1]), "load_pretrained": True, "config_overrides": {}}
    fitted = fit(shared, model=model, tokenizer={"special_tokens": ["#Person1#", "#Person2#", "#Person7#", "#Person8#"]})
    known, grown = (len(one.weights["model.shared.weight"]) for one in (plain, fitted))
    assert grown == known + 2
