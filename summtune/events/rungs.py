"""What trials are compared with at one rung, kept in order as they arrive: so that a verdict needn't sort all that have been there.

It must not know what follows from an order; the stopping rules do.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

Entry = tuple[float, int, str]
"""A mark (less is better), the how-manieth it was to arrive, and the trial: what sorts entries, best first."""


@dataclass
class Rung:
    """The trials of a bracket that have been at a rung.

    Attributes:
        maximize: whether more is better.
        marks: what others are judged by, ascending.
    """

    maximize: bool
    marks: list[float] = field(default_factory=list)
    _entries: dict[str, Entry] = field(default_factory=dict)
    _order: list[Entry] = field(default_factory=list)
    _paused: list[Entry] = field(default_factory=list)
    _gone_on: set[str] = field(default_factory=set)
    _arrived: int = 0

    def __len__(self) -> int:
        return len(self._order)

    @property
    def gone_on(self) -> int:
        """How many went on from here, at once or after a pause; those that ended while they waited did not."""
        return len(self._gone_on)

    def arrive(self, trial: str, mark: float) -> None:
        """A trial is here for the first time, or again after it was begun anew."""
        self.forget(trial)
        self._arrived += 1
        entry = (-mark if self.maximize else mark, self._arrived, trial)
        self._entries[trial] = entry
        insort(self._order, entry)
        insort(self.marks, mark)

    def forget(self, trial: str) -> None:
        """What a trial did here no longer counts."""
        entry = self._entries.pop(trial, None)
        self._gone_on.discard(trial)
        if entry is not None:
            self.leave(trial, entry)
            del self._order[bisect_left(self._order, entry)]
            del self.marks[bisect_left(self.marks, -entry[0] if self.maximize else entry[0])]

    def pause(self, trial: str) -> None:
        """A trial waits here."""
        insort(self._paused, self._entries[trial])

    def go_on(self, trial: str) -> None:
        """A trial goes on from here."""
        self.leave(trial)
        self._gone_on.add(trial)

    def leave(self, trial: str, entry: Entry | None = None) -> None:
        """A trial waits here no longer, if it did."""
        entry = entry or self._entries[trial]
        at = bisect_left(self._paused, entry)
        if self._paused[at : at + 1] == [entry]:
            del self._paused[at]

    def best_paused(self) -> str | None:
        """The best of those that wait here."""
        return self._paused[0][2] if self._paused else None

    def mark(self, trial: str) -> float:
        """What a trial is judged by here."""
        mark = self._entries[trial][0]
        return -mark if self.maximize else mark

    def __contains__(self, trial: str) -> bool:
        return trial in self._entries
