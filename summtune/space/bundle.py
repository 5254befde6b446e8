"""Parameters that are several settings at once: architecture and checkpoint, batch size and accumulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from summtune.space.source import OneOf, Question
from summtune.space.values import brief, index_in, listed, same


@dataclass(frozen=True)
class Bundle:
    """Several settings that move together, under one label.

    Attributes:
        title: the bundle's own name; no settings key.
        options: label and its settings (dotted key, value), in the order of the file.
    """

    kind: ClassVar[str] = "bundle"
    title: str
    options: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]

    @property
    def name(self) -> str:
        return self.title

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for label, _ in self.options)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for _, settings in self.options for key, _ in settings))

    @property
    def common_keys(self) -> frozenset[str]:
        """The keys that every label sets."""
        return frozenset.intersection(*(frozenset(key for key, _ in settings) for _, settings in self.options))

    def question(self) -> Question | None:
        return OneOf(self.labels)

    def value_of(self, answer: Any) -> str:
        return self.labels[index_in(self.labels, answer)]

    def answer_to(self, value: Any) -> Any:
        return self.labels[index_in(self.labels, value)]

    def settings_of(self, value: Any) -> dict[str, Any]:
        return dict(self.options[index_in(self.labels, value)][1])

    def label_of(self, point: Mapping[str, Any], beneath: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda settings: {}) -> str:
        """The label that a point has; of several the one that sets most.

        Args:
            point: what was drawn, or complete settings.
            beneath: from a label's settings to the values that are not drawn then, which complete settings have, too.

        Raises:
            ValueError: none.
        """
        found = []
        for label, settings in self.options:
            expected = {**beneath(dict(settings)), **dict(settings)}
            whole = all(key in point for key, _ in settings)
            if whole and all(same(point[key], expected[key]) for key in self.keys if key in point and key in expected):
                found.append((len(settings), label))
        if not found:
            raise ValueError(f"{self.title} has no such settings")
        return max(found, key=lambda one: one[0])[1]

    def size(self) -> int | None:
        return len(self.options)

    def at(self, index: int) -> str:
        return self.labels[index]

    def index_of(self, value: Any) -> int:
        return index_in(self.labels, value)

    def describe(self) -> str:
        said = [f"{label} ({', '.join(f'{key} {brief(value)}' for key, value in settings)})" for label, settings in self.options]
        return "one of " + listed(said)
