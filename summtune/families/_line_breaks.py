"""Keeps line breaks between turns for tokenizers that would lose them.

T5's and mT5's SentencePiece models make spaces of line breaks, so that a dialogue would be one line; with others they are unknown.
Such a tokenizer gets the line break as a token of its own, as it gets the speakers.
"""

from __future__ import annotations

from typing import Any

LINE_BREAK = "\n"


def keep_line_breaks(tokenizer: Any) -> bool:
    """Add the line break to a tokenizer that has none. Returns whether it was added."""
    from tokenizers import AddedToken

    return loses_line_breaks(tokenizer) and bool(tokenizer.add_tokens([AddedToken(LINE_BREAK, normalized=False)]))


def loses_line_breaks(tokenizer: Any) -> bool:
    """Whether a text comes out of this tokenizer without its line breaks."""
    ids = tokenizer("a\na", add_special_tokens=False)["input_ids"]
    return LINE_BREAK not in tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def line_break_was_added(tokenizer: Any) -> bool:
    """Whether the line break is among the tokens that were added, by `keep_line_breaks` or by whoever made the tokenizer."""
    return LINE_BREAK in tokenizer.get_added_vocab()
