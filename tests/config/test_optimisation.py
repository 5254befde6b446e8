"""What can't be among the settings of an optimisation is refused before anything starts, with what to do instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config import needs
from summtune.config.transformers_arguments import installed

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: {training: {optim: adamw_8bit}}", "adamw_8bit needs the package bitsandbytes, which is not installed."),
        ("settings: {training: {optim: galore_adamw, optim_target_modules: all-linear}}", "galore_adamw needs the package galore_torch"),
        (
            "parameters: {optim: {values: [adamw_torch, lomo]}}",
            "lomo needs the package lomo_optim, which is not installed.",
        ),
        ("settings: {training: {deepspeed: {}}}", ""),
        ("settings: {training: {deepspeed: {zero_optimization: {stage: 1}}}}", "it needs the package deepspeed, which is not installed."),
        ("settings: {training: {use_liger_kernel: true}}", "it needs the package liger_kernel, which is not installed."),
    ],
)
def test_missing_packages_are_named(text: str, message: str, monkeypatch: pytest.MonkeyPatch, load: Load, refuse: Refuse) -> None:
    monkeypatch.setattr(needs.Package, "installed", False)
    if message:
        found = refuse(f"{text}\n")
        assert any(message in problem for problem in found), found
    else:
        load(f"{text}\n")


def test_with_its_package_an_optimiser_is_welcome(load: Load) -> None:
    assert load("settings: {training: {optim: adamw_8bit}}\n").base.settings.training.optim == "adamw_8bit"


def test_every_optimiser_either_comes_with_torch_or_names_its_package() -> None:
    alone = {word for word in installed().enums["OptimizerNames"] if needs.package_for("training.optim", word) is None}
    assert alone == {"adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop"}
    assert set(needs._OPTIMISERS) <= set(installed().enums["OptimizerNames"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "settings: {training: {lr_scheduler_type: warmup_stable_decay}}",
            "warmup_stable_decay needs num_decay_steps in lr_scheduler_kwargs. Write `lr_scheduler_kwargs: {num_decay_steps: …}`.",
        ),
        (
            "settings: {training: {lr_scheduler_type: cosine_with_min_lr}}",
            "cosine_with_min_lr needs min_lr or min_lr_rate in lr_scheduler_kwargs. Write `lr_scheduler_kwargs: {min_lr: …}`.",
        ),
        (
            "settings: {training: {lr_scheduler_kwargs: {min_lr: 1.0e-6}}}",
            "the schedule cosine takes no min_lr. It takes num_cycles.",
        ),
        (
            "parameters: {lr_scheduler_type: {values: [cosine, warmup_stable_decay]}}",
            "parameters.lr_scheduler_type: warmup_stable_decay needs num_decay_steps",
        ),
        (
            "settings: {training: {dataloader_persistent_workers: true}}",
            "it is about worker processes, and training.dataloader_num_workers is 0. Raise dataloader_num_workers, or leave it out.",
        ),
        ("settings: {training: {dataloader_prefetch_factor: 2}}", "training.dataloader_num_workers is 0."),
        ("settings: {training: {debug: underflow_overflow}}", "debug is not yours to set here: a loss that is no finite number"),
        ("settings: {training: {enable_jit_checkpoint: true}}", "enable_jit_checkpoint is not yours to set here: a checkpoint is written"),
        (
            "settings: {training: {parallelism_config: {tp_size: 2}}}",
            "parallelism_config is not yours to set here: workers share the rows of a step",
        ),
    ],
)
def test_refused_before_anything_starts(text: str, message: str, refuse: Refuse) -> None:
    found = refuse(f"{text}\n")
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "settings: {training: {lr_scheduler_type: warmup_stable_decay, lr_scheduler_kwargs: {num_decay_steps: 3}}}",
        "settings: {training: {lr_scheduler_type: cosine_with_min_lr, lr_scheduler_kwargs: {min_lr_rate: 0.1}}}",
        "settings: {training: {lr_scheduler_type: reduce_lr_on_plateau, lr_scheduler_kwargs: {patience: 1, whatever: 2}}}",
        "settings: {training: {dataloader_persistent_workers: true, dataloader_num_workers: 1}}",
        "parameters: {schedule: {bundle: {a: {lr_scheduler_type: cosine, lr_scheduler_kwargs: {num_cycles: 1.5}},"
        " b: {lr_scheduler_type: warmup_stable_decay, lr_scheduler_kwargs: {num_decay_steps: 2}}}}}",
        "settings: {training: {debug: '', enable_jit_checkpoint: false}}",
    ],
)
def test_what_fits_together_is_fine(text: str, load: Load) -> None:
    load(f"{text}\n")


def test_a_deepspeed_file_is_found_beside_the_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load, refuse: Refuse) -> None:
    monkeypatch.setattr(needs.Package, "installed", True)
    text = "settings: {training: {deepspeed: ds.json}}\n"
    (found,) = refuse(text)
    assert "there is no file" in found
    assert "ds.json. Check the path; in a file it is relative to that file." in found
    (tmp_path / "ds.json").write_text("{}", encoding="utf-8")
    settings = load(text).base.settings
    assert settings.training.model_extra == {"deepspeed": str(tmp_path / "ds.json")}


def test_iterations_are_counted_by_evaluations(load: Load) -> None:
    text = "settings: {evaluation: {every: 2}, training: {num_train_epochs: 5}}\nparameters: {num_train_epochs: {values: [2, 7]}}\n"
    experiment = load(text)
    assert [experiment.iterations({"training.num_train_epochs": epochs}) for epochs in (2, 7)] == [1, 4]
    assert experiment.iterations({}) == 3
    assert experiment.longest == 4
    assert max(experiment.stopping.rungs()) < 4
