"""Appends events to `events.jsonl`, each flushed and synced before anyone acts on it, and reads them back.

It must not know what the events mean.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from summtune.errors import RunMistake, SurroundingsFailure
from summtune.events.kinds import Event, from_record

SomeEvent = TypeVar("SomeEvent", bound=Event)


class EventLog:
    """The writing end. A run has one at a time, held by its driver.

    Args:
        path: the log; made if it isn't there. A torn last line is cut off, so that what is appended starts on a line of its own.
        clock: gives the seconds since the epoch.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        _cut_torn_end(path)
        self._stream = path.open("ab", buffering=0)  # nothing may linger in a buffer: what is written is on its way to the disk

    def append(self, event: SomeEvent) -> SomeEvent:
        """Write an event with the present time, and return it so stamped once it is on disk.

        Raises:
            SurroundingsFailure: it could not be written; nothing may be done on its strength.
        """
        stamped = dataclasses.replace(event, time=round(self._clock(), 3))
        line = json.dumps(stamped.to_record(), ensure_ascii=False, allow_nan=False) + "\n"
        end = self._stream.tell()
        try:
            rest = line.encode()
            while rest:
                rest = rest[self._stream.write(rest) :]  # a disk that fills up takes part of it first
            os.fsync(self._stream.fileno())
        except OSError as error:
            self._stream.truncate(end)  # what comes after, if the disk has room again, begins a line of its own
            raise SurroundingsFailure(
                f"The event log {self._path} can't be written: {error.strerror}. Free the disk, then resume the run."
            ) from error
        return stamped

    def close(self) -> None:
        self._stream.close()


def read_events(path: Path) -> tuple[list[Event], list[str]]:
    """All events of a log, and warnings about what could not be read.

    Only a torn last line is passed over: it was never acted upon.

    Raises:
        RunMistake: there is no log, or a line before the last is damaged.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunMistake(f"{path}: the event log can't be read: {error.strerror}.") from error
    events: list[Event] = []
    *lines, rest = text.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            events.append(from_record(json.loads(line)))
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise RunMistake(f"{path}:{number}: the event log is damaged here: {error}. Restore the file from a copy.") from error
    # What has no line end was never synced whole, so nobody acted upon it.
    warnings = [f"{path}:{len(lines) + 1}: the last line is torn, and was left out"] if rest else []
    return events, warnings


def _cut_torn_end(path: Path) -> None:
    """Remove what a crash in mid-write left after the last complete line."""
    if not path.exists():
        return
    with path.open("r+b") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            stream.truncate(whole)
            os.fsync(stream.fileno())
