"""What a training writes is handed to whoever keeps a copy of it: whole, and before anyone is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from summtune.training.checkpoints import verify
from summtune.training.train import train
from tests.small_training import job, small_settings


def test_checkpoints_and_best_models_are_kept_before_they_are_reported(tmp_path: Path) -> None:
    settings = small_settings(tmp_path, training={"num_train_epochs": 2, "save_steps": 3, "save_total_limit": 9})
    seen: list[str] = []

    def keep(folder: Path) -> str:
        assert folder.parent.name != "checkpoints" or verify(folder) == []
        seen.append(folder.name)
        return "It was kept."

    one = replace(job(tmp_path, settings), keep=keep)
    notes: list[str] = []
    train(one, lambda metrics, checkpoint: seen.append(f"reported {checkpoint.name if checkpoint else None}"), notes.append)
    assert notes.count("It was kept.") == 1
    assert "It was kept." in json.loads(one.attempt.results.read_text(encoding="utf-8"))["notices"]
    reported = [name for name in seen if name.startswith("reported")]
    assert len(reported) == 2
    for name in reported:
        assert name.removeprefix("reported ") in seen[: seen.index(name)]
    assert "best-1" in seen[: seen.index(reported[0])]
    between = {name for name in seen if name.startswith("checkpoint-")} - {name.removeprefix("reported ") for name in reported}
    assert "checkpoint-3" in between, "one that no evaluation belongs to"
