"""Who evaluates: one process, or several that take a part of the dialogues each.

It must not know how processes talk to each other; whoever has several brings that (`training.ranks`).
"""

from __future__ import annotations

from typing import Any, Protocol


class Sharing(Protocol):
    """One of several processes that do the same at the same time.

    Attributes:
        rank: which of them this is, from 0.
        size: how many there are.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def gathered(self, value: Any) -> list[Any]:
        """What each process has, by rank; every process has to ask."""
        ...

    def told(self, value: Any) -> Any:
        """What rank 0 has; every process has to ask."""
        ...


class Alone:
    """The only process."""

    rank = 0
    size = 1

    def gathered(self, value: Any) -> list[Any]:
        """Its own."""
        return [value]

    def told(self, value: Any) -> Any:
        """Its own."""
        return value
