"""How each kind of model is fed, taught and decoded: one file per family, whose name is the family's.

A family's file begins with its declaration, free of torch:
    ARCHITECTURES   tuple of names that `model.architecture` may have for it
    CONSUMES        frozenset of dotted settings keys that change what it trains or decodes
    LIMITS          mapping of dotted settings keys that it can't honour to the reason
    SHARES_POSITIONS  whether source and target share the model's positions; left out: they don't
and then offers, importing torch and transformers inside functions:
    load(settings, sources) -> Loaded                   model and tokenizer, ready to train
    load_folder(folder, settings) -> Loaded             the same from a folder that training wrote
    encode(tokenizer, dialogues, summaries, settings)   columns, one entry per dialogue, among them `length`
    encoding_digest(loaded, settings) -> str            digest of all that `encode` depends on
    collate(tokenizer, rows) -> batch                   padded tensors
    logits_and_targets(model, batch)                    teacher-forced logits and the tokens they predict
    adapted(generation_config)                          the same lengths and rules in the words of this family's models
    new_tokens(model, batch, generation_config, **how)  generated token ids, prompt excluded; `how` is for transformers' generate
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune import registry
from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem
from summtune.families import _checkpoints as checkpoints

__all__ = ["IGNORED", "PAD_TO", "Loaded", "Once", "Sources", "checkpoints", "family_of"]

Once = Callable[[str, str, Callable[[Path], None]], Path]
"""(kind, key, make) to a folder that was made once by whoever came first, and is complete."""


PAD_TO = 8
"""Lengths are padded to multiples of this: what tensor cores like."""

IGNORED = -100
"""Target of a position that is not predicted."""


@dataclass(frozen=True)
class Sources:
    """What a model may be made of besides the settings.

    Attributes:
        once: keeps what is made once, by content.
        texts: the run's training texts, for models that train a tokenizer of their own.
        texts_digest: digest of those texts.
        resume_from: a checkpoint folder to take model and tokenizer from instead.
    """

    once: Once
    texts: Callable[[], Iterable[str]]
    texts_digest: str
    resume_from: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """A model (fp32, on the CPU) and its tokenizer."""

    model: Any
    tokenizer: Any


def family_of(settings: Settings) -> ModuleType:
    """The family that handles the settings' model: by `model.architecture`, or by the model type in the checkpoint's configuration.

    Raises:
        CheckpointMistake: no family handles it, or the checkpoint can't be read.
    """
    name = settings.model.architecture or checkpoints.model_type(settings)
    known: list[str] = []
    for family_name in registry.names("families"):
        family = registry.load("families", family_name)
        if name in family.ARCHITECTURES:
            return family
        known += family.ARCHITECTURES
    raise CheckpointMistake(
        Problem(f"no family handles the architecture {name!r}.", f"Known are {', '.join(sorted(known))}.", key="model.architecture")
    )
