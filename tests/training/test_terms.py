"""What may be otherwise when a training goes on, by what its checkpoint says of itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from summtune.corpus.check import check_corpus
from summtune.errors import RunMistake
from summtune.training.terms import differences
from summtune.training.trainer import PROGRESS_FILE
from tests.small_training import rows, small_settings, write_csv


def reasons(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Why a training of other settings can't go on."""
    then, now = small_settings(folder, **before), small_settings(folder, **after)
    record = {
        "settings": then.model_dump(mode="json"),
        "data": check_corpus(then).to_record(),
        "scoring": {"rouge": {}, "mine.py": {"sha256": "of another text"}},
    }
    (folder / PROGRESS_FILE).write_text(json.dumps(record), encoding="utf-8")
    try:
        differences(folder, now, check_corpus(now), None)
    except RunMistake as mistake:
        return [f"{problem.key}: {problem.reason}" for problem in mistake.problems[:-1]]
    return []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            {"lr_scheduler_type": "reduce_lr_on_plateau"},
            {"learning_rate": 1e-4},
            "training.learning_rate: reduce_lr_on_plateau has set the rate by what it saw, and goes on from there.",
        ),
        ({"deepspeed": "ds.json"}, {"weight_decay": 0.5}, "training.weight_decay: DeepSpeed goes on with the rates of the checkpoint."),
        ({}, {"gradient_accumulation_steps": 2}, "training.per_device_train_batch_size: a step has 8 rows so, and"),
        ({}, {"dataloader_drop_last": True}, "training.dataloader_drop_last: it is true, and"),
    ],
)
def test_rates_and_steps_that_must_stay(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    (found,) = reasons(tmp_path, {"training": before}, {"training": {**before, **after}})
    assert found.startswith(reason)


def test_a_metric_of_ones_own_that_has_changed(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(
        'KEYS = ("mine",)\nGOAL = {"mine": "maximize"}\nUNIT = {"mine": "share, 0..1"}\n\n'
        "def score(summaries):\n    return {'mine': [1.0 for _ in summaries.predictions]}\n",
        encoding="utf-8",
    )
    section = {"evaluation": {"metrics": ["rouge", str(own)]}}
    (found,) = reasons(tmp_path, section, section)
    assert found.startswith("evaluation.metrics: mine.py has changed since")


def test_what_comes_to_the_same(tmp_path: Path) -> None:
    """As `data.max_train_samples` and the parts of a step do, which are judged by what they come to, too."""
    dev = small_settings(tmp_path).data.dev
    assert dev is not None
    with dev.open(encoding="utf-8", newline="") as file:
        (tmp_path / "dev.json").write_text(json.dumps(list(csv.DictReader(file)), ensure_ascii=False), encoding="utf-8")
    assert reasons(tmp_path, {}, {"data": {"dev": tmp_path / "dev.json", "max_val_samples": 100}}) == []
    assert reasons(tmp_path, {}, {"generation": {"length_penalty": 2.0, "top_k": 5}}) == []
    full = {"strategy": "full"}
    assert reasons(tmp_path, {"evaluation": full}, {"evaluation": {**full, "proxy_samples": 4, "proxy_decoding": "greedy"}}) == []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({}, {"data": {"max_val_samples": 5}}, "data.dev: the 5 dialogues of "),
        (
            {"generation": {"num_beams": 2}},
            {"generation": {"num_beams": 2, "length_penalty": 2.0}},
            "generation.length_penalty: it is 2.0,",
        ),
        ({}, {"evaluation": {"proxy_samples": 4}}, "evaluation.proxy_samples: it is 4,"),
    ],
)
def test_scores_of_another_kind(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    (found,) = reasons(tmp_path, before, after)
    assert found.startswith(reason)


def test_a_further_reference_is_something_else_to_be_scored_by(tmp_path: Path) -> None:
    one, other = ([{**row, "summary2": text} for row in rows(6, start=100)] for text in ("가자.", "가요."))
    files = [write_csv(tmp_path / name, lines) for name, lines in (("one.csv", one), ("other.csv", other))]
    wanted = [{"data": {"dev": file, "summary": ["summary", "summary2"]}} for file in files]
    (found,) = reasons(tmp_path, *wanted)
    assert found.startswith(f"data.dev: the 6 dialogues of {files[1]} and their summaries are not what")


def test_what_neither_weights_steps_nor_scores_depend_on(tmp_path: Path) -> None:
    after = {
        "training": {"learning_rate": 1e-4, "max_steps": 9, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 4},
        "evaluation": {"every": 3},
        "general": {"output_dir": "elsewhere", "log_level": "debug"},
        "meta": {"author": "somebody"},
    }
    assert reasons(tmp_path, {}, after) == []
