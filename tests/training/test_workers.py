"""Several workers train what one would: the same rows in every step, the same losses, one set of files."""

import json
from pathlib import Path
from typing import Any

import pytest

from summtune.config.settings import Settings
from summtune.training.job import Job
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings
from tests.workers import together

CAUSAL: dict[str, Any] = {
    "architecture": "kogpt2",
    "config_overrides": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


def settings_of(shared: Path, family: str, train_rows: int = 41, **training: Any) -> Settings:
    """Without dropout. The last step of an epoch has 9 rows of 16."""
    training = {"per_device_train_batch_size": 16, "num_train_epochs": 2, "learning_rate": 3e-3, **training}
    model = {"dropout_rate": 0.0, **(CAUSAL if family == "causal" else {"config_overrides": small_settings(shared).model.config_overrides})}
    return small_settings(shared, train_rows=train_rows, model=model, training=training)


def work(asked: Job) -> Reports:
    reports = Reports()
    train(asked, reports)
    return reports


def parts_left_out(line: dict[str, float | int]) -> dict[str, float | int]:
    return {name: value for name, value in line.items() if name not in ("micro_batch_size", "padding_share")}


def assert_the_same(several: Reports, one: Reports) -> None:
    assert [parts_left_out(line) for line in several.lasting()] == [
        pytest.approx(parts_left_out(line), rel=1e-4, abs=1e-4) for line in one.lasting()
    ]


@pytest.mark.parametrize("family", ["seq2seq", "causal"])
def test_twice_eight_rows_teach_what_sixteen_do(shared: Path, family: str) -> None:
    settings = settings_of(shared, family)
    one = work(job(shared, settings, f"one-{family}"))
    asked = job(shared, settings, f"two-{family}")
    first, second = together(2, work, asked)
    assert not first.error and not second.error, first.error + second.error
    assert second.value.metrics == [], "rank 0 alone reports"
    assert_the_same(first.value, one)
    assert [line["micro_batch_size"] for line in first.value.metrics] == [8, 8]
    found = json.loads(asked.attempt.results.read_text())
    assert found["micro_batch"] == {
        "rows": 8,
        "gradient_accumulation_steps": 1,
        "workers": 2,
        "asked": {"rows": 8, "gradient_accumulation_steps": 1},
    }
    (best,) = asked.attempt.models.iterdir()
    assert {file.name for file in best.iterdir()} >= {"model.safetensors", "predictions.csv"}
    assert len((best / "predictions.csv").read_text().splitlines()) == 7, "the dialogues of both"
