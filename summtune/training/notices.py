"""What a training decides for a person, or finds that a person should know: said once, and kept for the results.

Whoever has something to say calls `say`; where it goes from there (training.log, training_results.json, the run's event log, the
screen) is no affair of theirs.
"""

from __future__ import annotations

from collections.abc import Callable

from summtune.training.log import LOG

Note = Callable[[str], None]
"""Told a sentence that a person should read."""


class Notices:
    """The notices of one training.

    Attributes:
        said: all of them so far, in order, each once.
    """

    def __init__(self, note: Note) -> None:
        self.said: list[str] = []
        self._note = note

    def say(self, text: str) -> None:
        """Say something, unless it has been said."""
        if text and text not in self.said:
            self.said.append(text)
            LOG.warning("%s", text)
            self._note(text)
