"""The model in the middle of generating: its inputs and cache for the dialogues that are not finished yet, step after step.

It must not know how tokens are chosen (`beams` and `steps` do). transformers prepares everything (encoder, rules, special tokens) and hands
it over through `custom_generate`; what is done otherwise here than in transformers' own loops, without another outcome:
    beams share their dialogue   the prompt is read once per dialogue, not once per beam
    beams share their source     only what a beam wrote itself is put into the order of the surviving beams
    finished dialogues leave     the batch shrinks; transformers computes every row until the last one is done
"""

from __future__ import annotations

from typing import Any

LEAVE_WHEN = 1 / 8
"""Finished dialogues are dropped when they are this share of the batch: dropping copies the cache, which costs about one step."""

_CACHE = "past_key_values"
_SOURCE = "encoder_outputs"


class Running:
    """What the model needs for the next step, for `dialogues` times `beams` sequences."""

    def __init__(self, model: Any, input_ids: Any, beams: int, arguments: dict[str, Any]) -> None:
        """Take over from transformers.

        Args:
            model: the model.
            input_ids: (dialogues × beams, tokens): start token or prompt, the same for all beams of a dialogue.
            beams: sequences per dialogue.
            arguments: the model's other inputs, expanded in the same way, and its empty cache.
        """
        self._model, self._beams = model, beams
        self._arguments = _every(arguments, beams) if beams > 1 else arguments
        self._first: Any = input_ids[::beams]
        self._joint = model.config.is_encoder_decoder

    def first_logits(self) -> Any:
        """Logits (dialogues × beams, vocabulary) of the first new token; reads the prompt, or begins the summary."""
        inputs = self._model.prepare_inputs_for_generation(self._first, is_first_iteration=True, **self._arguments)
        logits = self._logits(inputs)
        if self._beams > 1:
            self._arguments = _repeated(self._arguments, self._beams)
            logits = logits.repeat_interleave(self._beams, dim=0)
        return logits

    def next_logits(self, sequences: Any) -> Any:
        """Logits (rows, vocabulary) of the token after `sequences` (rows, tokens)."""
        return self._logits(self._model.prepare_inputs_for_generation(sequences, next_sequence_length=1, **self._arguments))

    def _logits(self, inputs: Any) -> Any:
        import torch

        outputs = self._model(**inputs, return_dict=True)
        self._arguments = self._model._update_model_kwargs_for_generation(
            outputs, self._arguments, is_encoder_decoder=self._model.config.is_encoder_decoder
        )
        # A copy: the first step's logits of all positions would otherwise stay in memory.
        return outputs.logits[:, -1].to(copy=True, dtype=torch.float32)

    def reorder(self, rows: Any) -> None:
        """Let each row continue what row `rows[i]` of the same dialogue wrote."""
        cache = self._arguments[_CACHE]
        (cache.self_attention_cache if self._joint else cache).reorder_cache(rows)

    def keep(self, rows: Any) -> None:
        """Go on with these rows alone."""
        self._arguments = _selected(self._arguments, rows)


def _every(arguments: dict[str, Any], beams: int) -> dict[str, Any]:
    """Every first beam's inputs."""
    return _changed(arguments, lambda tensor: tensor[::beams])


def _repeated(arguments: dict[str, Any], beams: int) -> dict[str, Any]:
    if (cache := arguments.get(_CACHE)) is not None:
        cache.batch_repeat_interleave(beams)
    return _changed(arguments, lambda tensor: tensor.repeat_interleave(beams, dim=0))


def _selected(arguments: dict[str, Any], rows: Any) -> dict[str, Any]:
    if (cache := arguments.get(_CACHE)) is not None:
        cache.batch_select_indices(rows)
    return _changed(arguments, lambda tensor: tensor.index_select(0, rows))


def _changed(arguments: dict[str, Any], change: Any) -> dict[str, Any]:
    """The arguments with every tensor that has a row per sequence changed; the cache is left alone."""
    import torch
    from transformers.utils import ModelOutput

    made: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, torch.Tensor) and value.ndim:
            made[name] = change(value)
        elif isinstance(value, ModelOutput):
            made[name] = type(value)(**{part: change(one) if isinstance(one, torch.Tensor) else one for part, one in value.items()})
        else:
            made[name] = value
    return made
