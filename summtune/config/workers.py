"""How many workers train a trial, and what that asks of its settings.

A step's rows are the same however many workers share them: `per_device_train_batch_size` times `gradient_accumulation_steps`, as with one
worker. So a search space means the same on every machine. It must not know how workers are started.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from summtune.config.architectures import family_of
from summtune.config.effects import BETWEEN_WORKERS
from summtune.config.layers import Layer
from summtune.config.searched import Searched, at, values_of
from summtune.config.settings import Settings
from summtune.errors import Problem
from summtune.space.parameters import Parameter

ROWS, ACCUMULATION, FSDP = "training.per_device_train_batch_size", "training.gradient_accumulation_steps", "training.fsdp"

_DEALING = {
    "train_sampling_strategy": ("batch_rebalance", "it deals rows out to workers by rules of its own, so that a step would be another one"),
    "dataloader_drop_last": (True, "which rows are left out would depend on the number of workers"),
    "accelerator_config": (None, "how rows come to several workers is decided: the steps are those of one"),
}
"""transformers' arguments that would make several workers' steps other ones: the value, and why."""


def workers_of(workers: int | None, gpus: float | None) -> int:
    """Workers of a trial: as asked for, else one for each of several GPUs.

    Args:
        workers: resources.workers_per_trial.
        gpus: resources.gpus_per_trial.
    """
    return workers if workers is not None else max(1, int(gpus or 1))


def resource_problem(workers: int | None, gpus: float | None) -> tuple[str, str] | None:
    """What is wrong with these two, and what to do; None where nothing is."""
    if gpus is not None and gpus > 1 and not float(gpus).is_integer():
        return f"{gpus:g} GPUs are neither a fraction of one nor whole ones.", "Give at most 1, or a whole number."
    if workers is not None and gpus and workers > 1 and gpus != workers:
        reason = f"{workers} workers have a GPU each, and {gpus:g} are given."
        return reason, f"Leave it out, or write {workers}; 0 for workers without GPUs."
    if workers == 1 and gpus is not None and gpus > 1:
        return f"{gpus:g} GPUs are for as many workers, and workers_per_trial is 1.", "Remove one of them."
    return None


def problems(settings: Settings, layer: Layer, searched: Mapping[str, Searched], workers: int) -> Iterator[Problem]:
    """What so many workers can't do with these settings, or with what may be drawn over them."""
    training = settings.training
    fsdp = (training.model_extra or {}).get("fsdp")
    if fsdp and workers == 1:
        reason = "it shards a model over several workers, and a trial has one."
        yield at(layer, FSDP, reason, "Give resources.workers_per_trial (`summtune train` has one worker), or leave it out.")
    if fsdp and workers > 1:
        yield from _sharding(settings, layer)
    if workers == 1:
        return
    rows = _least(searched.get(ROWS), training.per_device_train_batch_size)
    accumulation = _least(searched.get(ACCUMULATION), training.gradient_accumulation_steps)
    if rows * accumulation < workers:
        reason = f"a step of {rows * accumulation} rows can't be shared by {workers} workers."
        yield at(layer, ROWS, reason, "Give resources.workers_per_trial fewer, or steps more rows.")
    for key, value in (training.model_extra or {}).items():
        if key in _DEALING and value == _DEALING[key][0] or key == "accelerator_config" and value:
            yield at(layer, f"training.{key}", f"{_DEALING[key][1]}.", "Leave it out.")


def _sharding(settings: Settings, layer: Layer) -> Iterator[Problem]:
    """What can't be sharded."""
    config = (settings.training.model_extra or {}).get("fsdp_config") or {}
    config = {name.removeprefix("fsdp_"): value for name, value in config.items()} if isinstance(config, dict) else {}
    if settings.general.device == "cpu":
        yield at(layer, FSDP, "accelerate shards models on GPUs only, and general.device is cpu.", "Leave one of them out.")
    if settings.model.lora is not None or settings.model.quantization != "none":
        reason = "adapters and quantised weights can't be put together again for evaluating."
        yield at(layer, FSDP, reason, "Leave it out: they need little memory as they are.")
    if config.get("state_dict_type", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        reason = "checkpoints in shards hold pickles, which summtune doesn't load."
        yield at(layer, "training.fsdp_config", reason, "Leave state_dict_type out.")
    if family_of(settings.model.architecture) == "seq2seq" and config.get("version", 2) != 1:
        reason = "FSDP2 can't shard a model whose encoder and decoder share their embeddings."
        yield at(layer, FSDP, reason, "Write `fsdp_config: {version: 1}`, where transformers still has it, or use deepspeed.")


def notices(settings: Settings, layer: Layer, workers: int) -> Iterator[str]:
    """What a person should know of how workers share a trial."""
    training = settings.training
    if workers == 1:
        given = (key for key, entry in layer.items() if key in BETWEEN_WORKERS and entry.value not in (None, "", False))
        yield from (f"{key} has no effect: a trial has one worker." for key in given if key != FSDP)
        return
    rows = training.per_device_train_batch_size * training.gradient_accumulation_steps
    yield (
        f"{workers} workers share the {rows} rows of each optimiser step (per_device_train_batch_size times gradient_accumulation_steps): "
        "what is trained does not depend on how many there are."
    )


def _least(searched: Searched | None, fixed: int) -> int:
    """The least that may be drawn; the fixed value where nothing is."""
    if searched is None:
        return fixed
    parameter: Parameter = searched.parameter
    values = [value for value in values_of(parameter) if isinstance(value, int)] or [getattr(parameter, "low", fixed)]
    return int(min([*values, fixed]))
