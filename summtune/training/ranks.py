"""The processes of one training: which of them this is, and how they agree on what only one of them knows.

Gradients are none of its business: torch's DistributedDataParallel, which accelerate wraps the model in, reduces them. It must not know who
started the processes: whoever did has made torch's process group.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PATIENCE = timedelta(days=30)
"""How long the others wait for one of them: as long as it takes, while it summarises, writes, or waits for whoever it reports to.

A process that is gone is noticed at once, since its connections close, and one that hangs by whoever watches the training.
"""


@dataclass(frozen=True)
class Ranks:
    """The processes of a training.

    Attributes:
        rank: this one's number.
        size: how many there are; one that is alone talks to nobody.
        group: they talk through the CPU's memory whatever they compute on, so that a GPU's collectives, which have little patience, never
            wait for an evaluation.
    """

    rank: int = 0
    size: int = 1
    group: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and reports."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        return self.size > 1

    def gathered(self, value: Any) -> list[Any]:
        """What each process has, by rank; every process has to ask."""
        if not self.several:
            return [value]
        import torch.distributed

        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value, group=self.group)
        return values

    def told(self, value: Any) -> Any:
        """What rank 0 has; every process has to ask."""
        if not self.several:
            return value
        import torch.distributed

        box = [value]
        torch.distributed.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def meet(self) -> None:
        """Go on only when all have come here."""
        self.gathered(None)


_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused", "recvBytes failed", "gloo")
"""What gloo and torch's store say in a plain RuntimeError where another process is gone."""


def has_lost_another(error: BaseException) -> bool:
    """Whether an error says that another worker is gone, rather than what is wrong with this one."""
    import torch.distributed

    if not torch.distributed.is_available() or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.distributed.DistError) or any(words in str(error) for words in _GONE)


def rank_of_this_process() -> int:
    """Its number among those that torch's process group joins."""
    import torch.distributed

    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    return int(torch.distributed.get_rank()) if joined else 0


@contextmanager
def ranks_of_this_process() -> Iterator[Ranks]:
    """The processes that torch's process group joins; this one alone where there is none."""
    import torch.distributed

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()) or torch.distributed.get_world_size() == 1:
        yield Ranks()
        return
    group = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
    try:
        yield Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size(), group)
    finally:
        torch.distributed.destroy_process_group(group)
