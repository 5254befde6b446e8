"""What a trial has of the cluster: how many workers, and what each of them reserves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ACCELERATOR = "accelerator_type:"
"""What Ray calls the resource by which a node says which GPUs it has; there is 1 of it on each such node."""
_A_LITTLE = 0.001
"""Of a node's `accelerator_type:…`, as Ray's own option asks for."""


@dataclass(frozen=True)
class Allotment:
    """What a trial has, all its workers together.

    Attributes:
        cpus: CPUs; those of a worker are also its number of threads.
        gpus: GPUs; fractions share one. Several workers have one each.
        workers: processes that train it together.
        accelerator_type: which GPUs, by Ray's names.
        label_selector: which nodes, by their labels, in Ray's words.
    """

    cpus: float
    gpus: float
    workers: int = 1
    accelerator_type: str | None = None
    label_selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_a_worker(self) -> Allotment:
        """One worker's share."""
        return replace(self, cpus=self.cpus / self.workers, gpus=self.gpus / self.workers, workers=1)

    @property
    def threads(self) -> int:
        """CPU threads of a worker."""
        return max(1, int(self.cpus / self.workers))

    @property
    def bundle(self) -> dict[str, float]:
        """What a worker reserves, by Ray's names."""
        share = self.of_a_worker
        return {"CPU": share.cpus} | ({"GPU": share.gpus} if share.gpus else {}) | self.kind

    @property
    def kind(self) -> dict[str, float]:
        """What tells the nodes apart that a worker may be on, as a resource of theirs."""
        return {f"{ACCELERATOR}{self.accelerator_type}": _A_LITTLE} if self.accelerator_type else {}
