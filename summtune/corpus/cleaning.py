"""Cleans text on request (`data.clean`): what no reader sees goes, what separates turns stays.

What it does, in this order, and nothing else:
    Unicode NFC, so that a Hangul syllable is one character
    line and paragraph separators (U+2028, U+2029) become line breaks
    control and format characters (categories Cc and Cf: zero-width spaces, byte order marks, soft hyphens, marks of direction) go, but
        for line breaks, tabs and the joiners U+200C and U+200D, which emoji and some scripts are made with
    each run of tabs and spaces, also wide and non-breaking ones, becomes one space
    spaces around each line go, and lines without text
It must not know which text it is given: dialogues and the summaries that are taught are cleaned alike, references to score by never.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT = "\n\t\u200c\u200d"
_SPACES = re.compile(r"[^\S\n]+")
_AROUND_LINES = re.compile(r" ?\n[ \n]*")


class _Unseen(dict[int, int | str | None]):
    """What `str.translate` makes of each character; looked up when it is first met."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        gone = unicodedata.category(character) in ("Cc", "Cf") and character not in _KEPT
        self[code] = None if gone else "\n" if character in "\u2028\u2029" else code
        return self[code]


_UNSEEN = _Unseen()


def cleaned(text: str) -> str:
    """The text, cleaned as the head of this module says."""
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text).translate(_UNSEEN))
    return _AROUND_LINES.sub("\n", text).strip(" \n")
