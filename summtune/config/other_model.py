"""All layers as one, and what becomes of a base where a stronger layer names another model than its own.

With the other model comes its preset; of a base file that names a model what is not a model's own stays, of one that names none all that
the preset doesn't say. A model without a preset keeps the settings of the base's, since it may well be of the same kind, unless that is
known to be otherwise, or these are made for random weights and it is not these that it was trained from.
It must not know how layers are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from summtune.config import presets
from summtune.config.architectures import defaults_of, model_type
from summtune.config.checkpoint_facts import architecture_of, local_configuration
from summtune.config.layers import Entry, Layer, among, flatten, lay, without
from summtune.config.settings import Settings
from summtune.space.values import shown

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

# A model's own beside these: what its preset says, or else the default, takes the place of a base's. Lengths and batch sizes are not
# among them.
_OWN = (
    "tokenizer.bos_token", "tokenizer.eos_token", "tokenizer.pad_token", "tokenizer.prefix",
    "training.precision", "training.learning_rate", "training.optim",
    "generation.num_beams", "generation.length_penalty", "generation.no_repeat_ngram_size", "generation.early_stopping",
)  # fmt: skip

# Tokens that the data ask for: another model's only where its preset names some.
_TOKENS = "tokenizer.special_tokens"


def merge(
    base_preset: str | None,
    base: Layer,
    above: Sequence[Layer],
    read_preset: Callable[[str], Layer],
    notices: list[str],
    drawn: Collection[str] = (),
) -> Layer:
    """All layers in their order, with what is another model's own where a layer above the base names one.

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
        name, named = other
        change = _Change(weak, base, strong, notices, {*strong, *drawn})
        weak = change.to_preset(name, read_preset(name)) if name is not None else change.to_model(str(named))
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


@dataclass(frozen=True)
class _Change:
    """One change of model: what lies beneath the layer that names the other.

    Attributes:
        weak: the base file over its own model's preset.
        base: the base file.
        strong: the layers above.
        notices: what a person should know is added here.
        hidden: keys of which nobody need know what lies beneath.
    """

    weak: Layer
    base: Layer
    strong: Layer
    notices: list[str]
    hidden: Collection[str]

    def to_preset(self, name: str, preset: Layer) -> Layer:
        """Beneath a model that has a preset."""
        own = {key: entry.value for key, entry in preset.items() if among(key, (*_OWN, _TOKENS))}
        kept = self._without(own, self.base, f"preset {name}'s own")
        architecture = preset["model.architecture"].value if "model.architecture" in preset else None
        return lay(preset, self._without(self._defaults(architecture), kept, f"preset {name} doesn't say it, and the default"))

    def to_model(self, named: str) -> Layer:
        """Beneath a model that has none."""
        kind, own = _kind(self.strong), _kind(self.weak)
        if _random(self.weak) and not (_random(self.strong) or (kind == own and self._same_sizes())):
            preset = [key for key in self.weak if key not in self.base]
            instead = self._listed(key for key in preset if not among(key, IDENTITY))
            if instead:
                made = f"{self.weak['model.load_pretrained'].origin.file} is made for random weights"
                self.notices.append(f"{named} has no preset, and {made}: built-in defaults take the place of {instead}.")
            return without(self.base, IDENTITY)
        if kind is not None and own is not None and kind != own:
            return self._without(self._defaults(kind), self.weak, f"{named} is of the kind {kind}, not {own}, and the default")
        kept = without(self.weak, IDENTITY)
        if kind is not None and kind == own:
            return kept
        staying = self._listed(key for key in kept if key in _OWN and (key not in self.base or key.startswith("tokenizer.")))
        if staying:
            self.notices.append(f"{named} has no preset, and is trained with the base's {staying}.")
        return kept

    def _same_sizes(self) -> bool:
        """Whether the other model has all sizes that the base asks of its random weights: then it was trained from such."""
        checkpoint = self.strong["model.checkpoint"].value if "model.checkpoint" in self.strong else None
        known = local_configuration(checkpoint) if isinstance(checkpoint, str) else None
        overrides = {key.rpartition(".")[2]: entry.value for key, entry in self.weak.items() if key.startswith("model.config_overrides.")}
        sizes = {name: value for name, value in overrides.items() if type(value) is int}
        return bool(sizes) and known is not None and all(known.get(name) == size for name, size in sizes.items())

    def _defaults(self, architecture: str | None) -> Mapping[str, Any]:
        """What takes the place of what was written for another model, not of what was written for any."""
        for_any = self.base if model_named(self.base) is None else {}
        return {key: value for key, value in _defaults(architecture).items() if key not in for_any}

    def _without(self, own: Mapping[str, Any], layer: Layer, whose: str) -> Layer:
        """A layer without what the other model has of its own, each said."""
        kept = without(layer, IDENTITY)
        for key in [key for key in kept if key in own]:
            gone = kept.pop(key)
            if gone.value != own[key] and key not in self.hidden:
                self.notices.append(f"{key}: {whose} {shown(own[key])} takes the place of {shown(gone.value)} from {gone.origin.file}.")
        return kept

    def _listed(self, keys: Iterable[str]) -> str:
        """Keys with their values, where these are neither hidden nor the default."""
        defaults = flatten(Settings().model_dump(mode="json"))
        said = [
            f"{key.rpartition('.')[2]} {shown(self.weak[key].value)}"
            for key in keys
            if key not in self.hidden and self.weak[key].value != defaults.get(key)
        ]
        return ", ".join(said)


@cache
def _defaults(architecture: str | None) -> Mapping[str, Any]:
    """What is a model's own where nothing says otherwise."""
    values = {**flatten(Settings().model_dump(mode="json")), **defaults_of(architecture)}
    return {key: values[key] for key in _OWN}


def _kind(layer: Layer) -> str | None:
    architecture = architecture_of({key: entry.value for key, entry in layer.items()})
    return model_type(architecture) if architecture is not None else None


def _random(layer: Layer) -> bool:
    """Whether a layer's model begins with random weights."""
    return "model.load_pretrained" in layer and not layer["model.load_pretrained"].value
