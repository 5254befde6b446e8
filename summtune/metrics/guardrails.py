"""What a summary must not do, told without any reference: invent speakers, names or numbers, tear tags, say nothing.

Each is 1 for a summary that does it at least once, so that the mean is a share of summaries. Names and numbers are read with care not to
blame an honest summary (`_names`, `_numbers`), and by spelling: a name that the dialogue spells in another script counts as invented.
"""

from __future__ import annotations

import re

from summtune.metrics import Columns, Summaries
from summtune.metrics import _names as names
from summtune.metrics import _numbers as numbers
from summtune.metrics._text import TAG

KEYS = tuple(f"guardrails/{fault}" for fault in ("invented_speakers", "invented_names", "invented_numbers", "torn_tags", "empty"))
GOAL = dict.fromkeys(KEYS, "minimize")
UNIT = dict.fromkeys(KEYS, "share of summaries, 0..1")
NEEDS = ("dialogues",)

_SPEAKER_WITHOUT_SIGNS = re.compile(r"(?i)(?<![A-Za-z])person\s*\d")


def score(summaries: Summaries) -> Columns:
    """One value per dialogue."""
    assert summaries.dialogues is not None, "declared under NEEDS"
    rows = [faults(prediction, dialogue) for prediction, dialogue in zip(summaries.predictions, summaries.dialogues, strict=True)]
    return {key: [float(row[place]) for row in rows] for place, key in enumerate(KEYS)}


def faults(summary: str, dialogue: str) -> tuple[bool, bool, bool, bool, bool]:
    """Which faults a summary has, in the order of `KEYS`."""
    return (
        not set(TAG.findall(summary)) <= set(TAG.findall(dialogue)),
        any(not names.supported(name, dialogue) for name in names.claimed(summary)),
        not numbers.claimed(summary) <= numbers.supported(dialogue),
        _torn(summary, dialogue),
        not any(letter.isalnum() for letter in summary),
    )


def _torn(summary: str, dialogue: str) -> bool:
    """Whether anything is left of tags once the whole ones are taken out; a # that the dialogue has by itself is no tag."""
    rest, allowed = TAG.sub(" ", summary), TAG.sub(" ", dialogue)
    return ("#" in rest and "#" not in allowed) or bool(_SPEAKER_WITHOUT_SIGNS.search(rest) and not _SPEAKER_WITHOUT_SIGNS.search(allowed))
