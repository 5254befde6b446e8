"""Turns settings into transformers' arguments, and decides what depends on the hardware: device and precision.

It must not know of data or models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from summtune.config.needs import KEYS, package_for
from summtune.config.settings import Settings, Training
from summtune.config.training_arguments import DECIDED
from summtune.errors import Problem, SettingsMistake
from summtune.families import takes_fp16
from summtune.training.devices import Capabilities, capabilities

Precision = Literal["fp32", "bf16", "fp16"]

WATCHING: Mapping[str, Mapping[str, Any]] = {"reduce_lr_on_plateau": {}, "greedy": {"min_lr": 0.0}}
"""Schedules that watch the objective. transformers lets both take less for better, whatever the metric, and greedy's least rate is 1e-3:
above what most models are tuned with, so that it would raise the rate where it means to lower it."""


@dataclass(frozen=True)
class Hardware:
    """Where and in what precision a training runs.

    Attributes:
        device: of the model.
        precision: of its arithmetic; weights are always fp32.
        tf32: whether products of fp32 numbers may be computed in tf32.
        notices: what was decided otherwise than asked, or may go wrong: a sentence each.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    precision: Precision = "fp32"
    tf32: bool = False
    notices: tuple[str, ...] = ()


def resolve_hardware(settings: Settings) -> Hardware:
    """Device and precision on this node.

    Raises:
        SettingsMistake: `general.device: cuda` where there is none.
        CheckpointMistake: what model it is decides, and its checkpoint can't be had.
    """
    return decide(settings, capabilities(), lambda: takes_fp16(settings))


def decide(settings: Settings, able: Capabilities, fp16_is_safe: Callable[[], bool]) -> Hardware:
    """Device and precision where the hardware is able to do so much.

    Args:
        settings: what was asked for.
        able: the GPU, if there is one.
        fp16_is_safe: whether this model's numbers stay within fp16's range; asked only where it matters.

    Raises:
        SettingsMistake: `general.device: cuda` where there is none.
    """
    if settings.general.device == "cuda" and not able.cuda:
        raise SettingsMistake(Problem("cuda was asked for, but this node has no CUDA device.", "Say auto or cpu.", key="general.device"))
    asked = _asked_precision(settings.training)
    if not able.cuda or settings.general.device == "cpu":
        where = "there is no GPU" if not able.cuda else "general.device is cpu"
        return Hardware(notices=(f"{asked} was asked for, but {where}: fp32 is used.",) if asked in ("fp16", "bf16") else ())
    if asked == "auto":
        chosen: Precision = "bf16" if able.bf16 else "fp16" if able.fp16 and fp16_is_safe() else "fp32"
        return Hardware("cuda", chosen, able.tf32)
    if asked == "bf16" and not able.bf16:
        return Hardware("cuda", "fp32", able.tf32, ("bf16 was asked for, but this GPU lacks it: fp32 is used.",))
    if asked == "fp16" and not fp16_is_safe():
        safe = "bf16" if able.bf16 else "fp32"
        return Hardware("cuda", "fp16", able.tf32, (f"fp16 was asked for, in which this model is known to overflow; {safe} is safe.",))
    return Hardware("cuda", asked, able.tf32 and asked != "fp32")


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
        # False would turn it off where the person turned it on for the process; transformers refuses True where there is none.
        "tf32": True if hardware.tf32 else None,
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
    if extras.get("fsdp"):
        check_sharding(hardware)
    if extras.get("logging_steps") or extras.get("logging_first_step"):
        ours["logging_strategy"] = "steps"
    try:
        arguments = Seq2SeqTrainingArguments(**(ours | extras))
    except (ValueError, TypeError) as problem:
        raise SettingsMistake(Problem(f"transformers refuses the arguments: {problem}", key="training")) from problem
    if training.lr_scheduler_type in WATCHING:
        ways = {**WATCHING[training.lr_scheduler_type], "mode": "max" if maximize else "min"}
        arguments.lr_scheduler_kwargs = {**ways, **(arguments.lr_scheduler_kwargs or {})}
    # The loss of a step is the mean over its target tokens, whichever worker has them.
    arguments.average_tokens_across_devices = True
    # With two GPUs visible transformers would silently use DataParallel; more GPUs mean more workers, never one with several.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def check_sharding(hardware: Hardware) -> None:
    """Refuse to shard a model where accelerate doesn't.

    Raises:
        SettingsMistake: there are no GPUs.
    """
    if hardware.device == "cpu":
        reason = "accelerate shards models over GPUs only; on this node it would train whole copies, and not say so."
        raise SettingsMistake(Problem(reason, "Leave it out, or run where there are GPUs.", key="training.fsdp"))


def _checked_extras(training: Training, known: set[str]) -> dict[str, Any]:
    problems = []
    extras: dict[str, Any] = {}
    for name, value in (training.model_extra or {}).items():
        if (decided := DECIDED.get(name)) is not None:
            if not decided.asks_for_the_same(value):
                problems.append(Problem(f"is not yours to set here: {decided.by}.", "Remove it.", key=f"training.{name}"))
        elif name not in known:
            problems.append(Problem("transformers has no such argument.", "Take it out.", key=f"training.{name}"))
        elif name != "warmup_steps" or value:  # no steps of warm-up are transformers' default, and leave it to warmup_ratio
            extras[name] = value
    for key in KEYS:
        package = package_for(key, getattr(training, key.removeprefix("training."), None))
        if package is not None and not package.installed:
            problems.append(Problem(f"the package {package.module} is not installed.", f"Install it: {package.install}.", key=key))
    if problems:
        raise SettingsMistake(problems)
    return extras
