"""Which kinds of model there are: their names, and the family that handles each. It must not know how a family works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from summtune import registry
from summtune.config.complaints import one_of
from summtune.config.transformers_arguments import installed

# Names of ours that transformers doesn't have, for those of its own.
_OURS = {"kobart": "bart", "kogpt2": "gpt2"}

DROPOUTS = (
    *("dropout", "dropout_rate", "attention_dropout", "activation_dropout", "hidden_dropout"),
    *("resid_pdrop", "embd_pdrop", "attn_pdrop", "resid_dropout", "embed_dropout"),
)
"""What the configurations of transformers' models call their dropouts: `model.dropout_rate` is the rate of each that a model has."""


def model_type(architecture: str) -> str:
    """What transformers calls an architecture."""
    return _OURS.get(architecture, architecture)


def names_alike(architecture: str) -> tuple[str, ...]:
    """All names of the kind of model that this name means, itself the first."""
    return tuple(dict.fromkeys([architecture, *(one for pair in _OURS.items() if model_type(architecture) in pair for one in pair)]))


def family_of(architecture: object) -> str | None:
    """The family that declares an architecture; None where none does."""
    for name in registry.names("families"):
        if architecture in registry.load("families", name).ARCHITECTURES:
            return name
    return None


def defaults_of(architecture: object) -> Mapping[str, Any]:
    """Where an architecture's family has defaults of its own, by settings key."""
    family = family_of(architecture)
    return getattr(registry.load("families", family), "DEFAULTS", {}) if family is not None else {}


def handled() -> tuple[str, ...]:
    """All architectures that some family declares."""
    return tuple(dict.fromkeys(one for name in registry.names("families") for one in registry.load("families", name).ARCHITECTURES))


def architecture_named(written: str) -> str:
    """An architecture by its name, or by that of a checkpoint's size (`t5-small` means t5).

    Raises:
        Unfit: there is none.
    """
    known = installed()
    names = tuple(dict.fromkeys([*handled(), *_OURS, "gpt2", "llama", *known.seq2seq, *known.causal]))
    lower = written.lower()
    for candidate in (lower, lower.partition("-")[0]):
        if candidate in names:
            return candidate
    raise one_of(written, list(names))
