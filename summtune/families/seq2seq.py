"""Encoder-decoder models (BART, KoBART, T5, mT5): the dialogue goes into the encoder, the summary is the decoder's target.

It must not know where data come from, nor how training is driven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem
from summtune.families import Loaded, Sources
from summtune.families._checkpoints import check_available, local_folder, unavailable
from summtune.families._made_up import digest_of, initial_weights, tokenizer_folder

ARCHITECTURES = ("kobart", "bart", "t5", "mt5", "umt5", "pegasus")

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
        "training.*",
    }
)

LIMITS: Mapping[str, str] = {
    "tokenizer.input_format": "only causal models join prompt and summary in one text",
    "model.gguf_file": "GGUF files hold causal models",
}

PAD_TO = 8
"""Lengths are padded to multiples of this: what tensor cores like."""

IGNORED = -100
"""Target of a position that is not predicted."""

KOREAN_PROBE = "안녕하세요 오늘은 책을 읽어요"

_MODEL_TYPES = {"kobart": "bart"}
_STARTS_WITH_PAD = ("t5", "mt5", "umt5", "pegasus")


def load(settings: Settings, sources: Sources) -> Loaded:
    """Model and tokenizer as the settings say, special tokens added, embeddings resized, in fp32 on the CPU.

    Raises:
        CheckpointMistake: it can't be had, or model and tokenizer don't fit the settings.
    """
    if sources.resume_from is not None:
        return load_folder(sources.resume_from, settings)
    check_available(settings)
    tokenizer = _tokenizer(settings, sources)
    model = _pretrained(settings) if settings.model.load_pretrained else _random(settings, tokenizer, sources)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        # mean_resizing draws from a normal distribution fitted to the old rows: seeded by the trainer's global seed.
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return _agreed(Loaded(model, tokenizer), settings)


def load_folder(folder: Path, settings: Settings) -> Loaded:
    """Model and tokenizer from a folder that training wrote."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(str(folder), local_files_only=True, **_loading(settings))
    return _agreed(Loaded(model, tokenizer), settings)


def _loading(settings: Settings) -> dict[str, Any]:
    import torch

    # fp32 always: half-precision weights can't be unscaled by mixed precision.
    return {"dtype": torch.float32, "trust_remote_code": settings.model.trust_remote_code}


def _tokenizer(settings: Settings, sources: Sources) -> Any:
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    wanted = settings.tokenizer
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        assert wanted.vocab_size is not None, "check_available has seen to it"
        folder = tokenizer_folder(wanted.vocab_size, wanted.special_tokens, sources)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    else:
        named = {f"{role}_token": token for role in ("bos", "eos", "pad") if (token := getattr(wanted, f"{role}_token"))}
        tokenizer = _published(checkpoint, trust_remote_code=settings.model.trust_remote_code, **named)
    # Not additional_special_tokens: skip_special_tokens would delete the speakers from every prediction.
    known = set(tokenizer.get_added_vocab())
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in wanted.special_tokens if token not in known])
    return tokenizer


def _published(checkpoint: str, **arguments: Any) -> Any:
    """The checkpoint's tokenizer as its tokenizer.json says.

    Where a checkpoint doesn't name its tokenizer's class, transformers 5 rebuilds the one that is usual for the architecture, BART's own
    for KoBART, and loses all Korean without a word. So what can't give back Korean is loaded by the file instead, if that one can.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    usual = _had(checkpoint, AutoTokenizer.from_pretrained, **arguments)
    if _gives_back(usual, KOREAN_PROBE):
        return usual
    arguments.pop("trust_remote_code")
    try:
        by_file = _had(checkpoint, PreTrainedTokenizerFast.from_pretrained, **arguments)
    except CheckpointMistake:
        return usual
    return by_file if _gives_back(by_file, KOREAN_PROBE) else usual


def _gives_back(tokenizer: Any, text: str) -> bool:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return bool(tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", ""))


def _had(checkpoint: str, get: Callable[..., Any], **arguments: Any) -> Any:
    """What `get` returns for a checkpoint, from this machine where it has it, with the hub's many ways to fail made one mistake."""
    here = local_folder(checkpoint) is not None
    try:
        return get(checkpoint, local_files_only=True, **arguments)
    except (OSError, ValueError) as problem:
        if here:
            raise CheckpointMistake(Problem(f"{checkpoint} can't be loaded: {problem}", key="model.checkpoint")) from problem
    try:
        return get(checkpoint, **arguments)
    except (OSError, ValueError) as problem:
        raise unavailable(checkpoint, str(problem).splitlines()[0].rstrip(".")) from problem


def _pretrained(settings: Settings) -> Any:
    from transformers import AutoModelForSeq2SeqLM

    checkpoint = settings.model.checkpoint
    assert checkpoint is not None, "check_available has seen to it"
    return _had(checkpoint, AutoModelForSeq2SeqLM.from_pretrained, config=_config(settings), **_loading(settings))


def _random(settings: Settings, tokenizer: Any, sources: Sources) -> Any:
    from transformers import AutoModelForSeq2SeqLM

    config = _config(settings)
    config.vocab_size = len(tokenizer)
    for role in ("pad", "bos", "eos"):
        setattr(config, f"{role}_token_id", getattr(tokenizer, f"{role}_token_id"))
    starts_with_pad = config.model_type in _STARTS_WITH_PAD
    config.decoder_start_token_id = tokenizer.pad_token_id if starts_with_pad else tokenizer.eos_token_id
    if getattr(config, "forced_eos_token_id", None) is not None:  # BART's configuration has it, with its own tokenizer's id
        config.forced_eos_token_id = tokenizer.eos_token_id
    folder = initial_weights(AutoModelForSeq2SeqLM, config, settings.general.seed, sources.once)
    return AutoModelForSeq2SeqLM.from_pretrained(str(folder), local_files_only=True, **_loading(settings))


def _config(settings: Settings) -> Any:
    """The checkpoint's configuration, or the architecture's, with the settings' laid over it."""
    from transformers import AutoConfig

    model = settings.model
    if model.checkpoint is not None:
        config = _had(model.checkpoint, AutoConfig.from_pretrained, trust_remote_code=model.trust_remote_code)
    else:
        assert model.architecture is not None, "family_of has seen to it"
        config = AutoConfig.for_model(_MODEL_TYPES.get(model.architecture, model.architecture))
    _override(config, settings)
    return config


def _override(config: Any, settings: Settings) -> None:
    for key, value in settings.model.config_overrides.items():
        if not hasattr(config, key):
            raise CheckpointMistake(
                Problem(f"a {config.model_type} configuration has no {key}.", key=f"model.config_overrides.{key}"),
            )
        setattr(config, key, value)
    if settings.model.dropout_rate is not None:
        # BART calls it dropout, T5 dropout_rate.
        name = "dropout_rate" if hasattr(config, "dropout_rate") else "dropout"
        setattr(config, name, settings.model.dropout_rate)


def _agreed(loaded: Loaded, settings: Settings) -> Loaded:
    """Model, tokenizer and settings made to agree on special tokens and lengths."""
    model, tokenizer = loaded.model, loaded.tokenizer
    config, generation = model.config, model.generation_config
    if tokenizer.pad_token_id is None:
        reason = "the tokenizer has no padding token."
        raise CheckpointMistake(Problem(reason, "Name one of its tokens, such as `</s>`.", key="tokenizer.pad_token"))
    if tokenizer.eos_token_id is None:
        reason = "the tokenizer has no end token, so summaries would never end."
        raise CheckpointMistake(Problem(reason, "Name one of its tokens.", key="tokenizer.eos_token"))
    positions = getattr(config, "max_position_embeddings", None)
    for key in ("encoder_max_len", "decoder_max_len"):
        length = getattr(settings.tokenizer, key)
        if positions is not None and length > positions:
            reason = f"{length} tokens are more than the model's {positions} positions."
            raise CheckpointMistake(Problem(reason, f"Give at most {positions}.", key=f"tokenizer.{key}"))
    tokenizer.truncation_side = settings.tokenizer.truncation_side
    # token_type_ids would make `model.generate(**tokenizer(text))` fail: these models have no such input.
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    for role in ("pad", "eos", "bos"):
        token_id = getattr(tokenizer, f"{role}_token_id")
        setattr(config, f"{role}_token_id", token_id)
        setattr(generation, f"{role}_token_id", token_id)
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
    return digest_of(
        [
            "seq2seq encoding 1",
            loaded.tokenizer.backend_tokenizer.to_str(),
            [loaded.tokenizer.eos_token_id, wanted.truncation_side, wanted.prefix],
            [wanted.encoder_max_len, wanted.decoder_max_len],
        ]
    )


def encode(tokenizer: Any, dialogues: Sequence[str], summaries: Sequence[str] | None, settings: Settings) -> dict[str, list[Any]]:
    """Token ids of dialogues and summaries.

    Returns:
        `input_ids`, `length` (source tokens), `cut` (1 where the source was truncated), and with summaries `labels`, which always end
        with the end token, also where they were truncated.
    """
    wanted = settings.tokenizer
    prompts = [wanted.prefix + dialogue for dialogue in dialogues]
    cut = [int(len(whole) > wanted.encoder_max_len) for whole in tokenizer(prompts)["input_ids"]]
    sources = tokenizer(prompts, truncation=True, max_length=wanted.encoder_max_len)["input_ids"]
    columns: dict[str, list[Any]] = {"input_ids": sources, "length": [len(source) for source in sources], "cut": cut}
    if summaries is not None:
        side = tokenizer.truncation_side
        tokenizer.truncation_side = "right"  # truncation_side is about dialogues: a summary never loses its beginning
        targets = tokenizer(text_target=list(summaries), truncation=True, max_length=wanted.decoder_max_len)["input_ids"]
        tokenizer.truncation_side = side
        eos = tokenizer.eos_token_id
        # KoBART's tokenizer adds no end token by itself; without one the model never learns to stop.
        columns["labels"] = [target if target[-1:] == [eos] else [*target[: wanted.decoder_max_len - 1], eos] for target in targets]
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


def new_tokens(model: Any, batch: Mapping[str, Any], generation_config: Any) -> Any:
    """Generated token ids (batch, tokens), start token included."""
    return model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], generation_config=generation_config)
