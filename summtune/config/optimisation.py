"""What can't be among the settings of an optimisation: missing packages, schedules without their arguments, workers that aren't there,
quantised weights without adapters.

Found before anything starts, in what is set and in what may be drawn. It must not know how values were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from summtune.config.needs import KEYS, package_for
from summtune.config.places import is_there
from summtune.config.transformers_arguments import installed
from summtune.errors import Problem

_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "cosine_with_min_lr": ("min_lr", "min_lr_rate"),
    "cosine_warmup_with_min_lr": ("min_lr", "min_lr_rate"),
}
"""Schedules that want one of these, though each has a default."""

_NEED_WORKERS = ("dataloader_prefetch_factor", "dataloader_persistent_workers")
_TYPE, _KWARGS = "training.lr_scheduler_type", "training.lr_scheduler_kwargs"
_WORKERS = "training.dataloader_num_workers"
_LOW_RANK = ("galore", "apollo")
LOOKED_AT = (*KEYS, _TYPE, _KWARGS, _WORKERS, *(f"training.{name}" for name in _NEED_WORKERS), "training.optim_target_modules")
"""The keys whose values are judged here, but for the model's."""


@dataclass(frozen=True)
class Values:
    """What the settings of a training may be.

    Attributes:
        of: the values that a key may have: the one that is set, or all that may be drawn; none where they can't be listed.
        together: whether a point may have these values (dotted key to value).
        problem: makes a problem of a key: (key, reason, remedy).
    """

    of: Callable[[str], Sequence[Any]]
    together: Callable[[Mapping[str, Any]], bool]
    problem: Callable[[str, str, str], Problem]


def problems(values: Values) -> Iterator[Problem]:
    """Everything that is wrong."""
    yield from _packages(values)
    yield from _schedules(values)
    yield from _low_rank(values)
    yield from _workers(values)
    yield from _frozen(values)
    for file in values.of("training.deepspeed"):
        if isinstance(file, str) and not is_there(Path(file)):
            reason = f"there is no file {file}."
            yield values.problem("training.deepspeed", reason, "Check the path; in a file it is relative to that file.")


def _packages(values: Values) -> Iterator[Problem]:
    for key in KEYS:
        for value in values.of(key):
            package = package_for(key, value)
            if package is not None and not package.installed:
                what = f"{value} needs" if key == "training.optim" else "it needs"
                reason = f"{what} the package {package.module}, which is not installed."
                yield values.problem(key, reason, f"Install it: {package.install}.")


def _schedules(values: Values) -> Iterator[Problem]:
    for word, given in product(values.of(_TYPE), values.of(_KWARGS)):
        schedule = installed().schedules.get(word)
        if schedule is None or isinstance(given, str) or not values.together({_TYPE: word, _KWARGS: given}):
            continue
        names = tuple(given or ())
        missing = [name for name in schedule.needs if name not in names]
        one_of = _ONE_OF.get(word, ())
        if one_of and not set(one_of) & set(names):
            missing.append(" or ".join(one_of))
        if missing:
            remedy = f"Write `lr_scheduler_kwargs: {{{missing[0].partition(' or ')[0]}: …}}`."
            yield values.problem(_TYPE, f"{word} needs {' and '.join(missing)} in lr_scheduler_kwargs.", remedy)
        strange = [] if schedule.open or word.startswith("constant") else [name for name in names if name not in schedule.takes]
        if strange:
            takes = f"It takes {', '.join(schedule.takes)}." if schedule.takes else "It takes nothing."
            yield values.problem(_KWARGS, f"the schedule {word} takes no {' and no '.join(strange)}.", takes)


def _low_rank(values: Values) -> Iterator[Problem]:
    for word, modules in product(values.of("training.optim"), values.of("training.optim_target_modules")):
        if word.startswith(_LOW_RANK) and not modules:
            reason = f"{word} needs training.optim_target_modules: the modules whose gradients it projects."
            yield values.problem("training.optim", reason, "Write `optim_target_modules: all-linear`.")


def _workers(values: Values) -> Iterator[Problem]:
    for name in _NEED_WORKERS:
        key = f"training.{name}"
        for wanted, workers in product(values.of(key), values.of(_WORKERS)):
            if wanted and workers == 0 and values.together({key: wanted, _WORKERS: workers}):
                reason = "it is about worker processes, and training.dataloader_num_workers is 0."
                yield values.problem(key, reason, "Raise dataloader_num_workers, or leave it out.")


def _frozen(values: Values) -> Iterator[Problem]:
    """Models whose weights can't be trained themselves, and files that need a folder."""
    key = "model.quantization"
    for quantised, lora in product(values.of(key), values.of("model.lora")):
        if quantised != "none" and lora is None and values.together({key: quantised, "model.lora": lora}):
            reason = f"{quantised} weights can't be trained themselves, only adapters over them."
            yield values.problem(key, reason, "Write `lora: {}` beside it, or leave it out.")
    for file, checkpoint in product(values.of("model.gguf_file"), values.of("model.checkpoint")):
        if file is not None and checkpoint is None:
            yield values.problem("model.gguf_file", "it lies in a checkpoint, and none is named.", "Give model.checkpoint, its folder.")
