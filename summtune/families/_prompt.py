"""The prompt of a causal model: what stands before and after the dialogue, as token ids.

`tokenizer.input_format` is a text with `{dialogue}` in it. Without one, a tokenizer with a chat template is asked as its chat model
expects, and any other by a format that says in few tokens, in any language of the dialogue, that a summary follows.
"""

from __future__ import annotations

from typing import Any

from summtune.config.settings import Tokenizer
from summtune.errors import CheckpointMistake, Problem
from summtune.families._framing import Frame

PLACE = "{dialogue}"

DEFAULT_FORMAT = f"{PLACE}\nTL;DR:"
"""GPT-2 was shown to summarise by it (Radford et al., 2019)."""

CHAT_REQUEST = f"Summarise this dialogue in its own language.\n\n{PLACE}"


def prompt_frame(tokenizer: Any, wanted: Tokenizer) -> Frame:
    """What stands around a dialogue.

    Raises:
        CheckpointMistake: the format has no place for the dialogue, or leaves none.
    """
    text = wanted.input_format
    chat = text is None and bool(tokenizer.chat_template)
    if chat:
        message = [{"role": "user", "content": wanted.prefix + CHAT_REQUEST}]
        text = str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))
    text = text if text is not None else DEFAULT_FORMAT
    if text.count(PLACE) != 1:
        reason = f"{text!r} has {text.count(PLACE)} places for the dialogue."
        raise CheckpointMistake(Problem(reason, f"Write {PLACE} in it once.", key="tokenizer.input_format"))
    before, after = text.split(PLACE)
    if not chat:
        before = wanted.prefix + before
    first = tokenizer("a")["input_ids"][:1]
    begins = first == [tokenizer.bos_token_id] and tokenizer.bos_token_id is not None
    ids = [tokenizer(part, add_special_tokens=False)["input_ids"] if part else [] for part in (before, after)]
    if begins and ids[0][:1] != first:  # a chat template may have written it already
        ids[0] = [*first, *ids[0]]
    if len(ids[0]) + len(ids[1]) >= wanted.encoder_max_len:
        reason = (
            f"the prompt takes {len(ids[0]) + len(ids[1])} of the {wanted.encoder_max_len} tokens, and leaves no room for the dialogue."
        )
        raise CheckpointMistake(Problem(reason, "Raise it, or shorten input_format.", key="tokenizer.encoder_max_len"))
    return Frame(*ids)


def end_of_summary(tokenizer: Any, wanted: Tokenizer) -> int:
    """The token that a summary ends with: of a chat model the one that ends its turn, which need not be the one that ends a text."""
    if wanted.input_format is not None or not tokenizer.chat_template:
        return int(tokenizer.eos_token_id)
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": PLACE}]
    after = str(tokenizer.apply_chat_template(turns, tokenize=False)).rpartition(PLACE)[2]
    ids = tokenizer(after.strip(), add_special_tokens=False)["input_ids"]
    # What is no token of its own, such as a line break, can't be told from the summary's text.
    own = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    return int(ids[0]) if ids and ids[0] in own else int(tokenizer.eos_token_id)
