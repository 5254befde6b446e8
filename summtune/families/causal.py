"""Decoder-only models (KoGPT2, GPT-2, Llama-likes): prompt and summary in one sequence, the model learns to go on after the prompt.

It must not know where data come from, nor how training is driven.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.families import IGNORED, PAD_TO, Loaded, Sources
from summtune.families._checkpoints import check_available, local_folder
from summtune.families._framing import Frame, fitted, tokenizer_state
from summtune.families._gguf import gguf_path, unpacked
from summtune.families._loading import had_model, weights_arguments
from summtune.families._made_up import digest_of
from summtune.families._positions import check_lengths
from summtune.families._prompt import end_of_summary, notices, prompt_frame
from summtune.families._tokens import check_tokens, had_tokens, share_token_ids

ARCHITECTURES = (
    "kogpt2", "gpt2", "gpt_neo", "gpt_neox", "opt", "bloom", "llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2",
    "gemma3_text", "phi", "phi3", "phimoe", "smollm3", "exaone4", "olmo", "olmo2", "olmo3", "granite", "granitemoe", "gptj", "falcon",
    "cohere", "cohere2", "stablelm", "starcoder2", "gpt_bigcode", "qwen2_moe", "qwen3_moe", "glm", "glm4", "gpt_oss", "ministral",
    "ministral3", "nemotron", "mpt", "hunyuan_v1_dense", "ernie4_5", "seed_oss", "helium", "arcee", "apertus", "xglm", "biogpt",
)  # fmt: skip

AUTO_CLASS = "AutoModelForCausalLM"

CONSUMES = frozenset(
    {
        "general.seed",
        "general.device",
        *(f"model.{key}" for key in ("architecture", "checkpoint", "load_pretrained", "trust_remote_code", "config_overrides")),
        *(f"model.{key}" for key in ("dropout_rate", "freeze_embeddings")),
        *(f"tokenizer.{key}" for key in ("encoder_max_len", "decoder_max_len", "special_tokens", "truncation_side", "prefix")),
        *(f"tokenizer.{key}" for key in ("bos_token", "eos_token", "pad_token", "vocab_size", "input_format")),
        *(f"generation.{key}" for key in ("max_length", "min_length", "max_new_tokens", "num_beams", "length_penalty")),
        *(f"generation.{key}" for key in ("no_repeat_ngram_size", "repetition_penalty", "early_stopping", "do_sample")),
        *(f"generation.{key}" for key in ("temperature", "top_k", "top_p")),
        *(f"model.{key}" for key in ("lora", "quantization", "gguf_file")),
        "training.*",
    }
)

LIMITS: Mapping[str, str] = {"model.freeze_encoder": "there is no encoder to freeze"}

SHARES_POSITIONS = True

DEFAULTS: Mapping[str, Any] = {"generation.no_repeat_ngram_size": 0}
"""The rule counts the prompt in these models: whatever the dialogue says in two words could not be said again."""

TAKES_FP16 = frozenset({"kogpt2", "gpt2", "gpt_neox", "opt"})
"""Those that came before bf16 was usual; the others were trained in bf16, and some overflow in fp16."""


def load(settings: Settings, sources: Sources) -> Loaded:
    """Model and tokenizer as the settings say, special tokens added, embeddings resized, in fp32 on the CPU.

    Raises:
        CheckpointMistake: it can't be had, or model and tokenizer don't fit the settings.
    """
    if sources.resume_from is not None:
        return load_folder(sources.resume_from, settings)
    check_available(settings)
    from transformers import AutoModelForCausalLM

    if settings.model.gguf_file is not None:
        file = gguf_path(settings, local_folder(str(settings.model.checkpoint)))
        settings = unpacked(settings, file, sources, AutoModelForCausalLM)
    tokens = had_tokens(settings, sources)
    model = had_model(settings, tokens, sources, AutoModelForCausalLM, _prepare)
    return _agreed(Loaded(model, tokens.tokenizer, tuple(sorted(tokens.pieces)), tokens.notices), settings)


def load_folder(folder: Path, settings: Settings) -> Loaded:
    """Model and tokenizer from a folder that training wrote."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True, **weights_arguments(settings))
    return _agreed(Loaded(model, tokenizer), settings)


def _prepare(config: Any, tokenizer: Any) -> None:
    """Nothing beyond the tokens that all families share."""


def _agreed(loaded: Loaded, settings: Settings) -> Loaded:
    """Model, tokenizer and settings made to agree on special tokens and lengths."""
    tokenizer = loaded.tokenizer
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        # Usual for decoder-only models. It can be confused with nothing: batches are masked by length, and a summary ends at the first.
        tokenizer.pad_token = tokenizer.eos_token
        notice = f"the tokenizer has no padding token: its end token {tokenizer.eos_token} pads, and is masked (tokenizer.pad_token)."
        loaded = replace(loaded, notices=(*loaded.notices, notice))
    check_tokens(loaded)
    check_lengths(loaded.model, settings, shared=SHARES_POSITIONS)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    share_token_ids(loaded)
    loaded = replace(loaded, notices=(*loaded.notices, *notices(tokenizer, settings.tokenizer)))
    if size := settings.generation.no_repeat_ngram_size:
        notice = f"generation.no_repeat_ngram_size {size}: in decoder-only models, as transformers counts, no {size} tokens that stand"
        loaded = replace(loaded, notices=(*loaded.notices, f"{notice} together in the dialogue do so in its summary."))
    ends = {end_of_summary(tokenizer, settings.tokenizer), tokenizer.eos_token_id}
    if len(ends) > 1:
        loaded.model.generation_config.eos_token_id = sorted(ends)
    return loaded


def encoding_digest(loaded: Loaded, settings: Settings) -> str:
    """Digest of all that `encode` depends on."""
    wanted = settings.tokenizer
    lengths = [wanted.encoder_max_len, wanted.decoder_max_len, wanted.truncation_side]
    prompt = [loaded.tokenizer.chat_template, wanted.prefix, wanted.input_format]
    return digest_of(["causal encoding 3", tokenizer_state(loaded.tokenizer), lengths, prompt])


def encode(tokenizer: Any, dialogues: Sequence[str], summaries: Sequence[str] | None, settings: Settings) -> dict[str, list[Any]]:
    """Token ids of prompts and summaries.

    Only the dialogue is ever cut, never what stands around it in the prompt, and never to make room for the summary, which has its own.

    Returns:
        `input_ids` (the prompt), `length` (tokens of prompt and summary), `cut` (tokens of the dialogue that were cut), and with summaries
        `labels` (the summary), which always end with the end token (of the turn, for a chat model), also where they were truncated, and
        `cut_summary` (their tokens that were cut).
    """
    wanted = settings.tokenizer
    frame = prompt_frame(tokenizer, wanted)
    room, key = wanted.encoder_max_len, "tokenizer.encoder_max_len"
    prompts = fitted(tokenizer, dialogues, frame, room, key=key, side=wanted.truncation_side)
    columns: dict[str, list[Any]] = {"input_ids": prompts.ids, "length": [len(prompt) for prompt in prompts.ids], "cut": prompts.cut}
    if summaries is not None:
        end = Frame([], [end_of_summary(tokenizer, wanted)])
        targets = fitted(tokenizer, summaries, end, wanted.decoder_max_len, key="tokenizer.decoder_max_len", side="right")
        columns |= {"labels": targets.ids, "cut_summary": targets.cut}
        columns["length"] = [len(prompt) + len(target) for prompt, target in zip(prompts.ids, targets.ids, strict=True)]
    return columns


def collate(tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A padded batch of `input_ids` and `attention_mask` (batch, tokens).

    With `labels` in the rows: prompt and summary in one, padded on the right, and `labels` (batch, tokens) with the prompt masked.
    Without: prompts alone, padded on the left, so that what is generated follows each of them at once.
    """
    import torch

    learning = "labels" in rows[0]
    sequences = [[*row["input_ids"], *(row["labels"] if learning else ())] for row in rows]
    longest = -(-max(map(len, sequences)) // PAD_TO) * PAD_TO

    def padded(values: Sequence[int], filler: int) -> list[int]:
        filling = [filler] * (longest - len(values))
        return [*values, *filling] if learning else [*filling, *values]

    batch = {
        "input_ids": torch.tensor([padded(one, tokenizer.pad_token_id) for one in sequences], dtype=torch.long),
        # By length, not by comparing with the padding token: some tokenizers pad with their end token.
        "attention_mask": torch.tensor([padded([1] * len(one), 0) for one in sequences], dtype=torch.long),
    }
    if learning:
        masked = [padded([*[IGNORED] * len(row["input_ids"]), *row["labels"]], IGNORED) for row in rows]
        batch["labels"] = torch.tensor(masked, dtype=torch.long)
    return batch


def token_counts(batch: Mapping[str, Any]) -> tuple[Any, int]:
    """Tokens of prompts and summaries in a batch, and the positions that are computed for them: the summary stands in the input."""
    return batch["attention_mask"].sum(), batch["input_ids"].numel()


def logits_and_targets(model: Any, batch: Mapping[str, Any]) -> tuple[Any, Any]:
    """Teacher-forced logits (batch, tokens - 1, vocabulary) and the tokens that they predict (batch, tokens - 1; -100: none)."""
    outputs = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)
    return outputs.logits[:, :-1], batch["labels"][:, 1:]


def adapted(generation_config: Any) -> Any:
    """The generation configuration with lengths of the summary alone: these models count the prompt among `max_length`."""
    config = copy.deepcopy(generation_config)
    if config.max_new_tokens is None:
        config.max_new_tokens = config.max_length
    config.min_new_tokens = config.min_length or None
    config.max_length, config.min_length = None, None
    config.decoder_start_token_id = config.forced_bos_token_id = config.forced_eos_token_id = None
    return config


def new_tokens(model: Any, batch: Mapping[str, Any], generation_config: Any, **how: Any) -> Any:
    """Generated token ids (batch, new tokens), prompts excluded; `how` is for `generate`.

    The rules against repetition count the prompt, as they do for whoever loads the model and calls `generate`: what is scored has to be
    what they get. Padding they would count as well, which a single prompt has none of; so it is taken out of their sight.
    """
    import torch

    prompt = batch["input_ids"].shape[1]
    config, rules = _rules_without_padding(generation_config, batch)
    tokens = model.generate(**batch, generation_config=config, logits_processor=rules, **how)
    summaries = tokens[:, prompt:]
    if isinstance(config.eos_token_id, list):  # a turn's end need not be marked as special, and would be left in the text
        ends = torch.tensor(config.eos_token_id, device=summaries.device)
        summaries = summaries.masked_fill(torch.isin(summaries, ends), config.pad_token_id)
    return summaries


def _rules_without_padding(generation_config: Any, batch: Mapping[str, Any]) -> tuple[Any, Any]:
    """The configuration without its rules against repetition, and those rules as processors that don't see the padding of prompts."""
    from transformers import LogitsProcessor, LogitsProcessorList, NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

    config = copy.deepcopy(generation_config)
    pad, mask = config.pad_token_id, batch["attention_mask"]
    # Rows come in beams, and leave when they have ended, so that their padding is found anew each time: what they begin with, but for
    # what all prompts really begin with, should that be the padding token, too (GPT-2 begins, ends and pads with the same).
    real = int((batch["input_ids"] == pad).cumprod(1).sum(1)[0] - (mask == 0).sum(1)[0])
    prompt = mask.shape[1]

    class WithoutPadding(LogitsProcessor):  # type: ignore[misc]  # transformers exports it lazily
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            begun_with = (input_ids[:, :prompt] == pad).cumprod(1)
            padding = begun_with.cumsum(1) <= begun_with.sum(1, keepdim=True) - real
            seen = input_ids.clone()
            seen[:, :prompt] = seen[:, :prompt].masked_fill(begun_with.bool() & padding, scores.shape[-1])  # they pass over no token's id
            return self._inner(seen, scores)

    rules = LogitsProcessorList()
    if config.repetition_penalty not in (None, 1.0):
        rules.append(WithoutPadding(RepetitionPenaltyLogitsProcessor(config.repetition_penalty)))
    if config.no_repeat_ngram_size:
        rules.append(WithoutPadding(NoRepeatNGramLogitsProcessor(config.no_repeat_ngram_size)))
    config.no_repeat_ngram_size, config.repetition_penalty = 0, 1.0
    return config, rules
