"""The full evaluation of a model folder, where it can't be had; what it computes is in tests/decoding/test_proxy.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from summtune.errors import TrialFailure
from summtune.training.referee import score_in_full
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings


def test_a_full_loss_that_is_no_number_is_the_trial_s_failure(tmp_path: Path) -> None:
    """A cheap evaluation may leave out the dialogues that a model comes to no number on."""
    settings = small_settings(tmp_path, 4, 4, training={"num_train_epochs": 1})
    asked = job(tmp_path, settings, "one", objective_name="loss", maximize=False)
    train(asked, Reports())
    weights = asked.attempt.best_model(1) / "model.safetensors"
    tensors = load_file(weights)
    tensors["final_logits_bias"] += float("nan")
    weights.unlink()  # the checkpoint's own file, under another name
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(TrialFailure, match="loss on the development set became nan") as caught:
        score_in_full(weights.parent, settings, "rouge_combined_f1", tmp_path / "cache", 1)
    assert caught.value.cause == "diverged"
