"""Lets accelerate shard a model over processes without GPUs, which it would not do by itself; torch's FSDP2 does, over gloo."""

from __future__ import annotations

from typing import Any


def shard_without_gpus() -> None:
    """From now on, in this process."""
    from accelerate import state
    from accelerate.utils import DistributedType

    from summtune.training import arguments

    arguments.check_sharding = lambda hardware: None
    before = state.AcceleratorState.__init__

    def pretending(self: Any, *positional: Any, **named: Any) -> None:
        if not state.AcceleratorState._shared_state:  # what it then decides stays
            state.PartialState(cpu=True)
            state.PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        before(self, *positional, **named)

    state.AcceleratorState.__init__ = pretending
