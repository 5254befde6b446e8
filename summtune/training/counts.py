"""What a training counts as it goes, without ever waiting for the GPU: tokens, positions, losses.

It must not know who asks, nor when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from summtune.training.ranks import Ranks


class Counts:
    """Sums since they were last forgotten.

    Attributes:
        tokens: of source and target, padding left out; on the device until it is asked for.
        positions: for which the model computed something, padding included.
        loss: sum over micro-batches; each is a share of its optimiser step's.
    """

    def __init__(self, ranks: Ranks = Ranks()) -> None:  # noqa: B008  # frozen
        self._ranks = ranks
        self.tokens: Any = 0
        self.positions = 0
        self.loss = 0.0
        self._arriving: tuple[Any, Any, int] | None = None

    def add(self, tokens: Any, positions: int) -> None:
        """One micro-batch."""
        self.tokens = self.tokens + tokens
        self.positions += positions

    @property
    def padding_share(self) -> float:
        """Of the positions, those that held nothing."""
        return 1.0 - float(self.tokens) / self.positions if self.positions else 0.0

    def forget(self) -> None:
        """Begin anew."""
        self.tokens, self.positions, self.loss = 0, 0, 0.0

    def record(self) -> dict[str, float | int]:
        """What is known so far, for a checkpoint between two evaluations."""
        return {"tokens": int(self.tokens), "positions": self.positions, "loss": self.loss}

    def take_up(self, record: Mapping[str, Any]) -> None:
        """Go on counting from what `record` gave."""
        if self._ranks.first:
            self.tokens, self.positions, self.loss = record["tokens"], record["positions"], record["loss"]

    def together(self) -> Counts:
        """The sums over all workers, each of which has to ask."""
        records = self._ranks.gathered(self.record())
        counts = Counts()
        counts.take_up({name: sum(record[name] for record in records) for name in records[0]})
        return counts

    def loss_arrives(self, loss: Any, step: int) -> tuple[float, int] | None:
        """Take in a micro-batch's loss, a scalar on any device.

        A GPU's is copied while the GPU goes on, and counted when the next one is handed in.

        Returns:
            The loss that is not a number, and the step it was made at; None where all is well.
        """
        import torch

        if loss.device.type != "cuda":
            return self._counted(loss.item(), step)
        before = self.loss_of_last_step()
        copy = torch.empty((), dtype=loss.dtype, pin_memory=True)
        copy.copy_(loss, non_blocking=True)
        event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._arriving = copy, event, step
        return before

    def loss_of_last_step(self) -> tuple[float, int] | None:
        """Wait for what has not arrived yet; to be called before anything is made of `loss`. Returns what `loss_arrives` does."""
        if self._arriving is None:
            return None
        copy, event, step = self._arriving
        self._arriving = None
        event.synchronize()
        return self._counted(copy.item(), step)

    def _counted(self, value: float, step: int) -> tuple[float, int] | None:
        # A worker's loss is so many times its share as there are workers, since gradients are averaged over them.
        self.loss += value / self._ranks.size
        return None if math.isfinite(value) else (value, step)
