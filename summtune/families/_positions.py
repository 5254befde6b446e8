"""Whether the lengths that settings give find room in a model's positions, once the model is there.

`config.lengths` asks the same beforehand, of models whose positions are known without loading them. It must not know how a family feeds
its models.
"""

from __future__ import annotations

from typing import Any

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem

_SOURCE, _TARGET = "tokenizer.encoder_max_len", "tokenizer.decoder_max_len"


def check_lengths(model: Any, settings: Settings, *, shared: bool) -> None:
    """Make sure of the room, in training and in decoding.

    Args:
        model: transformers'.
        settings: with the lengths.
        shared: whether source and summary stand in one sequence.

    Raises:
        CheckpointMistake: a length is beyond the model's positions, alone or with what it shares them with.
    """
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None:  # T5's are relative, and don't run out
        return
    source, generation = settings.tokenizer.encoder_max_len, settings.generation
    longest = "max_length" if generation.max_new_tokens is None else "max_new_tokens"
    lengths = {_TARGET: settings.tokenizer.decoder_max_len, f"generation.{longest}": getattr(generation, longest)}
    if shared:
        for key, length in lengths.items():
            if source + length > positions:
                beside = "" if key == _TARGET else f" with {key} {length}"
                reason = f"prompt and summary, {source + length} tokens together{beside}, are more than the model's {positions} positions."
                raise CheckpointMistake(Problem(reason, f"Give at most {positions} for both together.", key=_SOURCE))
        return
    for key, length in {_SOURCE: source, **lengths}.items():
        if length > positions:
            reason = f"{length} tokens are more than the model's {positions} positions."
            raise CheckpointMistake(Problem(reason, f"Give at most {positions}.", key=key))
