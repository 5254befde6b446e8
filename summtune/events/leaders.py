"""Trials by how good they are, so that the best of very many is at hand at every event.

It must not know what makes a trial better, or good for nothing: whoever asks says which entries still hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Leaders:
    """A heap of what was said of trials, each time that one got better. Entries that no longer hold go when they come to the top."""

    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _said: int = 0

    def add(self, trial: str, cost: float) -> None:
        """A trial has this cost from now on, less being better; of equal ones who said so first is ahead."""
        self._said += 1
        heapq.heappush(self._heap, (cost, self._said, trial))

    def first(self, holds: Callable[[str, float], bool]) -> str | None:
        """The best trial.

        Args:
            holds: whether a trial still has that cost, and may be the best. What doesn't now never will, unless it is added again.
        """
        while self._heap and not holds(self._heap[0][2], self._heap[0][0]):
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None
