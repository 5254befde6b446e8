"""Model folders as their makers publish them, but tiny: a tokenizer that has never heard of speakers, and random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from summtune.families import Sources
from summtune.families._made_up import tokenizer_folder
from summtune.training.store import Store
from tests.small_training import rows

GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256}
LLAMA = {
    **{"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1},
    "max_position_embeddings": 256,
}
BART = {
    "d_model": 16,
    "max_position_embeddings": 128,
    **{
        f"{part}_{what}": value
        for part in ("encoder", "decoder")
        for what, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 32))
    },
}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2}


def tokenizer(cache: Path, vocab_size: int = 600) -> Any:
    """A tokenizer trained on a dozen dialogues."""
    from transformers import AutoTokenizer

    texts = [text for row in rows(16) for text in (row["dialogue"], row["summary"])]
    sources = Sources(Store(cache).once, lambda: texts, "sixteen rows")
    return AutoTokenizer.from_pretrained(str(tokenizer_folder(vocab_size, (), sources)))


def publish(folder: Path, model_type: str, overrides: dict[str, Any], *, pad: bool = True, embeddings: int | None = None) -> Path:
    """Write a model folder.

    Args:
        folder: where.
        model_type: transformers' name.
        overrides: of the model's configuration.
        pad: whether the tokenizer has a padding token.
        embeddings: how many; left out: one for each token.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    own = tokenizer(folder.parent / "cache")
    ids = {f"{role}_token_id": getattr(own, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    config = AutoConfig.for_model(model_type, **overrides, **ids, vocab_size=embeddings or len(own))
    if config.is_encoder_decoder:
        config.decoder_start_token_id = own.eos_token_id
        config.forced_eos_token_id = None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = auto.from_config(config)
        if model_type == "mt5":  # as published: an output of its own, whatever transformers' configuration says
            model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
        model.save_pretrained(str(folder))
    if not pad:
        own.pad_token = None
    own.save_pretrained(str(folder))
    return folder
