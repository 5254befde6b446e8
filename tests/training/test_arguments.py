"""Settings become transformers' arguments: every key arrives, and what can't be is said."""

from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.errors import SettingsMistake
from summtune.training.arguments import Hardware, resolve_hardware, training_arguments

CPU = Hardware("cpu", "fp32", "")


def arguments(folder: Path, **training: Any) -> Any:
    return training_arguments(Settings.model_validate({"training": training}), CPU, folder, "rouge_combined_f1", maximize=True)


def test_keys_arrive(tmp_path: Path) -> None:
    made = arguments(
        tmp_path, learning_rate=3e-4, warmup_ratio=0.2, label_smoothing=0.1, weight_decay=0.3, max_grad_norm=0.5,
        lr_scheduler_type="linear", optim="adafactor", gradient_accumulation_steps=3, adam_beta2=0.9,
        gradient_checkpointing=True, max_steps=7,
    )  # fmt: skip
    assert (made.learning_rate, made.warmup_steps, made.label_smoothing_factor, made.weight_decay) == (3e-4, 0.2, 0.1, 0.3)
    assert (made.max_grad_norm, made.lr_scheduler_type, made.optim, made.gradient_accumulation_steps) == (0.5, "linear", "adafactor", 3)
    assert (made.adam_beta2, made.activation_checkpointing, made.max_steps, made.seed) == (0.9, True, 7, 42)
    assert (made.use_cpu, made.report_to, made.disable_tqdm) == (True, [], True)
    # All of the steps, not one: from 1 on transformers reads a number of steps.
    assert arguments(tmp_path, warmup_ratio=1.0).get_warmup_steps(100) == 100


def test_unknown_and_owned_arguments_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake) as caught:
        arguments(tmp_path, lerning_rate=1, output_dir="x", eval_strategy="epoch", push_to_hub=True)
    assert str(caught.value).splitlines() == [
        "training.lerning_rate: transformers has no such argument. Take it out.",
        "training.output_dir: can't be set: summtune decides where checkpoints lie. Take it out.",
        "training.push_to_hub: can't be set: summtune uploads nothing. Take it out.",
    ]


def test_what_transformers_refuses_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match="transformers refuses the arguments"):
        arguments(tmp_path, lr_scheduler_type="wavy")


@pytest.mark.parametrize(
    ("there", "bf16", "training", "device", "expected"),
    [
        (False, False, {}, "auto", ("cpu", "fp32", False)),
        (False, False, {"precision": "fp16"}, "auto", ("cpu", "fp32", True)),
        (False, False, {"bf16": True}, "cpu", ("cpu", "fp32", True)),
        (True, True, {}, "auto", ("cuda", "bf16", False)),
        (True, False, {}, "auto", ("cuda", "fp32", False)),
        (True, False, {"precision": "bf16"}, "cuda", ("cuda", "fp32", True)),
        (True, True, {"fp16": True}, "cuda", ("cuda", "fp16", False)),
        (True, True, {}, "cpu", ("cpu", "fp32", False)),
    ],
)
def test_hardware(
    monkeypatch: pytest.MonkeyPatch, there: bool, bf16: bool, training: dict[str, Any], device: str, expected: tuple[str, str, bool]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    found = resolve_hardware(Settings.model_validate({"training": training, "general": {"device": device}}))
    assert (found.device, found.precision, bool(found.notice)) == expected


def test_cuda_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(SettingsMistake, match=r"general.device: cuda was asked for, but this node has no CUDA device. Say auto or cpu."):
        resolve_hardware(Settings.model_validate({"general": {"device": "cuda"}}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_two_visible_gpus_are_no_data_parallel(tmp_path: Path) -> None:
    made = training_arguments(Settings(), Hardware("cuda", "fp32", ""), tmp_path, "loss", maximize=False)
    assert made.n_gpu == 1
