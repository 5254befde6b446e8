"""Token by token, the likeliest or a drawn one: dialogues leave the batch when their summary has ended.

What is drawn for a dialogue depends on that dialogue alone, not on its neighbours in the batch: each has a random generator of its own.
transformers draws for the whole batch at once, so that another batch size would give other summaries; for a dialogue by itself, after
`torch.manual_seed(seed_of(its token ids))`, it gives the same. One seed for all dialogues would let them share their luck, and a
comparison over dialogues would take it for skill.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from summtune.decoding.running import LEAVE_WHEN, Running


def step_by_step(draws: Sequence[Any] | None) -> Callable[..., Any]:
    """A function for `generate(custom_generate=…)` that returns sequences (dialogues, tokens), padded.

    Args:
        draws: a random generator for each dialogue; None takes the likeliest token each time.
    """

    def decode(model: Any, input_ids: Any, logits_processor: Any, stopping_criteria: Any, generation_config: Any, **arguments: Any) -> Any:
        import torch

        prompt, longest = input_ids.shape[1], generation_config.max_length
        running = Running(model, input_ids, 1, arguments)
        found = torch.full((len(input_ids), longest), int(generation_config.pad_token_id), dtype=torch.long, device=input_ids.device)
        found[:, :prompt] = input_ids
        places = torch.arange(len(input_ids), device=input_ids.device)
        done = torch.zeros(len(places), dtype=torch.bool, device=input_ids.device)
        for length in range(prompt, longest):
            sequences = found[places, :length]
            logits = running.first_logits() if length == prompt else running.next_logits(sequences)
            scores = logits_processor(sequences, logits)
            chosen = scores.argmax(-1) if draws is None else _drawn(scores, [draws[place] for place in places.tolist()], done)
            chosen = chosen.masked_fill(done, int(generation_config.pad_token_id))
            found[places, length] = chosen
            done |= stopping_criteria(found[places, : length + 1], None)
            if done.all():
                return found[:, : length + 1]
            if done.float().mean() >= LEAVE_WHEN:
                rows = (~done).nonzero().squeeze(1)
                running.keep(rows)
                places, done = places[rows], done[rows]
        return found

    return decode


def seed_of(source: Sequence[int]) -> int:
    """The seed of a dialogue's draws, from its token ids: after `torch.manual_seed` of it transformers draws the same summary."""
    return zlib.crc32(repr(list(source)).encode())


def generators(sources: Sequence[Sequence[int]], device: Any) -> list[Any]:
    """A random generator for each dialogue: the same for the same dialogue, wherever it stands."""
    import torch

    return [torch.Generator(device).manual_seed(seed_of(source)) for source in sources]


def _drawn(scores: Any, draws: Sequence[Any], done: Any) -> Any:
    """A token for each row (rows) that is not done, drawn as transformers draws for one dialogue by itself."""
    import torch

    probabilities = torch.softmax(scores, dim=-1)
    chosen = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    for row in (~done).nonzero().flatten().tolist():
        chosen[row] = torch.multinomial(probabilities[row : row + 1], num_samples=1, generator=draws[row])[0, 0]
    return chosen
