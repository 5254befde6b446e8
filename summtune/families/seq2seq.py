"""Encoder-decoder models (BART, KoBART, T5, mT5): the dialogue goes into the encoder, the summary is the decoder's target.

It must not know where data come from, nor how training is driven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.families import IGNORED, PAD_TO, Loaded, Sources
from summtune.families._checkpoints import check_available
from summtune.families._framing import ended, fitted, own_frame, tokenizer_state
from summtune.families._loading import had_model, weights_arguments
from summtune.families._made_up import digest_of
from summtune.families._positions import check_lengths
from summtune.families._tokens import check_tokens, had_tokens, share_token_ids

ARCHITECTURES = ("kobart", "bart", "t5", "mt5", "umt5", "longt5", "switch_transformers", "pegasus", "mvp")

AUTO_CLASS = "AutoModelForSeq2SeqLM"

CONSUMES = frozenset(
    {
        "general.seed",
        "general.device",
        *(f"model.{key}" for key in ("architecture", "checkpoint", "load_pretrained", "trust_remote_code", "config_overrides")),
        *(f"model.{key}" for key in ("dropout_rate", "freeze_encoder", "freeze_embeddings")),
        *(f"tokenizer.{key}" for key in ("encoder_max_len", "decoder_max_len", "special_tokens", "truncation_side", "prefix")),
        *(f"tokenizer.{key}" for key in ("bos_token", "eos_token", "pad_token", "vocab_size")),
        *(f"generation.{key}" for key in ("max_length", "min_length", "max_new_tokens", "num_beams", "length_penalty")),
        *(f"generation.{key}" for key in ("no_repeat_ngram_size", "repetition_penalty", "early_stopping", "do_sample")),
        *(f"generation.{key}" for key in ("temperature", "top_k", "top_p")),
        *(f"model.{key}" for key in ("lora", "quantization")),
        "training.*",
    }
)

LIMITS: Mapping[str, str] = {
    "tokenizer.input_format": "only causal models join prompt and summary in one text",
    "model.gguf_file": "GGUF files hold causal models",
}

TAKES_FP16 = frozenset({"kobart", "bart"})
"""T5 and its kin, and Pegasus, were trained in bf16, and overflow in fp16."""

_STARTS_WITH_PAD = ("t5", "mt5", "umt5", "longt5", "switch_transformers", "pegasus")


def load(settings: Settings, sources: Sources) -> Loaded:
    """Model and tokenizer as the settings say, special tokens added, embeddings resized, in fp32 on the CPU.

    Raises:
        CheckpointMistake: it can't be had, or model and tokenizer don't fit the settings.
    """
    if sources.resume_from is not None:
        return load_folder(sources.resume_from, settings)
    check_available(settings)
    from transformers import AutoModelForSeq2SeqLM

    tokens = had_tokens(settings, sources)
    model = had_model(settings, tokens, sources, AutoModelForSeq2SeqLM, _prepare)
    return _agreed(Loaded(model, tokens.tokenizer, tuple(sorted(tokens.pieces)), tokens.notices), settings)


def load_folder(folder: Path, settings: Settings) -> Loaded:
    """Model and tokenizer from a folder that training wrote."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(str(folder), local_files_only=True, **weights_arguments(settings))
    return _agreed(Loaded(model, tokenizer), settings)


def _prepare(config: Any, tokenizer: Any) -> None:
    """What a configuration without checkpoint needs besides the tokens that all families share."""
    starts_with_pad = config.model_type in _STARTS_WITH_PAD
    config.decoder_start_token_id = tokenizer.pad_token_id if starts_with_pad else tokenizer.eos_token_id
    if getattr(config, "forced_eos_token_id", None) is not None:  # BART's configuration has it, with its own tokenizer's id
        config.forced_eos_token_id = tokenizer.eos_token_id


def _agreed(loaded: Loaded, settings: Settings) -> Loaded:
    """Model, tokenizer and settings made to agree on special tokens and lengths."""
    model, tokenizer = loaded.model, loaded.tokenizer
    config, generation = model.config, model.generation_config
    check_tokens(loaded)
    check_lengths(model, settings, shared=False)
    tokenizer.truncation_side = settings.tokenizer.truncation_side
    # token_type_ids would make `model.generate(**tokenizer(text))` fail: these models have no such input.
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    share_token_ids(loaded)
    if config.decoder_start_token_id is None:
        config.decoder_start_token_id = tokenizer.pad_token_id if config.model_type in _STARTS_WITH_PAD else tokenizer.eos_token_id
    generation.decoder_start_token_id = config.decoder_start_token_id
    # What the decoder is taught to say first is what generation may force, and nothing else.
    begins_with_bos = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id] and tokenizer.bos_token_id is not None
    generation.forced_bos_token_id = tokenizer.bos_token_id if begins_with_bos else None
    generation.forced_eos_token_id = tokenizer.eos_token_id
    return loaded


def encoding_digest(loaded: Loaded, settings: Settings) -> str:
    """Digest of all that `encode` depends on."""
    wanted = settings.tokenizer
    lengths = [wanted.encoder_max_len, wanted.decoder_max_len, wanted.truncation_side]
    return digest_of(["seq2seq encoding 2", tokenizer_state(loaded.tokenizer), lengths, wanted.prefix])


def encode(tokenizer: Any, dialogues: Sequence[str], summaries: Sequence[str] | None, settings: Settings) -> dict[str, list[Any]]:
    """Token ids of dialogues and summaries.

    Returns:
        `input_ids`, `length` (source tokens), `cut` (source tokens that were cut), and with summaries `labels`, which always end with the
        end token, also where they were truncated, and `cut_summary` (their tokens that were cut).
    """
    wanted = settings.tokenizer
    prompts = [wanted.prefix + dialogue for dialogue in dialogues]
    sources = fitted(
        tokenizer,
        prompts,
        own_frame(tokenizer),
        wanted.encoder_max_len,
        key="tokenizer.encoder_max_len",
        side=wanted.truncation_side,
    )
    columns: dict[str, list[Any]] = {"input_ids": sources.ids, "length": [len(source) for source in sources.ids], "cut": sources.cut}
    if summaries is not None:
        # KoBART's tokenizer adds no end token by itself; without one the model never learns to stop.
        frame = ended(own_frame(tokenizer, target=True), tokenizer.eos_token_id)
        # truncation_side is about dialogues: a summary never loses its beginning.
        room, key = wanted.decoder_max_len, "tokenizer.decoder_max_len"
        targets = fitted(tokenizer, summaries, frame, room, key=key, side="right", target=True)
        columns |= {"labels": targets.ids, "cut_summary": targets.cut}
    return columns


def collate(tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A padded batch: `input_ids` and `attention_mask` (batch, source_tokens), and `labels` (batch, target_tokens) where rows have them."""
    import torch

    def padded(name: str, filler: int) -> Any:
        longest = -(-max(len(row[name]) for row in rows) // PAD_TO) * PAD_TO
        return torch.tensor([[*row[name], *[filler] * (longest - len(row[name]))] for row in rows], dtype=torch.long)

    input_ids = padded("input_ids", tokenizer.pad_token_id)
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    # By length, not by comparing with the padding token: some tokenizers pad with their end token.
    batch = {"input_ids": input_ids, "attention_mask": (torch.arange(input_ids.shape[1])[None, :] < lengths[:, None]).long()}
    if "labels" in rows[0]:
        batch["labels"] = padded("labels", IGNORED)
    return batch


def token_counts(batch: Mapping[str, Any]) -> tuple[Any, int]:
    """Tokens of dialogues and summaries in a batch, and the positions that are computed for them."""
    return batch["attention_mask"].sum() + (batch["labels"] != IGNORED).sum(), batch["input_ids"].numel() + batch["labels"].numel()


def logits_and_targets(model: Any, batch: Mapping[str, Any]) -> tuple[Any, Any]:
    """Teacher-forced logits (batch, target_tokens, vocabulary) and the tokens that they predict (batch, target_tokens; -100: none)."""
    labels = batch["labels"]
    # transformers' own loss would be computed, too, were the labels passed on.
    outputs = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels=labels),
        use_cache=False,
    )
    return outputs.logits, labels


def new_tokens(model: Any, batch: Mapping[str, Any], generation_config: Any, **how: Any) -> Any:
    """Generated token ids (batch, tokens), start token included; `how` is for `generate`."""
    return model.generate(**batch, generation_config=generation_config, **how)


def read_source(model: Any, batch: Mapping[str, Any]) -> Any:
    """What the encoder makes of a batch (batch, source_tokens, width), kept in the CPU's memory: it depends on no setting of generation."""
    states = model.get_encoder()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], return_dict=True)
    return states.last_hidden_state.cpu()


def as_read(model: Any, remembered: Any) -> dict[str, Any]:
    """`new_tokens`' further inputs where the source has been read before."""
    from transformers.modeling_outputs import BaseModelOutput

    # A new one each time: transformers repeats it in place for the beams.
    return {"encoder_outputs": BaseModelOutput(last_hidden_state=remembered.to(model.device))}


def adapted(generation_config: Any) -> Any:
    """The generation configuration as these models take it: as it is, since the decoder's lengths are the summary's."""
    return generation_config
