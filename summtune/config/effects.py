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
from summtune.config.architectures import family_of
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
_NO_BETAS = ("adafactor", "sgd", "adagrad", "rmsprop")

IDLE: tuple[Idle, ...] = (
    Idle(
        ("generation.temperature", "generation.top_k", "generation.top_p"),
        ("generation.do_sample",),
        lambda values: not values.get("generation.do_sample"),
        "generation.do_sample is false",
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
    # transformers.trainer_optimizer hands its adam_kwargs to the optimisers of Adam's kin only.
    Idle(
        ("training.adam_beta1", "training.adam_beta2", "training.adam_epsilon"),
        ("training.optim",),
        lambda values: values.get("training.optim") in _NO_BETAS,
        f"optim {', '.join(_NO_BETAS[:-1])} and {_NO_BETAS[-1]} have no such number",
    ),
    Idle(
        ("training.early_stopping_threshold",),
        ("training.early_stopping_patience",),
        lambda values: values.get("training.early_stopping_patience") is None,
        "training.early_stopping_patience is off",
    ),
    Idle(
        ("training.torch_compile_backend", "training.torch_compile_mode"),
        ("training.torch_compile",),
        lambda values: not values.get("training.torch_compile"),
        "training.torch_compile is false",
    ),
    Idle(
        ("tokenizer.vocab_size",),
        ("model.checkpoint",),
        lambda values: values.get("model.checkpoint") is not None,
        "model.checkpoint brings its own tokenizer",
    ),
    Idle(
        ("model.config_overrides.dropout", "model.config_overrides.dropout_rate"),
        ("model.dropout_rate",),
        lambda values: values.get("model.dropout_rate") is not None,
        "model.dropout_rate takes its place",
    ),
)

_SPEED = "it changes how fast a trial runs, not what comes of it"
_TIDINESS = "it changes what a trial leaves behind, not what comes of it"
HOUSEKEEPING: Mapping[str, str] = {
    "training.save_total_limit": _TIDINESS,
    "training.save_steps": _TIDINESS,
    "training.per_device_eval_batch_size": _SPEED,
    "training.eval_accumulation_steps": _SPEED,
    "training.gradient_checkpointing": _SPEED,
    "training.gradient_checkpointing_kwargs": _SPEED,
    "training.activation_checkpointing": _SPEED,
    "training.activation_checkpointing_kwargs": _SPEED,
    "training.dataloader_num_workers": _SPEED,
    "training.dataloader_pin_memory": _SPEED,
    "training.dataloader_persistent_workers": _SPEED,
    "training.dataloader_prefetch_factor": _SPEED,
    "training.dataloader_multiprocessing_context": _SPEED,
    "training.torch_empty_cache_steps": _SPEED,
    "training.timeout_s": "it ends a trial, and changes nothing else about it",
    "training.skip_memory_metrics": _TIDINESS,
    "training.logging_steps": _TIDINESS,
    "training.logging_first_step": _TIDINESS,
    "training.log_on_each_node": _TIDINESS,
    "training.include_num_input_tokens_seen": _TIDINESS,
    "training.save_on_each_node": _TIDINESS,
    "training.enable_jit_checkpoint": _TIDINESS,
    "training.debug": _TIDINESS,
    "training.length_column_name": "the family names that column",
    "training.use_cache": "training never uses the cache",
    "training.ignore_data_skip": "it matters for a resumed trial only, and would make it another one",
    "training.restore_callback_states_from_checkpoint": "it matters for a resumed trial only",
    "training.eval_do_concat_batches": "summtune's own evaluator scores",
    "training.eval_use_gather_object": "summtune's own evaluator scores",
    "training.batch_eval_metrics": "summtune's own evaluator scores",
    "training.include_for_metrics": "summtune's own evaluator scores",
    "training.bf16_full_eval": "summtune's own evaluator scores",
    "training.fp16_full_eval": "summtune's own evaluator scores",
    "training.trackio_space_id": "nothing is sent to Trackio",
    "training.trackio_bucket_id": "nothing is sent to Trackio",
    "training.trackio_static_space_id": "nothing is sent to Trackio",
    "training.ddp_timeout": _SPEED,
    "training.ddp_bucket_cap_mb": _SPEED,
}
"""transformers' arguments that never change what a model learns or says, and why."""

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
    """What these keys alone come to: None where they change nothing."""
    return [None if idle(values, key) is not None or _is_default(key, values.get(key)) else values.get(key) for key in keys]


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
    if key in HOUSEKEEPING:
        return HOUSEKEEPING[key]
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
    if any(_covers(family.CONSUMES, key) for family in families):
        return None
    for family in families:
        if key in family.LIMITS:
            return str(family.LIMITS[key])
    return f"{named or 'no'} models take {'no ' if named else ''}notice of it"


def _covers(consumed: Iterable[str], key: str) -> bool:
    """Whether a family's declaration covers a key: itself, a mapping that it lies in, or `section.*`."""
    return any(key == one or key.startswith(f"{one}.") or (one.endswith(".*") and key.startswith(one[:-1])) for one in consumed)
