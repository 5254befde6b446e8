"""What metrics recognise in plain text: speakers' tags, and where sentences end. It must not know of words (`_words` does)."""

from __future__ import annotations

import re

TAG = re.compile(r"(#[A-Za-z]+\d*#)")

_ABBREVIATIONS = "".join(rf"(?<!\b{word}\.)" for word in ("Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Jr", "Sr", "vs", "No", "[A-Z]"))
_SENTENCE_END = re.compile(rf"\n+|(?<=[.!?…。])[\"'”’)\]]*{_ABBREVIATIONS}\s+")
"""A line break, or an end mark before white space, unless it belongs to an abbreviation or an initial."""


def sentences(text: str) -> list[str]:
    """The sentences of a text, none of them empty."""
    ends = [match for match in _SENTENCE_END.finditer(text)]
    begins = [0, *(match.end() for match in ends)]
    parts = [text[begin:end] for begin, end in zip(begins, [*(match.end() for match in ends), len(text)], strict=True)]
    return [part.strip() for part in parts if part.strip()]


def length(text: str) -> int:
    """Characters without white space."""
    return sum(map(len, text.split()))
