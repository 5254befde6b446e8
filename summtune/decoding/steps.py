"""Token by token, the likeliest or a drawn one: dialogues leave the batch when their summary has ended.

What is drawn for a dialogue depends on that dialogue and the seed alone, not on its neighbours in the batch: each has random numbers of
its own. transformers draws for the whole batch at once, so that another batch size would give other summaries.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from summtune.decoding.running import LEAVE_WHEN, Running


def step_by_step(draws: Any | None) -> Callable[..., Any]:
    """A function for `generate(custom_generate=…)` that returns sequences (dialogues, tokens), padded.

    Args:
        draws: random numbers from 0 to 1 (dialogues, new tokens); None takes the likeliest token each time.
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
            chosen = scores.argmax(-1) if draws is None else _drawn(scores, draws[places, length - prompt])
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


def random_numbers(sources: Sequence[Sequence[int]], count: int, seed: int) -> Any:
    """Numbers from 0 to 1 (dialogues, count): the same for the same dialogue, wherever it stands.

    Args:
        sources: token ids of each dialogue.
        count: numbers for each.
        seed: of all of them.
    """
    import torch

    rows = []
    for source in sources:
        own = zlib.crc32(repr((seed, list(source))).encode())  # CPU generators take no more than 32 bits
        rows.append(torch.rand(count, generator=torch.Generator().manual_seed(own), dtype=torch.float64))
    return torch.stack(rows)


def _drawn(scores: Any, draws: Any) -> Any:
    """The token (rows) at which the cumulated probability passes the row's random number."""
    import torch

    cumulated = torch.softmax(scores.double(), dim=-1).cumsum(-1)
    found = torch.searchsorted(cumulated, draws.to(cumulated.device)[:, None] * cumulated[:, -1:], right=True).squeeze(1)
    return found.clamp(max=scores.shape[-1] - 1)
