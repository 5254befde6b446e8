"""Each tiny twin can be driven to know a few dialogues by heart: what it is fed, taught and asked fits together."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from summtune import paths
from summtune.config.complete import load_settings
from summtune.families import family_of
from summtune.training.train import train
from tests.small_training import Reports, job, write_csv

PAIRS = 16
TWINS = {"tiny-kobart": 40, "tiny-kogpt2": 40, "tiny-t5": 60, "tiny-mt5": 80}


@pytest.mark.slow
@pytest.mark.parametrize("twin", TWINS)
def test_sixteen_summaries_are_reproduced(twin: str, tmp_path: Path) -> None:
    with (paths.shipped("data") / "train.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))[:PAIRS]
    data = write_csv(tmp_path / "data.csv", lines)
    given = {
        "data.train": data,
        "data.dev": data,
        "general.device": "cpu",
        "evaluation.strategy": "full",
        "general.output_dir": tmp_path,
        "training.num_train_epochs": TWINS[twin],
        "training.per_device_train_batch_size": 4,
        "training.learning_rate": 3e-3,
        "training.weight_decay": 0.0,
        "generation.no_repeat_ngram_size": 0,
        "generation.max_length": 128,
    }
    settings = load_settings(twin, assignments=[f"{key}={value}" for key, value in given.items()], environ={}).resolved.settings
    reports = Reports()
    asked = job(tmp_path, settings, "overfit", threads=1)
    train(asked, reports)
    assert family_of(settings).__name__.endswith("causal" if "gpt" in twin else "seq2seq")
    best = max(int(folder.name.rpartition("-")[2]) for folder in asked.attempt.models.iterdir())
    with (asked.attempt.best_model(best) / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        predictions = list(csv.DictReader(stream))
    known = sum(row["summary"] == row["reference"] for row in predictions)
    assert known == PAIRS, [(row["summary"], row["reference"]) for row in predictions if row["summary"] != row["reference"]]
