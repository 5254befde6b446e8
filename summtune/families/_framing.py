"""Fits texts into a number of tokens: what stands around a text always stays, the text is cut, and what was cut is counted.

It must not know which family asks, nor what the tokens around a text mean.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from summtune.errors import CheckpointMistake, Problem


@dataclass(frozen=True)
class Frame:
    """Token ids around a text; the first of `before` is the begin token where the tokenizer puts one by itself."""

    before: list[int]
    after: list[int]


@dataclass(frozen=True)
class Fitted:
    """Token ids of each text with what stands around it, and how many tokens of each were cut."""

    ids: list[list[int]]
    cut: list[int]


def own_frame(tokenizer: Any, *, target: bool = False) -> Frame:
    """What the tokenizer puts around every text by itself: T5's puts an end token after it, KoBART's nothing at all."""
    probed = tokenizer(**{"text_target" if target else "text": "a", "return_special_tokens_mask": True})
    ids, mask = probed["input_ids"], probed["special_tokens_mask"]
    first = mask.index(0) if 0 in mask else len(mask)
    last = len(mask) - mask[::-1].index(0) if 0 in mask else len(mask)
    return Frame(ids[:first], ids[last:])


def ended(frame: Frame, end: int) -> Frame:
    """A frame that ends with the end token, once."""
    return frame if frame.after[-1:] == [end] else Frame(frame.before, [*frame.after, end])


def fitted(
    tokenizer: Any, texts: Sequence[str], frame: Frame, room: int, *, key: str, side: Literal["left", "right"], target: bool = False
) -> Fitted:
    """Token ids of texts, each with the frame around it in at most `room` tokens.

    Args:
        tokenizer: the model's.
        texts: without what stands around them.
        frame: what does.
        room: tokens for both.
        key: the setting that gives the room, for the message.
        side: which end of a text that is too long is cut.
        target: whether the texts are summaries.

    Raises:
        CheckpointMistake: the frame leaves no room.
    """
    inside = room - len(frame.before) - len(frame.after)
    if inside < 1:
        reason = f"{len(frame.before) + len(frame.after)} tokens stand around each text, and {room} leave no room for it."
        raise CheckpointMistake(Problem(reason, "Raise it.", key=key))
    # verbose: transformers would warn of texts that are too long, which is what is being counted here.
    named = {"text_target" if target else "text": list(texts), "add_special_tokens": False, "verbose": False}
    bodies = [_bare(body, frame, tokenizer) for body in tokenizer(**named)["input_ids"]] if texts else []
    kept = [body if len(body) <= inside else body[-inside:] if side == "left" else body[:inside] for body in bodies]
    cut = [max(len(body) - inside, 0) for body in bodies]
    return Fitted([[*frame.before, *body, *frame.after] for body in kept], cut)


def _bare(body: list[int], frame: Frame, tokenizer: Any) -> list[int]:
    """A text's tokens without a begin or end token that someone wrote into it, and that the frame adds."""
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    while begin is not None and body[:1] == frame.before[:1] == [begin]:
        body = body[1:]
    while end is not None and body[-1:] == frame.after[-1:] == [end]:
        body = body[:-1]
    return body


def tokenizer_state(tokenizer: Any) -> list[Any]:
    """All of a tokenizer that token ids depend on.

    Truncation and padding are left out: transformers changes them at every call that asks for some, and nothing here asks for any.
    Of one that is Python all the way, without a state to ask for, it is the files that it would be made from again.
    """
    ends = [tokenizer.eos_token_id, tokenizer.bos_token_id]
    if not tokenizer.is_fast:
        with tempfile.TemporaryDirectory() as folder:
            files = sorted(Path(file) for file in tokenizer.save_pretrained(folder))
            return [{file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}, *ends]
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    del state["truncation"], state["padding"]
    return [state, *ends]
