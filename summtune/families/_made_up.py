"""Makes what a model without a checkpoint needs: a tokenizer trained on the run's own texts, and random weights; each once, by content.

It must not know which family asks: it is given a configuration or an Auto class.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from summtune.families import Once, Sources
from summtune.families._writing import write

BOS, PAD, EOS, UNK, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
SPECIAL = (BOS, PAD, EOS, UNK, MASK)
"""In BART's order, so that ids 0, 1, 2 are bos, pad and eos."""


def digest_of(value: Any) -> str:
    """Short sha256 of a JSON-able value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


@cache
def versions() -> tuple[str, ...]:
    """Of the libraries that what is made depends on."""
    # Looking a version up takes 10 ms each time, which every trial would pay.
    return tuple(version(name) for name in ("tokenizers", "transformers", "torch"))


def tokenizer_folder(vocab_size: int, whole: tuple[str, ...], sources: Sources) -> Path:
    """Folder of a tokenizer of about `vocab_size` tokens, trained on the sources' texts, with the `whole` tokens never torn."""
    key = digest_of(["tokenizer 1", sources.texts_digest, vocab_size, whole, versions()])

    def make(folder: Path) -> None:
        _trained(vocab_size, whole, sources.texts()).save_pretrained(str(folder))

    return sources.once("tokenizers", key, make)


def _trained(vocab_size: int, whole: tuple[str, ...], texts: Iterable[str]) -> Any:
    """A byte-pair tokenizer that gives back every text exactly: spaces and line breaks are tokens, unseen characters become bytes."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    # The 256 byte tokens are put in after training: as special tokens of the trainer they would be matched in the text.
    pieces = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("|".join([*map(_escaped, whole), "\n"])), "isolated"),
            pre_tokenizers.Metaspace(prepend_scheme="never"),
        ]
    )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pieces
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocab_size - 256 - len(whole), 300), special_tokens=list(SPECIAL), show_progress=False, min_frequency=2
    )
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = learnt["vocab"]
    for byte in range(256):
        vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=UNK, byte_fallback=True))
    tokenizer.pre_tokenizer = pieces
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]  # Metaspace's own decoder drops a leading space
    )
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=[(BOS, 0), (EOS, 2)])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in whole])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNK,
        mask_token=MASK,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def _escaped(token: str) -> str:
    return "".join(character if character.isalnum() else f"\\{character}" for character in token)


def initial_weights(auto_class: Any, config: Any, seed: int, once: Once) -> Path:
    """Folder of a model with random weights: the same for the same configuration and seed, whoever makes it."""
    described = config.to_dict()
    key = digest_of(["weights 1", described, seed, versions()])

    def make(folder: Path) -> None:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            write(auto_class.from_config(config), folder)

    return once("weights", key, make)
