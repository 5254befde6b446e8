"""A small model of each kind that there is a preset for, trained in a fraction of a second, and what such a training leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings

FOUR: dict[str, dict[str, Any]] = {
    "bart": {},  # as in small_training
    "gpt2": {
        "architecture": "kogpt2",
        "config_overrides": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1},
    },
    "t5": {"architecture": "t5", "config_overrides": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}},
    "mt5": {"architecture": "mt5", "config_overrides": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}},
}
LLAMA: dict[str, Any] = {
    "architecture": "llama",
    "config_overrides": {
        **{"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
        **{"num_key_value_heads": 2, "max_position_embeddings": 256},
    },
}
KINDS = {**FOUR, "llama": LLAMA}


class Fitted:
    """One finished training: its reports and files."""

    def __init__(self, reports: Reports, folder: Path) -> None:
        self.reports, self.folder = reports, folder

    @property
    def losses(self) -> list[float]:
        """On the development set, evaluation by evaluation."""
        return [float(line["loss"]) for line in self.reports.metrics]

    @property
    def weights(self) -> dict[str, Any]:
        """Of the last checkpoint."""
        from safetensors.torch import load_file

        return load_file(self.reports.checkpoints[-1] / "model.safetensors")

    @property
    def optimizer(self) -> dict[str, Any]:
        """State of the optimiser in the last checkpoint."""
        import torch

        state: dict[str, Any] = torch.load(self.reports.checkpoints[-1] / "optimizer.pt", weights_only=True)
        return state

    def logged(self, name: str) -> list[float]:
        """A value in training.log, optimiser step by optimiser step; needs `logging_steps: 1`."""
        lines = re.findall(r"summtune\.training: step \d+: (\{.*\})", (self.folder / "training.log").read_text(encoding="utf-8"))
        found = [json.loads(line) for line in lines]
        return [line[name] for line in found if "grad_norm" in line or "learning_rate" in line]


def settings_of(folder: Path, kind: str = "bart", train_rows: int = 16, **sections: Any) -> Settings:
    """The settings of a small model, with changes."""
    plain = small_settings(folder).model.model_dump(exclude_unset=True)
    model = {**plain, **KINDS[kind], **sections.pop("model", {})}
    return small_settings(folder, train_rows=train_rows, model=model, **sections)


def fit(
    folder: Path,
    kind: str = "bart",
    *,
    train_rows: int = 16,
    stop_after: int | None = None,
    job_: Mapping[str, Any] | None = None,
    **sections: Any,
) -> Fitted:
    """Train a small model with changes to its settings. Tokenizers, weights and data are made once per folder.

    Args:
        folder: where everything goes.
        kind: of model.
        train_rows: dialogues to learn from.
        stop_after: reports after which it is stopped from outside.
        job_: further arguments of the job.
        **sections: changes, section by section.
    """
    reports = Reports(stop_after)
    attempts = folder / "attempts"
    attempt = str(len(list(attempts.iterdir())) if attempts.is_dir() else 0)
    asked = job(folder, settings_of(folder, kind, train_rows, **sections), attempt, **(job_ or {}))
    try:
        train(asked, reports)
    except SystemExit:
        assert len(reports.metrics) == stop_after
    return Fitted(reports, asked.attempt.folder)
