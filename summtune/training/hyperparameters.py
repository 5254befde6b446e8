"""An optimiser's hyperparameters are the settings', also where its state comes out of a checkpoint.

torch and transformers bring them back with the state, so that another learning rate, or a schedule over more epochs, would change nothing.
It must not know of settings or checkpoints: what the optimiser was made with is what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OF_A_GROUP = ("initial_lr", "weight_decay", "betas", "eps")
"""What settings say of a group of weights. What else is in a group may be state: some optimisers count there."""


@contextmanager
def as_asked(optimizer: Any, schedule: Any) -> Iterator[None]:
    """Inside, the states of both are loaded; afterwards they go on from there with the hyperparameters that they were made with.

    A schedule that watches the objective has set the rate itself, and keeps to it.
    """
    from torch import Tensor
    from torch.optim.lr_scheduler import LambdaLR

    asked = [{name: group[name] for name in _OF_A_GROUP if name in group} for group in optimizer.param_groups]
    yield
    by_the_step = isinstance(schedule, LambdaLR)
    if by_the_step:
        schedule.base_lrs = [group["initial_lr"] for group in asked]
    for number, (group, wanted) in enumerate(zip(optimizer.param_groups, asked, strict=True)):
        group.update(wanted)
        if by_the_step:
            rate = wanted["initial_lr"] * schedule.lr_lambdas[number](schedule.last_epoch)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
