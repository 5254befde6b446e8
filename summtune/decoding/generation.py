"""Generates summaries of many dialogues: batches of similar length, longest first, results in the order that was asked.

It must not know what they are scored by. transformers prepares each batch; the loops over tokens are `beams` and `steps`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from summtune.config import effects
from summtune.config.settings import Generation, Settings
from summtune.decoding.beams import beam_search
from summtune.decoding.cleaning import cleaner
from summtune.decoding.fitting import BatchSize
from summtune.decoding.steps import generators, step_by_step

Read = Callable[[Sequence[int], Mapping[str, Any]], Mapping[str, Any]]
"""(places of a batch among the sources, the batch) to further inputs of the family's `new_tokens`."""


@dataclass(frozen=True)
class Generated:
    """What was generated, each in the order of the dialogues.

    Attributes:
        summaries: clean texts.
        seconds: of each; dialogues of one batch share its time evenly.
        finished: whether the model ended each by itself. Where the configuration forces an end token at the longest length, a summary of
            that length counts as cut off: nobody can tell.
        tokens: how many tokens were written of each.
    """

    summaries: list[str]
    seconds: list[float]
    finished: list[bool]
    tokens: list[int]


def generation_config(model: Any, generation: Generation) -> Any:
    """A GenerationConfig: the model's special tokens, and the settings' decoding.

    transformers refuses to save a configuration with arguments that mean nothing beside the others.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    kept = ("pad", "bos", "eos", "decoder_start", "forced_bos", "forced_eos")
    tokens = {f"{role}_token_id": getattr(own, f"{role}_token_id", None) for role in kept}
    return GenerationConfig(**tokens, **generation_arguments(generation), use_cache=True)


def generation_arguments(generation: Generation) -> dict[str, Any]:
    """The settings of `generation` that transformers is given: without those that mean nothing beside the others."""
    values = {f"generation.{name}": value for name, value in generation.model_dump().items()}
    return {
        key.removeprefix("generation."): value for key, value in values.items() if value is not None and not effects.idle_rules(values, key)
    }


MOST_IN_A_BATCH = 4
"""Times the batch size that short dialogues may be together."""


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Places of the rows, in batches of similar length, longest first: what doesn't fit into memory fails at once.

    Args:
        lengths: tokens of each row.
        batch_size: rows of the longest batch. Shorter rows come in larger batches, of as many tokens, up to `MOST_IN_A_BATCH` times.
    """
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    tokens = batch_size * lengths[order[0]] if order else 0
    batches = []
    while order:
        size = min(max(tokens // max(lengths[order[0]], 1), 1), MOST_IN_A_BATCH * batch_size)
        batches.append(order[:size])
        order = order[size:]
    return batches


def generate(
    family: ModuleType, model: Any, tokenizer: Any, sources: Sequence[Sequence[int]], settings: Settings, *, batch_size: int | BatchSize
) -> list[str]:
    """Summaries of tokenised dialogues, in their order; as `generate_watched`, which says the rest."""
    return generate_watched(family, model, tokenizer, sources, settings, batch_size=batch_size).summaries


def generate_watched(
    family: ModuleType,
    model: Any,
    tokenizer: Any,
    sources: Sequence[Sequence[int]],
    settings: Settings,
    *,
    batch_size: int | BatchSize,
    read: Read | None = None,
) -> Generated:
    """Summaries of tokenised dialogues, with how long each took and whether the model ended it.

    Args:
        family: the model's family.
        model: on the device that it shall run on.
        tokenizer: the model's.
        sources: token ids of each dialogue.
        settings: for `generation` and `inference.remove_tokens`.
        batch_size: dialogues at a time; fewer where they don't fit into memory.
        read: gives what the model has made of a batch's sources already, so that it need not read them again.

    Raises:
        TrialFailure: a single dialogue doesn't fit.
    """
    import torch

    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)

    clean = cleaner(tokenizer, settings.inference.remove_tokens)
    config = family.adapted(generation_config(model, settings.generation))
    done = Generated([""] * len(sources), [0.0] * len(sources), [False] * len(sources), [0] * len(sources))
    was_training, own_config = model.training, model.generation_config
    model.eval()
    model.generation_config = config  # transformers would otherwise take from the model's own what this one leaves open

    def summarise(places: list[int]) -> None:
        began = time.perf_counter()
        batch = family.collate(tokenizer, [{"input_ids": sources[place]} for place in places])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        if read is not None:
            batch |= read(places, batch)
        loop = _loop(config, [sources[place] for place in places], model.device)
        tokens = family.new_tokens(model, batch, config, custom_generate=loop)
        texts, (written, ended) = clean(tokens), _ends(tokens, config)  # these wait for the GPU, so that the clock tells the truth
        each_s = (time.perf_counter() - began) / len(places)
        for place, text, count, end in zip(places, texts, written, ended, strict=True):
            done.summaries[place], done.seconds[place], done.tokens[place], done.finished[place] = text, each_s, count, end

    try:
        with torch.inference_mode():
            size.work_through([len(source) for source in sources], by_length, summarise)
    finally:
        model.train(was_training)
        model.generation_config = own_config
    return done


def warm_up(family: ModuleType, model: Any, tokenizer: Any, sources: Sequence[Sequence[int]], settings: Settings) -> None:
    """Summarise the shortest dialogue once, for nothing, before others are timed.

    The first takes longer, since libraries load and choose what they need; no model is to blame for being the first in its process.
    """
    if sources:
        generate_watched(family, model, tokenizer, [min(sources, key=len)], settings, batch_size=1)


def _loop(config: Any, sources: Sequence[Sequence[int]], device: Any) -> Any:
    if config.num_beams > 1:
        return beam_search
    if not config.do_sample:
        return step_by_step(None)
    return step_by_step(generators(sources, device))


def _ends(tokens: Any, config: Any) -> tuple[list[int], list[bool]]:
    """How many tokens each row of ids (batch, tokens) has before its end, and whether that came before the longest length, or at it by
    the model's own choice.
    """
    ends = config.eos_token_id if isinstance(config.eos_token_id, (list, tuple)) else [config.eos_token_id]
    over = {*ends, config.pad_token_id}  # what follows an end is padding; of several ends a family may leave only that
    longest = config.max_new_tokens if config.max_new_tokens is not None else config.max_length - 1  # max_length counts the start token
    counts, ended = [], []
    for row in tokens.tolist() if hasattr(tokens, "tolist") else tokens:
        new = row[1:] if row and row[0] == config.decoder_start_token_id else row  # BART starts with its end token
        place = next((place for place, token in enumerate(new) if token in over), None)
        counts.append(len(new) if place is None else place)
        ended.append(place is not None and (config.forced_eos_token_id is None or place + 1 < longest))
    return counts, ended
