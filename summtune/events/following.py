"""Reads an event log while its driver writes it: from another terminal, or another machine that sees the run's folder.

A line without its end is waited for. A driver that mends a damaged log puts another file in its place, which is read from its beginning.
It must not know what the events mean, nor who shows them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from summtune.errors import RunMistake
from summtune.events.kinds import Event
from summtune.events.log import Lines
from summtune.events.salvage import Fault, Sorter


@dataclass(frozen=True)
class News:
    """What a log has come to hold.

    Attributes:
        events: new ones, which can be taken in after those before.
        faults: what could not be read.
        anew: whether the log is another one than before: the events are all of it, and what was known is void.
    """

    events: tuple[Event, ...] = ()
    faults: tuple[Fault, ...] = ()
    anew: bool = False


class Follower:
    """The reading end of a log that grows.

    Args:
        path: the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._lines, self._sorter = Lines(), Sorter()
        self._told = (0, 0, 0)  # events, damaged lines and events left out that were told of

    def news(self) -> News:
        """What has been written since this was asked last.

        Raises:
            RunMistake: there is no log any more.
        """
        try:
            with self._path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                anew = self._file is not None and (self._file != (found.st_dev, found.st_ino) or found.st_size < self._offset)
                if anew:
                    self._begin()
                self._file = (found.st_dev, found.st_ino)
                stream.seek(self._offset)
                *lines, _ = stream.read().split(b"\n")  # what has no end yet is read when it has
        except OSError as error:
            raise RunMistake(f"{self._path}: the event log can't be read any more: {error.strerror}.") from error
        for line in lines:
            self._offset += len(line) + 1
            if (event := self._lines.take(line)) is not None:
                self._sorter.take(self._lines.place, event)
        events, damaged, unfit = self._told
        self._told = (len(self._sorter.events), len(self._lines.faults), len(self._sorter.faults))
        faults = sorted((*self._lines.faults[damaged:], *self._sorter.faults[unfit:]), key=lambda fault: fault.line)
        return News(tuple(self._sorter.events[events:]), tuple(faults), anew)
