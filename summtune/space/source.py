"""Where drawn values come from: a sampler that is asked plain questions.

A parameter says what it asks, a search answers (Optuna's samplers, a seeded generator). It must not know which of them it is.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class OneOf:
    """Which of these? They are text, numbers, booleans or None. With weights, what share of even-handed draws each gets."""

    choices: tuple[Any, ...]
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class WholeNumber:
    """Which integer from low to high, both included; low plus a multiple of step? `log` comes with step 1 only."""

    low: int
    high: int
    log: bool = False
    step: int = 1


@dataclass(frozen=True)
class Number:
    """Which number from low to high, both included; with a step, low plus a multiple of it? `log` comes without a step only."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


Question = OneOf | WholeNumber | Number


class Source(Protocol):
    """Answers questions. Asked again under the same name, it may answer otherwise: what it said before could not be used."""

    def answer(self, name: str, question: Question) -> Any:
        """An answer to the question of the parameter `name`."""


class Dice:
    """Answers evenly, or by weight where there are any; two of the same seed say the same."""

    def __init__(self, seed: int | random.Random) -> None:
        self._random = seed if isinstance(seed, random.Random) else random.Random(seed)

    def answer(self, name: str, question: Question) -> Any:
        if isinstance(question, OneOf):
            return self._random.choices(question.choices, question.weights)[0]
        if isinstance(question, WholeNumber):
            if not question.log:
                return self._random.randrange(question.low, question.high + 1, question.step)
            # Each integer owns the half around it, as Optuna has it.
            drawn = math.exp(self._random.uniform(math.log(question.low - 0.5), math.log(question.high + 0.5)))
            return min(max(round(drawn), question.low), question.high)
        if question.step is not None:
            return question.low + question.step * self._random.randrange(round((question.high - question.low) / question.step) + 1)
        if question.log:
            drawn = math.exp(self._random.uniform(math.log(question.low), math.log(question.high)))
            return min(max(drawn, question.low), question.high)
        return self._random.uniform(question.low, question.high)
