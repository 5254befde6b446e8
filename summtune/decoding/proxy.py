"""The cheap evaluation: which dialogues stand for all of them, and how their summaries are decoded.

It must not know models or metrics. What it saves: most of the dialogues, and the long tails of models that can't end. One beam instead
of several would save, too, but puts models in another order (docs/measurements.md), so that it is a setting, and not the default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from summtune.config.settings import Generation, Settings

SHARE, LEAST, MOST = 1 / 6, 12, 80
"""Of the development set, unless evaluation.proxy_samples says otherwise; and the least and the most dialogues that stand for all."""

LONG_REFERENCE = 0.95
"""Summaries may be as long as this share of the references are at most."""


@dataclass(frozen=True)
class Proxy:
    """How the cheap evaluation is done.

    Attributes:
        places: rows of the development set that are decoded, ascending.
        generation: how.
        description: both in words, stored beside scores.
    """

    places: list[int]
    generation: Generation
    description: dict[str, str]


def proxy(settings: Settings, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Proxy:
    """The cheap evaluation of a development set.

    Args:
        settings: for `evaluation` and `generation`.
        sources: token ids of each dialogue.
        targets: token ids of each reference summary.
    """
    places = sample([len(source) for source in sources], settings.evaluation.proxy_samples or default_samples(len(sources)))
    lengths = sorted(len(target) for target in targets)
    generation = shortened(settings.generation, lengths[math.ceil(LONG_REFERENCE * len(lengths)) - 1] if lengths else 1)
    if settings.evaluation.proxy_decoding == "greedy":
        generation = generation.model_copy(update={"num_beams": 1, "do_sample": False})
    limit = generation.max_new_tokens if generation.max_new_tokens is not None else generation.max_length
    words = {
        "dialogues": f"{len(places)} of {len(sources)}, spread evenly over their lengths",
        "decoding": f"{settings.evaluation.proxy_decoding}, at most {limit} tokens",
    }
    return Proxy(places, generation, words)


def default_samples(dialogues: int) -> int:
    """How many of so many dialogues stand for all."""
    return min(max(round(SHARE * dialogues), LEAST), MOST)


def sample(lengths: Sequence[int], wanted: int) -> list[int]:
    """Places of `wanted` rows, spread evenly over the rows in the order of their lengths; ascending, the same whenever it is asked."""
    if wanted >= len(lengths):
        return list(range(len(lengths)))
    order = sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
    return sorted(order[(2 * stratum + 1) * len(order) // (2 * wanted)] for stratum in range(wanted))


def shortened(generation: Generation, longest: int) -> Generation:
    """The same decoding, cut off at `longest` tokens where it would go on for longer, but never below `min_length`."""
    key = "max_new_tokens" if generation.max_new_tokens is not None else "max_length"
    allowed: int = getattr(generation, key)
    return generation.model_copy(update={key: min(allowed, max(longest + 1, generation.min_length + 1))})
