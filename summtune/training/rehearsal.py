"""Before training, a step with the longest rows there are, undone afterwards: what doesn't fit into memory is known at once.

Done on GPUs: a machine's own memory ends processes instead of saying that there is too little. It must not know what is done about it
(`memory` does).
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from summtune.decoding.room import hand_back, is_out_of_memory
from summtune.training.log import LOG
from summtune.training.memory import DoesNotFit, Parts
from summtune.training.ranks import Ranks


@cache
def callback_class() -> Any:
    """The Trainer callback that rehearses once everything is where training will have it."""
    from transformers import TrainerCallback

    class Rehearsal(TrainerCallback):  # type: ignore[misc]  # transformers exports it lazily
        def __init__(self, parts: Parts, ranks: Ranks) -> None:
            self._parts, self._ranks = parts, ranks
            self.trainer: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            trainer, self.trainer = self.trainer, None
            if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
                LOG.info("no rehearsal: deepspeed and fsdp hold weights and optimiser in their own ways")
                return
            fits = largest_that_fits(trainer, self._parts, self._ranks)
            if fits != self._parts:
                raise DoesNotFit(fits, "in a rehearsal with the longest rows")

    return Rehearsal


def largest_that_fits(trainer: Any, parts: Parts, ranks: Ranks) -> Parts | None:
    """The largest parts of a step that fit into memory, beginning with these; None where not one row does.

    Args:
        trainer: about to train: model and optimiser prepared, on their device.
        parts: what was asked for.
        ranks: the workers, all of which have to agree: what doesn't fit one of them is too large for all.
    """
    began = time.perf_counter()
    candidate: Parts | None = parts
    with undone(trainer):
        while candidate is not None and not all(ranks.gathered(_fits(trainer, candidate))):
            hand_back()
            candidate = candidate.smaller()
    hand_back()
    LOG.info("rehearsal: %s fits (asked: %s), %.1f s", candidate or "nothing", parts, time.perf_counter() - began)
    return candidate


def longest_rows(rows: Any, count: int) -> list[int]:
    """Places of the rows that make the largest batch of so many, once padded.

    Args:
        rows: with columns `input_ids` and `labels`.
        count: how many; fewer where there are fewer.
    """
    sources = [len(source) for source in rows["input_ids"]]
    targets = [len(target) for target in rows["labels"]]
    together = [source + target for source, target in zip(sources, targets, strict=True)]
    # A batch is as long as its longest source and its longest target, which need not be the same row's.
    extremes = [max(range(len(lengths)), key=lengths.__getitem__) for lengths in (together, sources, targets)]
    by_length = sorted(range(len(together)), key=together.__getitem__, reverse=True)
    return list(dict.fromkeys([*extremes, *by_length[:count]]))[:count]


def _fits(trainer: Any, parts: Parts) -> bool:
    dataset = trainer.train_dataset
    batch = trainer.data_collator([dataset[place] for place in longest_rows(dataset, parts.rows)])
    try:
        trainer.rehearse(batch)
        _inner(trainer.optimizer).step()
        trainer.model.zero_grad()
        for _ in range(min(parts.accumulation, 2)):  # only now activations come on top of gradients and the optimiser's own numbers
            trainer.rehearse(batch)
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        return False
    finally:
        trainer.model.zero_grad()
    return True


@contextmanager
def undone(trainer: Any) -> Iterator[None]:
    """Weights, optimiser, loss scale and random numbers are afterwards as they were, bit for bit."""
    import numpy as np
    import torch

    model, optimizer, scaler = trainer.model, _inner(trainer.optimizer), trainer.accelerator.scaler
    changing = [*(weight for weight in model.parameters() if weight.requires_grad), *model.buffers()]
    before = [tensor.detach().to("cpu", copy=True) for tensor in changing]
    optimizer_before = _on_cpu(optimizer.state_dict())
    scaler_before = copy.deepcopy(scaler.state_dict()) if scaler is not None else None
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    states_of_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        for tensor, old in zip(changing, before, strict=True):
            tensor.detach().copy_(old)
        optimizer.load_state_dict(optimizer_before)
        if scaler is not None and scaler_before:
            scaler.load_state_dict(scaler_before)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
        if states_of_gpus:
            torch.cuda.set_rng_state_all(states_of_gpus)


def _inner(optimizer: Any) -> Any:
    """The optimiser itself: accelerate's would skip a step whose gradients overflow in fp16, and never make its own numbers."""
    return getattr(optimizer, "optimizer", optimizer)


def _on_cpu(value: Any) -> Any:
    """A copy outside the GPU's memory, which shall be measured as it will be."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_on_cpu(one) for one in value)
    return copy.deepcopy(value)
