"""What settings come to: the arguments that a family, transformers' Trainer and its generation would really be given.

Two points with the same arguments are one training under two names. A setting that changes none of them is idle; the table below says
which are idle when, by what transformers does (named beside each), and families declare what they consume at the heads of their files.
Everything here works on flat settings (`training.learning_rate` to its value), without torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from summtune import registry
from summtune.config.architectures import DROPOUTS, family_of
from summtune.config.transformers_arguments import installed

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Idle:
    """Settings without effect in some circumstances.

    Attributes:
        keys: which.
        depends: the settings that decide it.
        holds: whether they are idle, given all settings.
        because: why, as the end of a sentence.
    """

    keys: tuple[str, ...]
    depends: tuple[str, ...]
    holds: Callable[[Values], bool]
    because: str


_NO_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")
# transformers.trainer_optimizer hands its adam_kwargs to the optimisers of Adam's kin only, and Lion its betas alone.
_NO_BETAS = (
    *("adafactor", "sgd", "adagrad", "rmsprop", "rmsprop_bnb", "rmsprop_bnb_8bit", "rmsprop_bnb_32bit"),
    *("lomo", "adalomo", "grokadamw", "schedule_free_sgd"),
    *("galore_adamw", "galore_adamw_8bit", "galore_adafactor"),
    *("galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise"),
)
_LION = ("lion_32bit", "lion_8bit", "paged_lion_32bit", "paged_lion_8bit")
# transformers.trainer_optimizer reads `optim_args` in the handlers of all others.
_NO_OPTIM_ARGS = (
    *("adamw_torch", "adamw_torch_fused", "adamw_torch_xla", "adamw_torch_npu_fused", "adafactor", "lomo", "adalomo"),
    *("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"),
    *_LION,
)
_LOW_RANK = ("galore", "apollo")

IDLE: tuple[Idle, ...] = (
    Idle(
        ("generation.temperature", "generation.top_k", "generation.top_p"),
        ("generation.do_sample",),
        lambda values: not values.get("generation.do_sample"),
        "generation.do_sample is false",
    ),
    Idle(
        ("generation.do_sample", "generation.temperature", "generation.top_k", "generation.top_p"),
        ("generation.num_beams",),
        lambda values: (values.get("generation.num_beams") or 1) > 1,
        "generation.num_beams is above 1, and only single summaries are drawn",
    ),
    Idle(
        ("generation.length_penalty", "generation.early_stopping"),
        ("generation.num_beams",),
        lambda values: values.get("generation.num_beams") == 1,
        "generation.num_beams is 1, and it acts on beams only",
    ),
    Idle(
        ("generation.max_length",),
        ("generation.max_new_tokens",),
        lambda values: values.get("generation.max_new_tokens") is not None,
        "generation.max_new_tokens takes its place",
    ),
    Idle(
        ("evaluation.proxy_samples", "evaluation.proxy_decoding"),
        ("evaluation.strategy",),
        lambda values: values.get("evaluation.strategy") == "full",
        "evaluation.strategy is full, and no evaluation is a cheap one",
    ),
    # TrainingArguments: "max_steps … overrides num_train_epochs".
    Idle(
        ("training.num_train_epochs",),
        ("training.max_steps",),
        lambda values: values.get("training.max_steps") is not None,
        "training.max_steps takes its place",
    ),
    Idle(
        ("training.warmup_ratio",),
        ("training.warmup_steps",),
        lambda values: bool(values.get("training.warmup_steps")),
        "training.warmup_steps takes its place",
    ),
    # transformers.optimization.get_scheduler hands these schedules no warm-up.
    Idle(
        ("training.warmup_ratio", "training.warmup_steps"),
        ("training.lr_scheduler_type",),
        lambda values: values.get("training.lr_scheduler_type") in _NO_WARMUP,
        f"lr_scheduler_type {', '.join(_NO_WARMUP[:-1])} and {_NO_WARMUP[-1]} have no warm-up",
    ),
    Idle(
        ("training.lr_scheduler_kwargs",),
        ("training.lr_scheduler_type",),
        lambda values: values.get("training.lr_scheduler_type") in ("constant", "constant_with_warmup"),
        "a constant lr_scheduler_type takes no arguments",
    ),
    Idle(
        ("training.adam_beta1", "training.adam_beta2", "training.adam_epsilon"),
        ("training.optim",),
        lambda values: values.get("training.optim") in _NO_BETAS,
        "training.optim is none of Adam's kin, and has no such number",
    ),
    Idle(
        ("training.adam_epsilon",),
        ("training.optim",),
        lambda values: values.get("training.optim") in _LION,
        "training.optim is a Lion, and has no such number",
    ),
    Idle(
        ("training.early_stopping_threshold",),
        ("training.early_stopping_patience",),
        lambda values: values.get("training.early_stopping_patience") is None,
        "training.early_stopping_patience is off",
    ),
    Idle(
        ("training.optim_args",),
        ("training.optim",),
        lambda values: values.get("training.optim") in _NO_OPTIM_ARGS,
        "this training.optim reads none",
    ),
    Idle(
        ("training.optim_target_modules",),
        ("training.optim",),
        lambda values: not str(values.get("training.optim")).startswith(_LOW_RANK),
        f"only {' and '.join(_LOW_RANK)} optimisers look at modules",
    ),
    # training.arguments.decide
    Idle(
        ("training.precision", "training.tf32"),
        ("general.device",),
        lambda values: values.get("general.device") == "cpu",
        "general.device is cpu, where everything is computed in fp32",
    ),
    # TrainingArguments: a backend or a mode turns torch.compile on.
    Idle(
        ("training.torch_compile",),
        ("training.torch_compile_backend", "training.torch_compile_mode"),
        lambda values: any(values.get(f"training.torch_compile_{one}") for one in ("backend", "mode")),
        "torch_compile_backend or torch_compile_mode turns it on",
    ),
    Idle(
        ("training.liger_kernel_config",),
        ("training.use_liger_kernel",),
        lambda values: not values.get("training.use_liger_kernel"),
        "training.use_liger_kernel is false",
    ),
    Idle(
        ("training.gradient_checkpointing_kwargs", "training.activation_checkpointing_kwargs"),
        ("training.gradient_checkpointing", "training.activation_checkpointing"),
        lambda values: not values.get("training.gradient_checkpointing") and not values.get("training.activation_checkpointing"),
        "training.gradient_checkpointing is false",
    ),
    Idle(
        ("training.data_seed",),
        ("training.train_sampling_strategy",),
        lambda values: values.get("training.train_sampling_strategy") == "sequential",
        "training.train_sampling_strategy sequential draws no order",
    ),
    Idle(
        ("model.lora.r", "model.lora.alpha", "model.lora.dropout", "model.lora.target_modules"),
        ("model.lora",),
        lambda values: "model.lora.r" not in values,
        "model.lora is null",
    ),
    Idle(
        ("tokenizer.vocab_size",),
        ("model.checkpoint",),
        lambda values: values.get("model.checkpoint") is not None,
        "model.checkpoint brings its own tokenizer",
    ),
    Idle(
        tuple(f"model.config_overrides.{name}" for name in DROPOUTS),
        ("model.dropout_rate",),
        lambda values: values.get("model.dropout_rate") is not None,
        "model.dropout_rate takes its place",
    ),
)

_SPEED = "it changes how fast a trial runs, not what comes of it"
_TIDINESS = "it changes what a trial leaves behind, not what comes of it"
BETWEEN_WORKERS = (
    *("training.fsdp", "training.fsdp_config", "training.ddp_timeout", "training.ddp_bucket_cap_mb"),
    *("training.ddp_find_unused_parameters", "training.ddp_broadcast_buffers", "training.ddp_static_graph"),
)
"""Settings of how several workers share a training."""
HOUSEKEEPING: Mapping[str, str] = {
    "training.save_total_limit": _TIDINESS,
    "training.keep_checkpoint": _TIDINESS,
    "training.save_steps": _TIDINESS,
    "training.per_device_eval_batch_size": _SPEED,
    "training.gradient_checkpointing": _SPEED,
    "training.gradient_checkpointing_kwargs": _SPEED,
    "training.activation_checkpointing": _SPEED,
    "training.activation_checkpointing_kwargs": _SPEED,
    "training.dataloader_num_workers": _SPEED,
    "training.dataloader_pin_memory": _SPEED,
    "training.dataloader_persistent_workers": _SPEED,
    "training.dataloader_prefetch_factor": _SPEED,
    "training.dataloader_multiprocessing_context": _SPEED,
    "training.dataloader_in_order": _SPEED,
    "training.torch_empty_cache_steps": _SPEED,
    **dict.fromkeys(BETWEEN_WORKERS, "it changes how workers share a training, not what comes of it"),
    "training.timeout_s": "it ends a trial, and changes nothing else about it",
    "training.skip_memory_metrics": _TIDINESS,
    "training.logging_steps": _TIDINESS,
    "training.logging_first_step": _TIDINESS,
    "training.include_num_input_tokens_seen": _TIDINESS,
    "training.ignore_data_skip": "it matters for a resumed trial only, and would make it another one",
    "training.restore_callback_states_from_checkpoint": "it matters for a resumed trial only",
}
"""Settings that act, but never change what a model learns or says, and why."""

_EVALUATOR = "summtune's own evaluator scores"
_TRACKIO = "nothing is sent to Trackio"
NOTHING: Mapping[str, str] = {
    "training.eval_accumulation_steps": _EVALUATOR,
    "training.eval_do_concat_batches": _EVALUATOR,
    "training.eval_use_gather_object": _EVALUATOR,
    "training.batch_eval_metrics": _EVALUATOR,
    "training.include_for_metrics": _EVALUATOR,
    "training.bf16_full_eval": _EVALUATOR,
    "training.fp16_full_eval": _EVALUATOR,
    "training.log_on_each_node": "rank 0 alone reports",
    "training.save_on_each_node": "the run directory is shared by all nodes",
    "training.average_tokens_across_devices": "a step's loss is always the mean over its target tokens, whichever worker has them",
    "training.trackio_space_id": _TRACKIO,
    "training.trackio_bucket_id": _TRACKIO,
    "training.trackio_static_space_id": _TRACKIO,
    "training.length_column_name": "the family names that column",
    "training.use_cache": "training never uses the cache",
    "training.logging_nan_inf_filter": "a loss that is no finite number ends the trial",
}
"""transformers' arguments that nothing here looks at, and why: whoever sets one is told so."""

_MIRRORED = ("training.fp16", "training.bf16", "general.model_name")  # they repeat other settings
_OF_THE_DATA = "data."
_ALWAYS = ("general.seed",)


@cache
def _by_key() -> Mapping[str, tuple[Idle, ...]]:
    keys = {key for rule in IDLE for key in rule.keys}
    return {key: tuple(rule for rule in IDLE if key in rule.keys) for key in keys}


def arguments(values: Values) -> dict[str, Any]:
    """The arguments that settings come to: without those that are idle, not consumed, or transformers' own default anyway."""
    return {key: value for key, value in values.items() if idle(values, key) is None and not _is_default(key, value)}


def own_arguments(values: Values, keys: Iterable[str]) -> list[Any]:
    """What these keys alone come to, each with its name, a mapping by its entries: None where they change nothing."""
    flat = [
        one for key in keys for one in ([key] if key in values else [known for known in values if known.startswith(f"{key}.")] or [key])
    ]
    return [(key, None if idle(values, key) is not None or _is_default(key, values.get(key)) else values.get(key)) for key in flat]


def decides_others(key: str) -> bool:
    """Whether a key's value decides if other keys are idle, or which model it is."""
    return key in _deciding()


def _is_default(key: str, value: Any) -> bool:
    """Whether transformers would do the same without being told."""
    argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
    return argument is not None and value == argument.default and isinstance(value, bool) == isinstance(argument.default, bool)


@cache
def _deciding() -> frozenset[str]:
    return frozenset({"model.preset", "model.architecture", "model.checkpoint", *(key for rule in IDLE for key in rule.depends)})


def idle(values: Values, key: str) -> str | None:
    """Why a key changes nothing beside these settings; None where it does."""
    if key in _MIRRORED:
        return "another setting says the same"
    if key in HOUSEKEEPING or key in NOTHING:
        return HOUSEKEEPING.get(key) or NOTHING[key]
    for rule in idle_rules(values, key):
        return rule.because
    if key in _ALWAYS or key.startswith(_OF_THE_DATA):
        return None
    return _unconsumed(values.get("model.architecture"), key)


def idle_rules(values: Values, key: str) -> list[Idle]:
    """The rules by which a key is idle beside these settings."""
    return [rule for rule in _by_key().get(key, ()) if rule.holds(values)]


def identity(values: Values) -> str:
    """The arguments as one text: equal for two settings that are the same training."""
    return json.dumps(arguments(values), sort_keys=True, ensure_ascii=False, default=str)


def depends_on(key: str) -> tuple[str, ...]:
    """The settings that decide whether a key is idle, besides the model."""
    return tuple(dict.fromkeys(other for rule in _by_key().get(key, ()) for other in rule.depends))


@cache
def _unconsumed(architecture: object, key: str) -> str | None:
    """Why the family of an architecture takes no notice of a key; None where it does. Where the checkpoint decides, any family may."""
    named = family_of(architecture)
    families = [registry.load("families", name) for name in registry.names("families") if named in (None, name)]
    if any(covers(family.CONSUMES, key) for family in families):
        return None
    for family in families:
        if key in family.LIMITS:
            return str(family.LIMITS[key])
    return f"{named or 'no'} models take {'no ' if named else ''}notice of it"


def covers(consumed: Iterable[str], key: str) -> bool:
    """Whether a declaration covers a key: itself, a mapping that it lies in, or `section.*`."""
    return any(key == one or key.startswith(f"{one}.") or (one.endswith(".*") and key.startswith(one[:-1])) for one in consumed)
