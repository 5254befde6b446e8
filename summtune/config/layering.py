"""The layers of one search space, and what becomes of its parameters beside them: which are pinned, and which draw a model.

It must not know how layers are read (`settings_file`, `environment`), nor how they are merged (`other_model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from summtune.config import synonyms
from summtune.config.layers import Entry, Layer, Resolved
from summtune.config.other_model import merge
from summtune.config.settings_file import read_preset
from summtune.space.bundle import Bundle
from summtune.space.naming import Unfit
from summtune.space.parameters import Constant, Parameter
from summtune.space.spec import Parsed
from summtune.space.values import fingerprint, shown

MODEL_KEYS = ("model.preset", "model.architecture", "model.checkpoint")
"""What says which model it is. A model is drawn, or pinned, as a whole."""

MAX_MODELS = 64


@dataclass(frozen=True)
class DrawnModel:
    """A model that may be drawn.

    Attributes:
        model: its keys and their values.
        by: a parameter that draws it.
    """

    model: dict[str, Any]
    by: str


class Unwhole(Unfit):
    """Models that can't be drawn as a whole.

    Attributes:
        parameter: the parameter that is one too many.
    """

    def __init__(self, parameter: str, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.parameter = parameter

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parameter, self.reason, self.remedy)


@dataclass
class Layers:
    """All layers but what the search draws, weakest first.

    Attributes:
        base_preset: the preset of the base's own model.
        base_file: the base file.
        notices: what a person should know is added here.
        drawn: keys that every point sets.
        of_models: for each model that may be drawn: what is drawn, all layers with it, and what they come to.
    """

    base_preset: str | None
    base_file: Layer
    settings: Layer
    fixed: Layer
    environment: Layer
    assigned: Layer
    notices: list[str]
    drawn: frozenset[str] = frozenset()
    of_models: list[tuple[dict[str, Any], Layer, Resolved]] = field(default_factory=list)

    @cached_property
    def pinned(self) -> Mapping[str, Entry]:
        """What the environment and --set say: stronger than what is drawn."""
        return {**self.environment, **self.assigned}

    @cached_property
    def pinned_keys(self) -> frozenset[str]:
        """Their keys. One that says which model it is pins all that do."""
        return frozenset(self.pinned).union(MODEL_KEYS if set(MODEL_KEYS) & set(self.pinned) else ())

    @cached_property
    def base(self) -> Layer:
        """The baseline's layers as one. Ask for it once `without_pinned` has been called."""
        return self._merged({})

    def with_model(self, drawn: Mapping[str, Any], by: Entry) -> Layer:
        """All layers with a drawn model, and its preset, among them; `by` says where the parameter stands that draws it."""
        return self._merged({key: replace(by, value=value) for key, value in drawn.items()})

    def _merged(self, drawn: Layer) -> Layer:
        above = (self.settings, self.fixed, drawn, self.environment, self.assigned)
        return merge(self.base_preset, self.base_file, above, read_preset, self.notices, self.drawn)

    def without_pinned(self, parsed: Parsed, notices: list[str]) -> Parsed:
        """The parameters that the environment and --set leave; those that they pin leave the space, said once each."""
        gone = self.pinned_keys
        model = next((self.pinned[key] for key in MODEL_KEYS if key in self.pinned), None)
        kept: list[Parameter] = []
        places, conditions = dict(parsed.places), dict(parsed.conditions)
        for parameter in parsed.parameters:
            if isinstance(parameter, Constant) and parameter.key in self.fixed and any(key.startswith(f"{parameter.key}.") for key in gone):
                continue  # a fixed mapping of which a part is pinned: both are layers of the base
            pinned = [key for key in parameter.keys if synonyms.said_as(key) in gone or self._pinned_by(key)]
            for key in pinned:
                own = self._pinned_by(key)
                entry = own or model
                assert entry is not None, "gone are only pinned keys, and a pinned model's"
                by = entry.origin.file if entry.origin.layer == "environment" else "--set"
                value = f"fixed at {shown(own.value)}" if own else "decided"
                notices.append(f"{key} is {value} by {by}, and leaves the space.")
                self.fixed.pop(synonyms.said_as(key), None)
            left = _left(parameter, pinned)
            kept += left
            for one in left if isinstance(parameter, Bundle) else ():
                if not isinstance(one, Constant):
                    continue
                notices.append(f"{one.name} is {shown(one.value)} in every label of {parameter.name} that is left.")
                places[one.name] = places[parameter.name]
                if parameter.name in conditions:
                    conditions[one.name] = conditions[parameter.name]
        return replace(parsed, parameters=kept, places=places, conditions=conditions)

    def _pinned_by(self, key: str) -> Entry | None:
        """What pins a key: an entry of its own, one that clears its mapping (`lora=null`), or a mapping as a whole (`lora={r: 4}`)."""
        above = self.pinned.get(key.rpartition(".")[0])
        cleared = above if above is not None and above.value is None else None
        whole = {one.removeprefix(f"{key}."): entry for one, entry in self.pinned.items() if entry.mapping == key}
        given = replace(next(iter(whole.values())), value={name: entry.value for name, entry in whole.items()}) if whole else None
        return self.pinned.get(synonyms.said_as(key)) or cleared or given

    def covered(self, kept: Parsed) -> Iterator[tuple[Entry, str, str]]:
        """Pinned entries of mappings that are drawn as a whole, and would take their place: (entry, reason, remedy)."""
        for key, entry in self.pinned.items():
            whole, _, name = key.rpartition(".")
            for parameter in (one for one in kept.parameters if whole in one.keys):
                values = [parameter.settings_of(parameter.at(index)).get(whole) for index in range(parameter.size() or 0)]
                if any(isinstance(value, dict) and name in value for value in values):
                    reason = f"{whole} is searched as a whole, and what it says of {name} would take the place of {shown(entry.value)}."
                    yield entry, reason, f"Fix all of it ({whole}), or leave {name} out of its values in the file."

    def shadowing(self, kept: Parsed) -> Iterator[tuple[str, Entry]]:
        """Fixed keys of a model that would hold for every model drawn: (what is searched, the fixed entry)."""
        searched = {key for parameter in kept.parameters if not isinstance(parameter, Constant) for key in parameter.keys}
        for key, by in (
            ("model.preset", "model.checkpoint"),
            ("model.architecture", "model.checkpoint"),
            ("model.preset", "model.architecture"),
        ):
            for layer in (self.settings, self.fixed):
                if key in searched and by in layer and by not in searched:
                    yield key, layer[by]


def drawn_models(kept: Parsed) -> list[DrawnModel]:
    """Every model that may be drawn, those of which more is said first: the first that a point has all keys of is its own.

    Raises:
        Unwhole: several parameters have a say in it, or there are too many.
    """
    drawing = [
        one for one in kept.parameters if set(one.keys) & set(MODEL_KEYS) and (not isinstance(one, Constant) or one.name in kept.conditions)
    ]
    if not drawing:
        return []
    one, *others = drawing
    if others:
        reason = f"{one.name} draws a model, too: their product makes no sense."
        raise Unwhole(others[0].name, reason, "Put both into one `bundle`, a label for each model.")
    size = one.size() or 0
    if size > MAX_MODELS:
        raise Unwhole(one.name, f"there are {size} models.", f"A space draws at most {MAX_MODELS}.")
    settings = (one.settings_of(one.at(index)) for index in range(size))
    found = [{key: value for key, value in each.items() if key in MODEL_KEYS} for each in settings]
    # A label that says nothing of the model has the base's.
    return [DrawnModel(model, one.name) for model in sorted(found, key=len, reverse=True) if model]


def _left(parameter: Parameter, gone: list[str]) -> list[Parameter]:
    """What is left of a parameter without some of its keys: nothing, itself, or constants where all labels say the same then."""
    if not gone:
        return [parameter]
    if not isinstance(parameter, Bundle):
        return []
    options = tuple((label, tuple((key, value) for key, value in settings if key not in gone)) for label, settings in parameter.options)
    if len({fingerprint(sorted(settings)) for _, settings in options}) == 1:
        return [Constant(key, value) for key, value in options[0][1]]
    return [replace(parameter, options=options)]
