"""Leaves a process as a training found it: threads, random generators, environment, accelerate's singletons, memory.

Actors are reused: whatever one training leaves behind is the next one's problem.
"""

from __future__ import annotations

import gc
import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from summtune.config.settings import Training
from summtune.training.compiling import forget_compiled

_TOUCHED = ("ACCELERATE_", "FSDP_", "TOKENIZERS_PARALLELISM", "CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING", "FLASH_ATTENTION_")


@contextmanager
def restored(threads: int | None) -> Iterator[None]:
    """Run a training inside: afterwards everything process-wide that it changed is back.

    Args:
        threads: torch's CPU threads meanwhile; None leaves them.
    """
    import numpy as np
    import torch

    environment = _environment()
    threads_before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    backends: Any = torch.backends
    products = backends.fp32_precision
    # What is saved and put back here is the caller's: trainings themselves are seeded by transformers, globally.
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    if threads is not None:
        torch.set_num_threads(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # forked dataloader workers would otherwise warn or hang
    # transformers and accelerate collect garbage several times per training; looking through all that torch and transformers have
    # loaded takes a third of a second each time. What is there already is left out until the training ends.
    gc.freeze()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(deterministic)  # full_determinism turns it on
        backends.fp32_precision = products  # transformers has set tf32 for the process
        _restore_environment(environment)
        forget_accelerate()
        forget_compiled()
        gc.collect()
        gc.unfreeze()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def world_of_one(training: Training) -> Iterator[None]:
    """Inside, a training with DeepSpeed finds the process group that it insists on, though this process is alone in it.

    The group itself stays: DeepSpeed keeps handles to it in its modules, and would fail the next training in a new one.
    """
    if not training.model_dump().get("deepspeed") or "RANK" in os.environ:
        yield
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    before = {name: os.environ.get(name) for name in alone}
    os.environ.update(alone)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def forget_accelerate() -> None:
    """Let the next training choose device and precision anew: accelerate keeps them in process-wide singletons."""
    from accelerate.state import AcceleratorState, GradientState, PartialState

    AcceleratorState._reset_state()
    GradientState._reset_state()
    PartialState._reset_state()


def _environment() -> dict[str, str]:
    """The variables that transformers, accelerate and this module set. Others may be another thread's, such as Ray's."""
    return {name: value for name, value in os.environ.items() if name.startswith(_TOUCHED)}


def _restore_environment(before: dict[str, str]) -> None:
    for name in _environment():
        del os.environ[name]
    os.environ.update(before)
