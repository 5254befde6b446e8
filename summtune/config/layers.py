"""Layers of settings, from weakest to strongest, and their merging; each value keeps where it came from.

    built-in defaults < preset of the base's own model < base file < preset of another model < settings: < what the search draws <
    environment < --set

Of what the search draws only models are merged here, one resolution for each; all else is laid over a point at a time (`experiment`),
since the stronger layers' keys have left the space by then.
It must not know how layers are read (`settings_file`, `environment`, `assignments`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from summtune.config import presets
from summtune.config.settings import OPEN_KEYS, Lora, Settings
from summtune.errors import Problem
from summtune.space.values import shown

LayerName = Literal["default", "preset", "base", "settings", "parameters", "search", "environment", "--set"]

# What says which model it is: never mixed from two models.
IDENTITY = (
    "model.preset",
    "model.architecture",
    "model.checkpoint",
    "model.load_pretrained",
    "model.gguf_file",
    "model.config_overrides",
    "tokenizer.vocab_size",
)

# What the preset of another model may carry over a person's base. Lengths and batch sizes are not among them.
_CARRIED = (
    *IDENTITY, "tokenizer.special_tokens", "tokenizer.bos_token", "tokenizer.eos_token", "tokenizer.pad_token", "tokenizer.prefix",
    "training.precision", "training.learning_rate", "training.optim",
    "generation.num_beams", "generation.length_penalty", "generation.no_repeat_ngram_size", "generation.early_stopping",
)  # fmt: skip


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
    """

    value: Any
    origin: Origin
    written: str
    column: int | None = None

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
    return {key: entry for key, entry in layer.items() if not _among(key, gone)}


def merge(
    base_preset: str | None,
    base: Layer,
    above: Sequence[Layer],
    read_preset: Callable[[str], Layer],
    notices: list[str],
    drawn: Collection[str] = (),
) -> Layer:
    """All layers in their order, with the preset of another model where a layer above the base names one.

    Args:
        base_preset: the preset of the base's own model.
        base: the base file.
        above: the layers over it, weakest first.
        read_preset: a preset's settings.
        notices: what a person should know is added here.
        drawn: keys that every point sets, so that nobody need know what lies beneath.
    """
    preset = read_preset(base_preset) if base_preset else {}
    strong: Layer = {}
    for layer in above:
        strong = lay(strong, layer)
    weak = lay(preset, base)
    own, other = model_named(weak), model_named(strong)
    if other is not None and other != own:
        weak = _with_other_model(weak, base, other, read_preset, notices, {*strong, *drawn})
    return lay(weak, strong)


def model_named(layer: Mapping[str, Entry]) -> tuple[str | None, Any] | None:
    """(preset, checkpoint) of the model that a layer names; None where it names none."""
    preset, checkpoint, architecture = (
        layer[key].value if key in layer else None for key in ("model.preset", "model.checkpoint", "model.architecture")
    )
    if preset is None and checkpoint is None and architecture is None:
        return None
    found = presets.of_model(preset, checkpoint, architecture)
    return found, None if found else (checkpoint or architecture)


def _with_other_model(
    weak: Layer,
    base: Layer,
    other: tuple[str | None, Any],
    read_preset: Callable[[str], Layer],
    notices: list[str],
    hidden: Collection[str],
) -> Layer:
    """The base without what belongs to its own model; over it what the other model's preset carries, said where it isn't `hidden`."""
    name, _ = other
    if name is None:  # a checkpoint that has no preset: lengths and the like stay, what describes the old model goes
        return without(weak, IDENTITY)
    carried = read_preset(name)
    kept = without(base, IDENTITY)
    for key in [key for key in kept if key in carried and _among(key, _CARRIED)]:
        if kept[key].value != carried[key].value and key not in hidden:
            own, others = shown(carried[key].value), shown(kept[key].value)
            notices.append(f"{key}: preset {name}'s own {own} takes the place of {others} from {kept[key].origin.file}.")
    return lay(lay(carried, kept), {key: entry for key, entry in carried.items() if _among(key, _CARRIED)})


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


def _among(key: str, keys: Iterable[str]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in keys)
