"""Keys whose machinery is missing so far are refused by name, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


@pytest.mark.parametrize(
    "text",
    [
        "method: qmc",
        "decode: {method: qmc, parameters: {num_beams: {values: [1, 4]}}}",
        "settings: {model: {architecture: mamba, checkpoint: a/b}}",
        "parameters: {model_architecture: {values: [kobart, mamba]}}",
        "settings: {evaluation: {sealed: true}}",
        "settings: {evaluation: {noise_seeds: 3}}",
        "settings: {inference: {engine: ct2}}",
        "settings: {inference: {output_format: json}}",
        "settings: {wandb: {log_model: true}}",
    ],
)
def test_not_yet(text: str, refuse: Refuse) -> None:
    found = refuse(f"{text}\n")
    assert any("not yet:" in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "objectives: []",
        "constraints: null",
        "seeds: []",
        "warm_start: []",
        "decode: null",
        "resources: {workers_per_trial: 1, gpus_per_trial: auto}",
        "settings: {model: {lora: null, quantization: none, freeze_encoder: true, freeze_embeddings: true, dropout_rate: 0.2}}",
        "settings: {evaluation: {strategy: full, every: 2}}",
        "settings: {evaluation: {strategy: proxy, proxy_samples: 10}}",
        "settings: {training: {early_stopping_patience: 2, max_steps: 10, timeout_s: 60, deepspeed: null, fsdp: ''}}",
        "settings: {model: {architecture: t5-small, checkpoint: t5-small}}",
    ],
)
def test_asking_for_nothing_is_fine(text: str, load: Load) -> None:
    load(f"{text}\n")


def test_a_checkpoint_s_size_names_the_architecture(load: Load) -> None:
    assert load("settings: {model: {architecture: t5-small, checkpoint: t5-small}}\n").base.settings.model.architecture == "t5"


def test_parameters_that_no_family_takes_notice_of(refuse: Refuse) -> None:
    found = refuse("parameters: {input_format: {values: [a, b]}}\n")
    assert any("input_format" in problem for problem in found)
