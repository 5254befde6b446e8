"""The prompt of a causal model: what stands before and after the dialogue, as token ids.

`tokenizer.input_format` is a text with `{dialogue}` in it. Without one, a tokenizer with a chat template is asked as its chat model
expects, and any other by a format that says in few tokens, in any language of the dialogue, that a summary follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from summtune.config.settings import Tokenizer
from summtune.errors import CheckpointMistake, Problem
from summtune.families._framing import Frame

PLACE = "{dialogue}"

DEFAULT_FORMAT = f"{PLACE}\nTL;DR:"
"""GPT-2 was shown to summarise by it (Radford et al., 2019)."""

TODAY = datetime(2024, 7, 26)
"""What templates that write the date are told that it is: the day that Llama 3's own takes where nobody tells one."""

_ASKS_FOR_THE_DATE = re.compile(r"""strftime_now\(\s*(?P<quote>["'])(?P<format>[^"'\\]*)(?P=quote)\s*\)""")

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
        text = _written(tokenizer, message, add_generation_prompt=True)
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


def notices(tokenizer: Any, wanted: Tokenizer) -> tuple[str, ...]:
    """What a person should know of the prompt."""
    if wanted.input_format is not None or not tokenizer.chat_template or "strftime_now" not in _template(tokenizer):
        return ()
    said = (
        f"the chat template writes the date: it is {TODAY:%d %B %Y} in every prompt, so that prompts stay the same; whoever asks the model"
    )
    return (f"{said} elsewhere does as well to say that date (tokenizer.input_format goes without).",)


def _template(tokenizer: Any) -> str:
    """The chat template that a user's turn is written by: a checkpoint may have others for tools and documents."""
    several = tokenizer.chat_template
    if isinstance(several, dict) and "default" not in several:
        reason = f"the tokenizer has chat templates for {', '.join(sorted(several))}, and none that is the default."
        raise CheckpointMistake(Problem(reason, f"Write the prompt here, with {PLACE} in it.", key="tokenizer.input_format"))
    return str(tokenizer.get_chat_template())


def _written(tokenizer: Any, turns: Sequence[Mapping[str, str]], **how: Any) -> str:
    """The turns as the chat template writes them, on whichever day.

    transformers takes no function from outside into a template, so the date is put where the template asks for it.
    """
    template = _ASKS_FOR_THE_DATE.sub(lambda call: repr(TODAY.strftime(call["format"])), _template(tokenizer))
    if "strftime_now(" in template:
        reason = "the chat template writes the date in a form that is known only on the day, so that prompts would change with it."
        raise CheckpointMistake(Problem(reason, f"Write the prompt here, with {PLACE} in it.", key="tokenizer.input_format"))
    return str(tokenizer.apply_chat_template(turns, tokenize=False, chat_template=template, **how))


def end_of_summary(tokenizer: Any, wanted: Tokenizer) -> int:
    """The token that a summary ends with: of a chat model the one that ends its turn, which need not be the one that ends a text."""
    if wanted.input_format is not None or not tokenizer.chat_template:
        return int(tokenizer.eos_token_id)
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": PLACE}]
    after = _written(tokenizer, turns).rpartition(PLACE)[2]
    ids = tokenizer(after.strip(), add_special_tokens=False)["input_ids"]
    # What is no token of its own, such as a line break, can't be told from the summary's text.
    own = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    return int(ids[0]) if ids and ids[0] in own else int(tokenizer.eos_token_id)
