"""Settings become transformers' arguments: every key arrives, and what can't be is said."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from summtune.config import presets
from summtune.config.settings import Settings
from summtune.errors import SettingsMistake
from summtune.families import takes_fp16
from summtune.training.arguments import Hardware, decide, resolve_hardware, training_arguments
from summtune.training.devices import Capabilities

CPU = Hardware()


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
        arguments(tmp_path, lerning_rate=1, output_dir="x", eval_strategy="epoch", push_to_hub=True, load_best_model_at_end=True)
    assert str(caught.value).splitlines() == [
        "training.lerning_rate: transformers has no such argument. Take it out.",
        "training.output_dir: is not yours to set here: general.output_dir decides where runs lie. Remove it.",
        "training.push_to_hub: is not yours to set here: a run publishes nothing. Remove it.",
    ]


def test_what_transformers_refuses_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match="transformers refuses the arguments"):
        arguments(tmp_path, lr_scheduler_type="wavy")


NOTHING = Capabilities()
VOLTA = Capabilities(cuda=True, fp16=True)
PASCAL = Capabilities(cuda=True)
AMPERE = Capabilities(cuda=True, bf16=True, fp16=True, tf32=True)


@pytest.mark.parametrize(
    ("able", "training", "device", "expected"),
    [
        (NOTHING, {}, "auto", ("cpu", "fp32", False)),
        (AMPERE, {}, "cpu", ("cpu", "fp32", False)),
        (AMPERE, {}, "auto", ("cuda", "bf16", True)),
        (VOLTA, {}, "auto", ("cuda", "fp16", False)),
        (PASCAL, {}, "auto", ("cuda", "fp32", False)),
        (AMPERE, {"fp16": True}, "cuda", ("cuda", "fp16", True)),
        (AMPERE, {"precision": "bf16"}, "auto", ("cuda", "bf16", True)),
        # Whoever writes fp32 means it.
        (AMPERE, {"precision": "fp32"}, "auto", ("cuda", "fp32", False)),
    ],
)
def test_precision_is_what_the_hardware_has(
    able: Capabilities, training: dict[str, Any], device: str, expected: tuple[str, str, bool]
) -> None:
    found = decide(Settings.model_validate({"training": training, "general": {"device": device}}), able, lambda: True)
    assert (found.device, found.precision, found.tf32) == expected
    assert found.notices == ()


@pytest.mark.parametrize(
    ("able", "training", "device", "precision", "notice"),
    [
        (NOTHING, {"precision": "fp16"}, "auto", "fp32", "fp16 was asked for, but there is no GPU: fp32 is used."),
        (AMPERE, {"bf16": True}, "cpu", "fp32", "bf16 was asked for, but general.device is cpu: fp32 is used."),
        (VOLTA, {"precision": "bf16"}, "cuda", "fp32", "bf16 was asked for, but this GPU lacks it: fp32 is used."),
        (VOLTA, {"fp16": True}, "cuda", "fp16", "fp16 was asked for, in which this model is known to overflow; fp32 is safe."),
        (AMPERE, {"fp16": True}, "cuda", "fp16", "fp16 was asked for, in which this model is known to overflow; bf16 is safe."),
    ],
)
def test_what_is_decided_otherwise_is_said(able: Capabilities, training: dict[str, Any], device: str, precision: str, notice: str) -> None:
    found = decide(Settings.model_validate({"training": training, "general": {"device": device}}), able, lambda: False)
    assert (found.precision, found.notices) == (precision, (notice,))


@pytest.mark.parametrize(("preset", "precision"), [("kobart", "fp16"), ("kogpt2", "fp16"), ("t5", "fp32"), ("mt5", "fp32")])
def test_t5_never_gets_fp16_by_itself(preset: str, precision: str) -> None:
    for name in (preset, f"tiny-{preset}"):
        values = yaml.safe_load(presets.file_of(name).read_text(encoding="utf-8"))
        settings = Settings.model_validate({section: values[section] for section in ("model", "tokenizer", "training")})
        assert decide(settings, VOLTA, partial(takes_fp16, settings)).precision == precision
        assert decide(settings, AMPERE, lambda: pytest.fail("it is of no account")).precision == "bf16"


def test_tf32_is_asked_of_transformers_only_where_there_is_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert arguments(tmp_path).tf32 is None
    asked: list[bool] = []
    monkeypatch.setattr("transformers.training_args.is_torch_tf32_available", lambda: True)
    monkeypatch.setattr("transformers.training_args.enable_tf32", asked.append)
    able = Hardware("cpu", "fp32", tf32=True)
    for settings in (Settings(), Settings.model_validate({"training": {"tf32": False}})):
        training_arguments(settings, able, tmp_path, "loss", maximize=False)
    assert asked == [True, False]


def test_cuda_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(SettingsMistake, match=r"general.device: cuda was asked for, but this node has no CUDA device. Say auto or cpu."):
        resolve_hardware(Settings.model_validate({"general": {"device": "cuda"}}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_two_visible_gpus_are_no_data_parallel(tmp_path: Path) -> None:
    made = training_arguments(Settings(), Hardware("cuda", "fp32"), tmp_path, "loss", maximize=False)
    assert made.n_gpu == 1
