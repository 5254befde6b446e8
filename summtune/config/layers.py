"""Layers of settings, from weakest to strongest, and their merging; each value keeps where it came from.

    built-in defaults < preset of the base's own model < base file < preset of another model < settings: < what the search draws <
    environment < --set

Of what the search draws only models are merged here, one resolution for each; all else is laid over a point at a time (`experiment`),
since the stronger layers' keys have left the space by then.
It must not know how layers are read (`settings_file`, `environment`), nor what becomes of a base under another model (`other_model`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from summtune.config.settings import OPEN_KEYS, Lora, Settings
from summtune.errors import Problem

LayerName = Literal["default", "preset", "base", "settings", "parameters", "search", "environment", "--set"]


@dataclass(frozen=True)
class Origin:
    """Where a value came from.

    Attributes:
        layer: its layer.
        file: the file as the person named it; for the environment the variable, for --set the assignment.
        line: 1-based line in the file.
    """

    layer: LayerName
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f" {self.file}" if self.file else ""
        return f"{self.layer}{place}{f':{self.line}' if self.line is not None else ''}"


@dataclass(frozen=True)
class Entry:
    """One value of one layer.

    Attributes:
        value: checked for its key.
        origin: where it came from.
        written: the key as the person wrote it.
        column: 1-based column in the file.
        mapping: the key of the mapping that was given as a whole, of which this is one value.
    """

    value: Any
    origin: Origin
    written: str
    column: int | None = None
    mapping: str | None = None

    def problem(self, reason: str, remedy: str = "") -> Problem:
        """A problem with this value."""
        file = "" if self.origin.layer in ("environment", "--set", "default") else self.origin.file
        return Problem(reason, remedy, self.written, file, self.origin.line, self.column)


Layer = dict[str, Entry]


@dataclass(frozen=True)
class Resolved:
    """Settings, and the origin of each value that isn't a default (those are built in)."""

    settings: Settings
    origins: Mapping[str, Origin]

    @cached_property
    def flat(self) -> Mapping[str, Any]:
        """The settings by dotted key."""
        return flatten(self.settings.model_dump(mode="json"))

    def origin(self, key: str) -> Origin:
        """Where a key's value came from."""
        return self.origins.get(key, Origin("default"))


def lay(weaker: Layer, stronger: Mapping[str, Entry]) -> Layer:
    """One layer over another. A mapping such as `model.lora` is laid over entry by entry; null clears it, where it may be null."""
    merged = dict(weaker)
    for key, entry in _entry_by_entry(stronger):
        if entry.value == {} and key in OPEN_KEYS and any(known.startswith(f"{key}.") for known in merged):
            continue  # it asks for nothing beyond what is there
        for under in [known for known in merged if known.startswith(f"{key}.")]:
            del merged[under]
        above = key.rpartition(".")[0]
        if above in merged:
            del merged[above]
        merged[key] = entry
    return merged


def _entry_by_entry(layer: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    for key, entry in layer.items():
        if key in OPEN_KEYS and isinstance(entry.value, dict) and entry.value:
            for name, value in entry.value.items():
                yield f"{key}.{name}", replace(entry, value=value)
        else:
            yield key, entry


def without(layer: Layer, keys: Iterable[str]) -> Layer:
    """A layer without some keys, and without what lies below them."""
    gone = tuple(keys)
    return {key: entry for key, entry in layer.items() if not among(key, gone)}


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"training.learning_rate": 1e-4}` as sections."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *above, last = key.split(".")
        here = nested
        for part in above:
            inner = here.setdefault(part, {})
            here = inner if isinstance(inner, dict) else here
        here[last] = value
    return nested


def flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Sections as dotted keys; mappings, of which parts can vary, key by key."""
    values: dict[str, Any] = {}
    for section, keys in sections.items():
        for name, value in keys.items():
            key = f"{section}.{name}"
            if key in OPEN_KEYS and value:
                values |= {f"{key}.{inner}": one for inner, one in value.items()}
            else:
                values[key] = value
    return values


def lay_value(values: dict[str, Any], key: str, value: Any) -> None:
    """Lay one value over flat settings, in place: mappings entry by entry; what null clears is gone with all that lies below it."""
    above = key.rpartition(".")[0]
    if key in OPEN_KEYS and isinstance(value, dict):
        if key == "model.lora" and not any(known.startswith(f"{key}.") for known in values):
            value = {**Lora().model_dump(mode="json"), **value}
        if value:
            values.pop(key, None)
        values.update({f"{key}.{name}": one for name, one in value.items()})
    elif key in OPEN_KEYS:
        for under in [known for known in values if known.startswith(f"{key}.")]:
            del values[under]
        values[key] = value
    elif above in OPEN_KEYS:
        lay_value(values, above, {key.rpartition(".")[2]: value})
    else:
        values[key] = value


def among(key: str, keys: Iterable[str]) -> bool:
    """Whether a key is one of these, or lies below one."""
    return any(key == one or key.startswith(f"{one}.") for one in keys)
