"""Turns settings into transformers' arguments, and decides what depends on the hardware: device and precision.

It must not know of data or models.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from summtune.config.settings import Settings, Training
from summtune.errors import Problem, SettingsMistake

Precision = Literal["fp32", "bf16", "fp16"]

OWNED = {
    "output_dir": "summtune decides where checkpoints lie",
    "eval_strategy": "evaluation.every says how often (in epochs)",
    "eval_steps": "evaluation.every says how often (in epochs)",
    "eval_delay": "evaluation.every says how often (in epochs)",
    "save_strategy": "a checkpoint is written at every evaluation, and every training.save_steps steps",
    "load_best_model_at_end": "the best model is always kept, in models/best_model",
    "metric_for_best_model": "the search space's metric says it",
    "greater_is_better": "the search space's metric says it",
    "seed": "general.seed says it",
    "use_cpu": "general.device says it",
    "report_to": "the section wandb says it",
    "push_to_hub": "summtune uploads nothing",
    "resume_from_checkpoint": "summtune resume says it",
    "predict_with_generate": "summtune always generates",
    "auto_find_batch_size": "it would change the batch size that was drawn",
}
"""Arguments of transformers that summtune sets itself, and why."""

_SAME_AS_OURS = {"eval_strategy": "epoch", "save_strategy": "epoch", "predict_with_generate": True, "report_to": "none"}


@dataclass(frozen=True)
class Hardware:
    """Where and in what precision a training runs, and what had to be decided otherwise than asked (empty: nothing)."""

    device: Literal["cpu", "cuda"]
    precision: Precision
    notice: str


def resolve_hardware(settings: Settings) -> Hardware:
    """Device and precision on this node.

    Raises:
        SettingsMistake: `general.device: cuda` where there is none.
    """
    import torch

    there = torch.cuda.is_available()
    if settings.general.device == "cuda" and not there:
        raise SettingsMistake(Problem("cuda was asked for, but this node has no CUDA device.", "Say auto or cpu.", key="general.device"))
    on_gpu = there and settings.general.device != "cpu"
    asked = _asked_precision(settings.training)
    if not on_gpu:
        notice = f"{asked} was asked for, but there is no GPU: fp32 is used." if asked in ("fp16", "bf16") else ""
        return Hardware("cpu", "fp32", notice)
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if asked == "auto":
        return Hardware("cuda", "bf16" if has_bf16 else "fp32", "")
    if asked == "bf16" and not has_bf16:
        return Hardware("cuda", "fp32", "bf16 was asked for, but this GPU lacks it: fp32 is used.")
    return Hardware("cuda", asked, "")


def _asked_precision(training: Training) -> Literal["auto", "fp32", "bf16", "fp16"]:
    if training.precision != "auto":
        return training.precision
    if training.bf16:
        return "bf16"
    return "fp16" if training.fp16 else "auto"


def training_arguments(settings: Settings, hardware: Hardware, checkpoints: Path, objective: str, *, maximize: bool) -> Any:
    """The Seq2SeqTrainingArguments of a training.

    Raises:
        SettingsMistake: an argument that transformers doesn't know or refuses, or that is summtune's to set.
    """
    from transformers import Seq2SeqTrainingArguments

    training = settings.training
    ours: dict[str, Any] = {
        "output_dir": str(checkpoints),
        "per_device_train_batch_size": training.per_device_train_batch_size,
        "per_device_eval_batch_size": training.per_device_eval_batch_size,
        "learning_rate": training.learning_rate,
        "num_train_epochs": training.num_train_epochs,
        "max_steps": training.max_steps if training.max_steps is not None else -1,
        # A whole number of steps cannot be meant: 1.0 would be read as one step, not as all of them.
        "warmup_steps": min(training.warmup_ratio, 0.999999),
        "weight_decay": training.weight_decay,
        "lr_scheduler_type": training.lr_scheduler_type,
        "optim": training.optim,
        "label_smoothing_factor": training.label_smoothing,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "max_grad_norm": training.max_grad_norm,
        "bf16": hardware.precision == "bf16",
        "fp16": hardware.precision == "fp16",
        "dataloader_num_workers": training.dataloader_num_workers,
        "dataloader_pin_memory": hardware.device == "cuda",
        "use_cpu": hardware.device == "cpu",
        "seed": settings.general.seed,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "logging_strategy": "epoch",
        "metric_for_best_model": objective,
        "greater_is_better": maximize,
        "train_sampling_strategy": "group_by_length",
        "remove_unused_columns": False,
        "use_cache": True,
        "log_level": settings.general.log_level,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
    }
    if training.gradient_checkpointing:
        names = {field.name for field in fields(Seq2SeqTrainingArguments)}
        ours["activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"] = True
    extras = _checked_extras(training, {field.name for field in fields(Seq2SeqTrainingArguments)})
    try:
        arguments = Seq2SeqTrainingArguments(**(ours | extras))
    except (ValueError, TypeError) as problem:
        raise SettingsMistake(Problem(f"transformers refuses the arguments: {problem}", key="training")) from problem
    # With two GPUs visible transformers would silently use DataParallel; more GPUs mean more workers, never one with several.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def _checked_extras(training: Training, known: set[str]) -> dict[str, Any]:
    problems = []
    extras: dict[str, Any] = {}
    for name, value in (training.model_extra or {}).items():
        if name in OWNED:
            if _SAME_AS_OURS.get(name) != value:
                problems.append(Problem(f"can't be set: {OWNED[name]}.", "Take it out.", key=f"training.{name}"))
        elif name not in known:
            problems.append(Problem("transformers has no such argument.", "Take it out.", key=f"training.{name}"))
        else:
            extras[name] = value
    if problems:
        raise SettingsMistake(problems)
    return extras
