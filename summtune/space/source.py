"""Where drawn values come from: a sampler behind three questions.

A space asks, a search answers (Optuna's suggestions, a seeded generator, a recorded point). It must not know which of them it is.
"""

from __future__ import annotations

from typing import Any, Protocol


class Source(Protocol):
    """Answers with one value per name. A name is the parameter's dotted key, and is asked for at most once per point."""

    def categorical(self, name: str, choices: tuple[Any, ...]) -> Any:
        """One of the choices; they are text, numbers, booleans or None."""

    def integer(self, name: str, low: int, high: int, *, log: bool, step: int) -> int:
        """An integer from low to high, both included; low plus a multiple of step. `log` comes with step 1 only."""

    def real(self, name: str, low: float, high: float, *, log: bool, step: float | None) -> float:
        """A number from low to high, both included; with a step, low plus a multiple of it. `log` comes without a step only."""
