"""A new family is one file in summtune/families: settings name its architecture, and everything else finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import summtune
from tests.small_training import rows, write_csv

FAMILY = '''"""Persimmon, as a family of its own: fed like other decoder-only models."""

from summtune.families.causal import (
    CONSUMES, LIMITS, SHARES_POSITIONS, adapted, collate, encode, encoding_digest, load, load_folder, logits_and_targets, new_tokens,
    token_counts,
)

ARCHITECTURES = ("persimmon",)
'''

SETTINGS = """
model:
  architecture: persimmon
  load_pretrained: false
  config_overrides: {hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
    max_position_embeddings: 256}
tokenizer: {vocab_size: 600, encoder_max_len: 128, decoder_max_len: 48}
training: {num_train_epochs: 2, per_device_train_batch_size: 4, learning_rate: 1.0e-2}
generation: {num_beams: 1, max_length: 12}
data: {train: train.csv, dev: dev.csv}
general: {device: cpu}
"""

SCRIPT = """
import sys
from pathlib import Path
from summtune.config.complete import load_settings
from summtune.config.experiment import load_experiment
from summtune.families import family_of
from summtune.inference.predict import predict
from summtune.paths import AttemptPaths
from summtune.training.job import Job
from summtune.training.train import train

settings = load_settings("settings.yaml", environ={}).resolved.settings
assert family_of(settings).__name__ == "summtune.families.persimmon"
space = load_experiment(Path("space.yaml"), environ={})
assert space.base.settings.model.architecture == "persimmon"
lines = []
job = Job(settings, "loss", False, AttemptPaths(Path("attempt").absolute()), Path("cache").absolute(), threads=1)
train(job, lambda metrics, checkpoint: lines.append(metrics["loss"]))
assert lines[1] < lines[0], lines
done = predict(job.attempt.best_model(2), Path("dev.csv"), Path("out.csv"))
print("summaries:", len(Path("out.csv").read_text(encoding="utf-8").splitlines()))
"""


def test_one_file_suffices(tmp_path: Path) -> None:
    package = Path(summtune.__file__).parent
    shutil.copytree(package, tmp_path / "summtune", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("data", "search_spaces"):  # of a checkout
        if (package.parent / beside).is_dir():
            (tmp_path / beside).symlink_to(package.parent / beside)
    (tmp_path / "summtune" / "families" / "persimmon.py").write_text(FAMILY, encoding="utf-8")
    (tmp_path / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "space.yaml").write_text("base: settings.yaml\nparameters: {learning_rate: {values: [0.01, 0.001]}}\n", encoding="utf-8")
    write_csv(tmp_path / "train.csv", rows(16))
    write_csv(tmp_path / "dev.csv", rows(4, start=100))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SUMMTUNE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "summaries: 5" in done.stdout
