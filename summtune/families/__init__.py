"""How each kind of model is fed, taught and decoded: one file per family, whose name is the family's.

A family's file begins with its declaration, free of torch:
    ARCHITECTURES   tuple of names that `model.architecture` may have for it
    CONSUMES        frozenset of dotted settings keys that change what it trains or decodes
    LIMITS          mapping of dotted settings keys that it can't honour to the reason
    AUTO_CLASS      transformers' Auto class of its models
    SHARES_POSITIONS  whether source and target share the model's positions; left out: they don't
    DEFAULTS        mapping of dotted settings keys to defaults of its own, in place of the general ones; left out: none
    TAKES_FP16      those of its architectures whose numbers stay within fp16's range; left out: none
and then offers, importing torch and transformers inside functions:
    load(settings, sources) -> Loaded                   model and tokenizer, ready to train
    load_folder(folder, settings) -> Loaded             the same from a folder that training wrote
    encode(tokenizer, dialogues, summaries, settings)   columns, one entry per dialogue, among them `length`
    encoding_digest(loaded, settings) -> str            digest of all that `encode` depends on
    collate(tokenizer, rows) -> batch                   padded tensors
    token_counts(batch) -> (tokens, positions)          of a batch to learn from: how many are not padding, and how many there are
    logits_and_targets(model, batch)                    teacher-forced logits and the tokens they predict
    adapted(generation_config)                          the same lengths and rules in the words of this family's models
    new_tokens(model, batch, generation_config, **how)  generated token ids, prompt excluded; `how` is for transformers' generate
and where reading a source depends on no setting of generation, both of
    read_source(model, batch)                           what reading makes of a batch, kept for decoding it again
    as_read(model, remembered) -> inputs                the same as further inputs of `new_tokens`
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

__all__ = ["IGNORED", "PAD_TO", "Loaded", "Once", "Sources", "checkpoints", "family_of", "takes_fp16"]

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
    """A model and its tokenizer.

    Attributes:
        model: fp32, on the CPU; where its weights are quantised, where they will be used.
        tokenizer: the model's.
        added: ids of the tokens that were added to what its makers trained.
        notices: what was decided for the person.
    """

    model: Any
    tokenizer: Any
    added: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()


def family_of(settings: Settings) -> ModuleType:
    """The family that handles the settings' model: by `model.architecture`, or by the model type in the checkpoint's configuration.

    Raises:
        CheckpointMistake: no family handles it, or the checkpoint can't be read.
    """
    name = _architecture(settings)
    known: list[str] = []
    for family_name in registry.names("families"):
        family = registry.load("families", family_name)
        if name in family.ARCHITECTURES:
            return _with_gguf(family, settings)
        known += family.ARCHITECTURES
    for family_name in registry.names("families"):
        family = registry.load("families", family_name)
        if family.AUTO_CLASS in checkpoints.own_code(settings):
            if not settings.model.trust_remote_code:
                raise checkpoints.untrusted(str(settings.model.checkpoint))
            return family
    raise CheckpointMistake(
        Problem(f"no family handles the architecture {name!r}.", f"Known are {', '.join(sorted(known))}.", key="model.architecture")
    )


def _with_gguf(family: ModuleType, settings: Settings) -> ModuleType:
    reason = family.LIMITS.get("model.gguf_file")
    if reason is not None and settings.model.gguf_file is not None:
        raise CheckpointMistake(Problem(f"{settings.model.gguf_file} can't be used: {reason}.", "Leave it out.", key="model.gguf_file"))
    return family


def takes_fp16(settings: Settings) -> bool:
    """Whether the settings' model can be trained in fp16 without overflowing.

    Raises:
        CheckpointMistake: no family handles it, or the checkpoint can't be read.
    """
    return _architecture(settings) in getattr(family_of(settings), "TAKES_FP16", ())


def _architecture(settings: Settings) -> str:
    return settings.model.architecture or checkpoints.model_type(settings)
