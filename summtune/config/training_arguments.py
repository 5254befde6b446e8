"""`training` beyond summtune's own keys: transformers' arguments that a person may set, what became of dropped names, who decides the rest.

It must not know where a value came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from summtune.config.complaints import mismatch, one_of
from summtune.config.transformers_arguments import Argument, installed
from summtune.space.naming import Unfit
from summtune.space.values import shown

# Names that transformers gave up, or that are spelt otherwise here, to what takes their place.
RENAMED: Mapping[str, str] = {
    "label_smoothing_factor": "training.label_smoothing",
    "evaluation_strategy": "training.eval_strategy",
    "no_cuda": "training.use_cpu",
    "group_by_length": "training.train_sampling_strategy",
    "per_gpu_train_batch_size": "training.per_device_train_batch_size",
    "per_gpu_eval_batch_size": "training.per_device_eval_batch_size",
}

# Values that changed their names, by key.
RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    "training.optim": {"adamw_hf": "adamw_torch"},
    "training.max_steps": {-1: None},
    "training.train_sampling_strategy": {True: "group_by_length", False: "random"},  # it was the switch group_by_length
    "wandb.mode": {"dryrun": "offline", "run": "online"},
}

# Names that mean nothing any more: left out, with a notice.
DROPPED: Mapping[str, str] = {
    "fp16_opt_level": "it belonged to apex, which transformers no longer uses; `precision` decides",
    "fp16_backend": "transformers no longer uses it; `precision` decides",
    "half_precision_backend": "transformers no longer uses it; `precision` decides",
    "overwrite_output_dir": "a run never overwrites another's folder",
    "save_safetensors": "weights are always written as safetensors",
    "logging_dir": "logs lie in the run directory",
    "sortish_sampler": "batches are padded to their own longest text",
}


@dataclass(frozen=True)
class Decided:
    """An argument that summtune sets itself.

    Attributes:
        by: what decides it.
        harmless: values that ask for what is done anyway: left out, with a notice.
    """

    by: str
    harmless: tuple[Any, ...] = ()

    def asks_for_the_same(self, value: Any) -> bool:
        """Whether a value asks for what is done anyway; `true` is no 1."""
        return any(type(value) is type(harmless) and value == harmless for harmless in self.harmless)


DECIDED: Mapping[str, Decided] = {
    "output_dir": Decided("general.output_dir decides where runs lie"),
    "run_name": Decided("wandb.name decides it"),
    "project": Decided("wandb.project decides it"),
    "seed": Decided("general.seed decides it"),
    "log_level": Decided("general.log_level decides it"),
    "log_level_replica": Decided("general.log_level decides it"),
    "use_cpu": Decided("general.device: cpu decides it"),
    "report_to": Decided("wandb.mode decides it", ("none", [], None)),
    "eval_strategy": Decided("every epoch is evaluated (evaluation.every)", ("epoch",)),
    "eval_steps": Decided("every epoch is evaluated (evaluation.every)"),
    "eval_delay": Decided("every epoch is evaluated (evaluation.every)"),
    "eval_on_start": Decided("every epoch is evaluated (evaluation.every)", (False,)),
    "save_strategy": Decided("a checkpoint is written at every evaluation, and every training.save_steps steps", ("epoch", "steps")),
    "save_only_model": Decided("checkpoints hold all that a resume needs", (False,)),
    "load_best_model_at_end": Decided("the best model is always kept, by the search space's metric", (True,)),
    "metric_for_best_model": Decided("the search space's metric.name decides it"),
    "greater_is_better": Decided("the search space's metric.goal decides it"),
    "predict_with_generate": Decided("summaries are always generated at an evaluation (generation)", (True,)),
    "generation_max_length": Decided("generation.max_length decides it"),
    "generation_num_beams": Decided("generation.num_beams decides it"),
    "generation_config": Decided("the section generation decides it"),
    "do_train": Decided("a trial always trains", (True,)),
    "do_eval": Decided("a trial is always evaluated", (True,)),
    "do_predict": Decided("`summtune predict` does it", (False,)),
    "resume_from_checkpoint": Decided("`summtune resume` does it", (None,)),
    "remove_unused_columns": Decided("batches hold what the model takes", (True, False)),
    "disable_tqdm": Decided("the table of trials shows progress", (True, False)),
    "push_to_hub": Decided("a run publishes nothing", (False,)),
    "hub_model_id": Decided("a run publishes nothing", (None,)),
    "hub_token": Decided("a run publishes nothing", (None,)),
    "hub_strategy": Decided("a run publishes nothing"),
    "hub_private_repo": Decided("a run publishes nothing", (None, False)),
    "hub_always_push": Decided("a run publishes nothing", (False,)),
    "hub_revision": Decided("a run publishes nothing", (None,)),
    "local_rank": Decided("Ray Train decides it", (-1,)),
    "ddp_backend": Decided("Ray Train decides it", (None,)),
    "prediction_loss_only": Decided("every evaluation reports every metric", (False,)),
    "label_names": Decided("the family decides it", (None,)),
    "auto_find_batch_size": Decided("training.per_device_train_batch_size decides it", (False,)),
    "enable_jit_checkpoint": Decided("a checkpoint is written at every evaluation", (False,)),
    "debug": Decided("a loss that is no finite number ends a trial anyway (transformers' own check fails on attention masks)", ("", [])),
    "parallelism_config": Decided("workers share the rows of a step (resources.workers_per_trial), or its model by fsdp", (None,)),
    "logging_strategy": Decided("the loss is recorded at every evaluation", ("epoch", "steps", "no")),
}

# Upper ends that transformers leaves to torch, which finds out when a trial has begun (torch.optim.Adam: 0 <= beta < 1).
BELOW: Mapping[str, float] = {"adam_beta1": 1.0, "adam_beta2": 1.0}

_ALSO: Mapping[str, tuple[str, ...]] = {"fsdp": ("bool",)}
"""Types that transformers takes, and asks for in its documentation, but doesn't declare."""

_SIMPLE = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


def free_arguments() -> tuple[str, ...]:
    """Names of transformers' arguments that a person may set besides summtune's own keys."""
    return tuple(name for name in installed().arguments if name not in DECIDED and name not in RENAMED)


def check_argument(name: str, value: Any) -> Any:
    """The value of one of transformers' own arguments, of its type.

    Raises:
        Unfit: it is of another type, or a word that its enum doesn't know.
    """
    known = installed()
    argument = known.arguments.get(name)
    if argument is None:
        return value
    types = (*argument.types, *_ALSO.get(name, ()))
    for alternative in types:
        if alternative in known.enums and isinstance(value, str):
            if value not in known.enums[alternative]:
                raise one_of(value, list(known.enums[alternative]))
            return value
    fitting = [checked for checked in (_fit(alternative, value) for alternative in types) if checked is not None]
    if not fitting and not (value is None and _takes_nothing(argument)):
        meant = " or ".join(dict.fromkeys(_meaning(alternative) for alternative in types if alternative != "None"))
        raise mismatch(value, meant)
    _check_sign(argument, value)
    if name in BELOW and isinstance(value, (int, float)) and value >= BELOW[name]:
        raise Unfit(f"{shown(value)} is too large: it must be below {shown(BELOW[name])}.")
    return fitting[0] if fitting else None


def check_word(enum: str, value: str) -> None:
    """A word of one of transformers' enums (SchedulerType, OptimizerNames).

    Raises:
        Unfit: it isn't one.
    """
    words = installed().enums.get(enum, ())
    if words and value not in words:
        raise one_of(value, list(words))


def _fit(alternative: str, value: Any) -> Any:
    """The value if it is of that type, otherwise None."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if alternative == "float" and number and math.isfinite(value):
        return float(value)
    if alternative == "int" and number and float(value).is_integer():
        return int(value)
    if alternative == "bool" and isinstance(value, bool):
        return value
    if alternative in ("str", "Path") and isinstance(value, str):
        return value
    if alternative == "Literal[False]" and value is False:
        return value
    if alternative.startswith("list") and isinstance(value, list):
        return value
    if alternative.startswith("dict") and isinstance(value, dict):
        return value
    return None


def _takes_nothing(argument: Argument) -> bool:
    return "None" in argument.types


def _meaning(alternative: str) -> str:
    if alternative.startswith("list"):
        return "a list"
    if alternative.startswith("dict"):
        return "a mapping"
    return _SIMPLE.get(alternative, "text")


def _check_sign(argument: Argument, value: Any) -> None:
    """None of transformers' numbers may be negative, but where the default is."""
    negative = isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0
    default = argument.default
    if negative and not (isinstance(default, (int, float)) and default < 0):
        raise Unfit(f"{shown(value)} is too small: it must be at least 0.")
