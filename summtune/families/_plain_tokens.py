"""Keeps tokens in the output that a checkpoint's tokenizer would leave out of it.

Whoever tunes a model with `add_special_tokens({"additional_special_tokens": …})` makes special tokens of the speakers, and decoding
deletes those from every summary. Adding such a token again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def make_plain(tokenizer: Any, tokens: Iterable[str]) -> list[str]:
    """Make plain tokens of those that are special, and that don't begin, end, pad or stand for something. Returns which."""
    own = set(tokenizer.special_tokens_map.values())
    special = {*tokenizer.all_special_tokens, *(str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)}
    changed = [token for token in dict.fromkeys(tokens) if token in special and token not in own]
    if not changed:
        return []
    tokenizer.extra_special_tokens = [token for token in tokenizer.extra_special_tokens if token not in changed]
    if tokenizer.is_fast:
        from tokenizers import Tokenizer

        # What it has once seen as special the backend never forgets, so it is made anew.
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        for added in state["added_tokens"]:
            added["special"] &= added["content"] not in changed
        tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    return changed
