"""Beam search that drops a dialogue as soon as nothing can change its summary any more; the outcome is transformers' own.

The rules of the search are those of transformers 5 (`GenerationMixin._beam_search`): twice as many candidates as beams are looked at, a
finished one counts only from among the best `num_beams`, scores are sums of log-probabilities over length to the power of
`length_penalty`. They are written anew because theirs decide for a batch as a whole when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from summtune.decoding.running import LEAVE_WHEN, Running

_NEVER = -1.0e9
"""A score that no sequence has."""


@dataclass
class _Beams:
    """The dialogues that are still searched; first dimension: dialogue, second: beam.

    Attributes:
        places: (dialogues) their rows in the batch that was asked for.
        tokens: (dialogues, beams, longest) what is running.
        scores: (dialogues, beams) sums of log-probabilities.
        ended: (dialogues, beams, longest) the best that have ended, best first.
        ended_scores: (dialogues, beams).
        full: (dialogues, beams) whether that place holds one that has ended.
        done: (dialogues) whether nothing can change any more; stays so until they leave the batch.
    """

    places: Any
    tokens: Any
    scores: Any
    ended: Any
    ended_scores: Any
    full: Any
    done: Any

    def only(self, rows: Any) -> _Beams:
        return _Beams(**{name: value.index_select(0, rows) for name, value in vars(self).items()})


def beam_search(model: Any, input_ids: Any, logits_processor: Any, stopping_criteria: Any, generation_config: Any, **arguments: Any) -> Any:
    """The best sequence (dialogues, tokens) of each dialogue, padded; for `generate(custom_generate=…)`.

    Args:
        model: the model.
        input_ids: (dialogues × beams, prompt).
        logits_processor: rules on log-probabilities.
        stopping_criteria: which sequences are complete.
        generation_config: prepared by transformers.
        **arguments: the model's other inputs.
    """
    import torch

    count, longest = generation_config.num_beams, generation_config.max_length
    prompt = input_ids.shape[1]
    running = Running(model, input_ids, count, arguments)
    state = _begun(input_ids, generation_config)
    found = state.ended[:, 0].clone()
    candidates = max(2, 1 + _how_many_ends(generation_config)) * count
    length = prompt
    while True:
        flat = state.tokens[:, :, :length].flatten(0, 1)
        logits = running.first_logits() if length == prompt else running.next_logits(flat)
        scores = logits_processor(flat, torch.nn.functional.log_softmax(logits, dim=-1))
        words = scores.shape[-1]
        scores = (scores.view(-1, count, words) + state.scores[:, :, None]).flatten(1)
        top, places = torch.topk(scores, k=candidates)
        parents = places // words
        tokens = _of_beams(state.tokens, parents)
        tokens[:, :, length] = places % words
        complete = stopping_criteria(tokens[:, :, : length + 1].flatten(0, 1), None).view(-1, candidates)
        _take_ended(state, tokens, top, complete, (length + 1 - prompt) ** generation_config.length_penalty, generation_config)
        going = torch.topk(top + complete * _NEVER, k=count)
        state.tokens = _of_beams(tokens, going.indices)
        state.scores = going.values
        length += 1
        state.done |= _decided(state, length, prompt, generation_config)
        if state.done.all() or length >= longest:
            found[state.places] = state.ended[:, 0]
            return found[:, : _longest_used(found, prompt, generation_config)]
        offsets = torch.arange(len(state.places), device=top.device)[:, None] * count
        running.reorder((torch.gather(parents, 1, going.indices) + offsets).flatten())
        if state.done.float().mean() >= LEAVE_WHEN:
            found[state.places[state.done]] = state.ended[state.done, 0]
            rows = (~state.done).nonzero().squeeze(1)
            state = state.only(rows)
            running.keep((rows[:, None] * count + torch.arange(count, device=rows.device)).flatten())


def _begun(input_ids: Any, config: Any) -> _Beams:
    import torch

    count, device = config.num_beams, input_ids.device
    dialogues = input_ids.shape[0] // count
    tokens = torch.full((dialogues, count, config.max_length), _filler(config), dtype=torch.long, device=device)
    tokens[:, :, : input_ids.shape[1]] = input_ids.view(dialogues, count, -1)
    # All beams begin alike: only the first may be continued in the first step, or all would be the same for ever.
    scores = torch.zeros((dialogues, count), device=device)
    scores[:, 1:] = _NEVER
    nothing = torch.full((dialogues, count), _NEVER, device=device)
    full = torch.zeros((dialogues, count), dtype=torch.bool, device=device)
    return _Beams(torch.arange(dialogues, device=device), tokens, scores, tokens.clone(), nothing, full, full[:, 0].clone())


def _take_ended(state: _Beams, tokens: Any, scores: Any, complete: Any, divisor: float, config: Any) -> None:
    """Put the candidates that are complete among the best that have ended.

    Args:
        state: changed in place.
        tokens: (dialogues, candidates, longest).
        scores: (dialogues, candidates).
        complete: (dialogues, candidates).
        divisor: what length makes of a score.
        config: the generation's configuration.
    """
    import torch

    count = config.num_beams
    counts = complete & ~state.done[:, None]
    counts[:, count:] = False
    new = torch.where(counts, scores / divisor, torch.full_like(scores, _NEVER))
    best = torch.topk(torch.cat((state.ended_scores, new), dim=1), k=count)
    state.ended = _of_beams(torch.cat((state.ended, tokens), dim=1), best.indices)
    state.ended_scores = best.values
    state.full = torch.gather(torch.cat((state.full, counts), dim=1), 1, best.indices)


def _decided(state: _Beams, length: int, prompt: int, config: Any) -> Any:
    """(dialogues) whether no running beam can still win; where scores grow with length this is transformers' estimate."""
    full = state.full.all(1)
    if config.early_stopping is True:
        return full
    hoped = config.max_length - prompt if config.early_stopping == "never" and config.length_penalty > 0 else length - prompt
    return full & (state.scores[:, 0] / hoped**config.length_penalty <= state.ended_scores.min(1).values)


def _of_beams(tensor: Any, beams: Any) -> Any:
    """`tensor` (dialogues, beams, tokens) at `beams` (dialogues, wanted)."""
    return tensor.gather(1, beams[:, :, None].expand(-1, -1, tensor.shape[2]))


def _longest_used(found: Any, prompt: int, config: Any) -> int:
    """Columns that hold more than padding."""
    import torch

    used = (found[:, prompt:] != _filler(config)).any(0).nonzero()
    return prompt + (int(torch.max(used)) + 1 if len(used) else 0)


def _filler(config: Any) -> int:
    return int(config.pad_token_id)


def _how_many_ends(config: Any) -> int:
    ends = config.eos_token_id
    return 0 if ends is None else len(ends) if isinstance(ends, (list, tuple)) else 1
