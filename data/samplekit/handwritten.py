"""Read the hand-written dialogues, which live in plain text files because prose is easier to edit there than in code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HandwrittenDialogue:
    """One dialogue written by hand."""

    dialogue: str
    summary: str
    topic: str


def read_handwritten(folder: Path) -> list[HandwrittenDialogue]:
    """Read every dialogue of a folder in the order of the file names.

    Args:
        folder: Folder of ``.txt`` files: a ``topic:`` line, a ``summary:`` line, an empty line, then the turns.

    Returns:
        The dialogues.

    Raises:
        ValueError: If a file does not have that form.
    """
    return [_parse(path) for path in sorted(folder.glob("*.txt"))]


def _parse(path: Path) -> HandwrittenDialogue:
    head, separator, dialogue = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if not separator or fields.keys() != {"topic", "summary"}:
        raise ValueError(f"{path} must hold a topic line, a summary line, an empty line and the turns")
    return HandwrittenDialogue(dialogue.strip(), fields["summary"], fields["topic"])
