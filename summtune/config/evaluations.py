"""How many evaluations a training has: one after every so many epochs, and one at the end.

With `training.max_steps` that depends on how many rows there are to train on, which is known once the data have been read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

from summtune.space.bundle import Bundle
from summtune.space.parameters import Integers, Parameter
from summtune.space.shaped import Shaped

EPOCHS, STEPS = "training.num_train_epochs", "training.max_steps"

_BATCH = ("training.per_device_train_batch_size", "training.gradient_accumulation_steps")
_SAMPLES = "data.max_train_samples"


def evaluations(values: Mapping[str, Any], rows: int | None) -> int:
    """The evaluations of a training to its end.

    Args:
        values: flat settings.
        rows: of the training data; None where they have not been read: max_steps is passed over then.
    """
    every = int(values["evaluation.every"])
    steps = values.get(STEPS)
    if steps is None or rows is None:
        return -(-int(values[EPOCHS]) // every)
    taken = min(rows, values.get(_SAMPLES) or rows)
    rows_at_once, accumulation = (int(values[key]) for key in _BATCH)
    batches = taken // rows_at_once if values.get("training.dataloader_drop_last") else -(-taken // rows_at_once)
    per_epoch = max(1, -(-batches // accumulation))
    return -(-int(steps) // (per_epoch * every))


def longest(flat: Mapping[str, Any], parameters: Iterable[Parameter], rows: int | None = None) -> int:
    """The evaluations of the longest training over these settings.

    Args:
        flat: the settings beneath.
        parameters: what varies.
        rows: of the training data, where they have been read.
    """
    known = list(parameters)
    ends = {key: _ends(key, flat.get(key), known) for key in (EPOCHS, STEPS, *_BATCH, _SAMPLES)}
    return max(evaluations({**flat, **dict(zip(ends, one, strict=True))}, rows) for one in itertools.product(*ends.values()))


def by_steps(flat: Mapping[str, Any], parameters: Iterable[Parameter]) -> bool:
    """Whether max_steps says how long some training is."""
    return flat.get(STEPS) is not None or any(STEPS in parameter.keys for parameter in parameters)


def _ends(key: str, beneath: Any, parameters: Iterable[Parameter]) -> set[Any]:
    """The settings' own value, the least and the greatest that may be drawn, and None where it may be."""
    found = {beneath}
    for parameter in parameters:
        if key not in parameter.keys:
            continue
        if isinstance(parameter, (Integers, Shaped)):
            low, high = getattr(parameter, "low", -math.inf), getattr(parameter, "high", math.inf)
            drawn = [value for value in (low, high) if math.isfinite(value)]
        elif isinstance(parameter, Bundle):
            drawn = [dict(settings).get(key, beneath) for _, settings in parameter.options]
        else:
            drawn = [parameter.settings_of(parameter.at(index)).get(key, beneath) for index in range(parameter.size() or 0)]
        numbers = [value for value in drawn if value is not None]
        found |= {min(numbers), max(numbers)} if numbers else set()
        found |= {None} if None in drawn else set()
    return found
