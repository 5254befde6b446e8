"""Lengths that can't be: beyond a model's positions, together or alone, or a shortest summary above the longest.

It must not know how lengths are used (`families` and `decoding` do).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from summtune import registry
from summtune.config import presets
from summtune.config.architectures import family_of
from summtune.config.checkpoint_facts import local_configuration
from summtune.config.layers import Layer
from summtune.config.searched import Possible, Searched, at, values_of
from summtune.config.settings import Settings
from summtune.errors import Problem
from summtune.space.values import shown

_SOURCE, _TARGET, _SUMMARY = "tokenizer.encoder_max_len", "tokenizer.decoder_max_len", "generation.max_length"
_SHORTEST, _NEW = "generation.min_length", "generation.max_new_tokens"
LOOKED_AT = (_SOURCE, _TARGET, _SUMMARY, _SHORTEST, _NEW)

MAX_PAIRS = 64
"""So many pairs of two lengths are asked after, the worst first."""


def positions(settings: Settings) -> int | None:
    """How many positions the model has, where that is known without loading it."""
    overrides = settings.model.config_overrides
    given = overrides.get("max_position_embeddings", overrides.get("n_positions"))
    if isinstance(given, int):
        return given
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        return None
    known = local_configuration(checkpoint)
    if known is not None:
        found = known.get("max_position_embeddings", known.get("n_positions"))
        relative = "t5" in str(known.get("model_type"))  # T5 has no positions that could run out
        return found if isinstance(found, int) and not relative else None
    preset = presets.of_model(checkpoint=checkpoint)
    return presets.positions(preset) if preset else None


def problems(settings: Settings, layer: Layer, searched: Mapping[str, Searched], possible: Possible) -> list[Problem]:
    """Lengths that can't be, in the resolved settings and in what may be drawn over them (see `validation.combinations`)."""
    judge = _Judge(settings, layer, searched, possible)
    limit = positions(settings)
    found = judge.beyond(limit) if limit is not None else []
    if limit is not None and not found and _shares_positions(settings):
        found = judge.beyond_together(limit)
    return [*found, *judge.crossed()]


@dataclass(frozen=True)
class _Judge:
    """One model's settings, and what varies over them."""

    settings: Settings
    layer: Layer
    searched: Mapping[str, Searched]
    possible: Possible

    def beyond(self, limit: int) -> list[Problem]:
        """Single lengths beyond the positions."""
        found = []
        summaries = (_NEW,) if self.settings.generation.max_new_tokens is not None and _NEW not in self.searched else (_SUMMARY, _NEW)
        for key in (_SOURCE, _TARGET, *summaries):
            above = sorted((value for value in self._values(key) if value > limit), reverse=True)
            worst = next((value for value in above if self._together({key: value})), None)
            if worst is not None:
                found.append(self._problem((key,), f"{shown(worst)} is beyond the model's {limit} positions.", f"Give at most {limit}."))
        return found

    def beyond_together(self, limit: int) -> list[Problem]:
        """Prompt and summary beyond the positions that they share, in training and in decoding."""
        summary = _NEW if self.settings.generation.max_new_tokens is not None or _NEW in self.searched else _SUMMARY
        for key in (_TARGET, summary):
            pair = self._pair(_SOURCE, key, lambda source, target: source + target - limit)
            if pair is not None:
                name = key.rpartition(".")[2]
                reason = f"{shown(pair[0])} with {name} {shown(pair[1])} is beyond the model's {limit} positions:"
                reason += " prompt and summary share them."
                return [self._problem((_SOURCE, key), reason, f"Give at most {limit} for both together.")]
        return []

    def crossed(self) -> list[Problem]:
        """A shortest summary that is longer than the longest."""
        if self.settings.generation.max_new_tokens is not None or _NEW in self.searched:
            return []
        pair = self._pair(_SHORTEST, _SUMMARY, lambda shortest, longest: shortest - longest)
        if pair is None:
            return []
        both = {_SHORTEST, _SUMMARY} <= set(self.searched)
        remedy = "Lower it, or add a rule: `require: min_length <= max_length`." if both else "Lower it, or raise that."
        return [self._problem((_SHORTEST, _SUMMARY), f"{shown(pair[0])} is above {_SUMMARY}, {shown(pair[1])}.", remedy)]

    def _values(self, key: str) -> list[Any]:
        """What a length may be: its fixed value, each of a choice, or a range's ends."""
        if key not in self.searched:
            section, _, name = key.partition(".")
            fixed = getattr(getattr(self.settings, section), name)
            return [] if fixed is None else [fixed]
        parameter = self.searched[key].parameter
        values = values_of(parameter) or (getattr(parameter, "low", None), getattr(parameter, "high", None))
        return [value for value in values if isinstance(value, (int, float)) and math.isfinite(value)]

    def _pair(self, one: str, other: str, excess: Callable[[Any, Any], float]) -> tuple[Any, Any] | None:
        """The worst two values that may be drawn together and exceed what is allowed; None where there are none."""
        firsts = heapq.nlargest(MAX_PAIRS, self._values(one), key=lambda value: excess(value, 0))
        seconds = heapq.nlargest(MAX_PAIRS, self._values(other), key=lambda value: excess(0, value))
        pairs = [(first, second) for first in firsts for second in seconds if excess(first, second) > 0]
        worst = heapq.nlargest(MAX_PAIRS, pairs, key=lambda pair: excess(*pair))
        return next((pair for pair in worst if self._together({one: pair[0], other: pair[1]})), None)

    def _together(self, wanted: Mapping[str, Any]) -> bool:
        drawn = {key: value for key, value in wanted.items() if key in self.searched}
        return not drawn or self.possible(drawn)

    def _problem(self, keys: tuple[str, ...], reason: str, remedy: str) -> Problem:
        """Laid to the first of these that is searched, otherwise to the first."""
        for key in keys:
            if key in self.searched:
                return self.searched[key].problem(reason if key == keys[0] else f"{keys[0]} {reason}", remedy)
        return at(self.layer, keys[0], reason, remedy)


def _shares_positions(settings: Settings) -> bool:
    """Whether the model's family puts source and target into one sequence."""
    named = family_of(settings.model.architecture)
    return named is not None and bool(getattr(registry.load("families", named), "SHARES_POSITIONS", False))
