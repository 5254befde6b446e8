"""Appends events to `events.jsonl`, synced before anyone acts on them, and reads them back.

Each line ends with its number and a checksum, so that a line that is missing, or was changed and can still be read, is noticed. It must not
know what the events mean; `salvage` does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from summtune.errors import RunMistake, SurroundingsFailure
from summtune.events.kinds import Event, from_record
from summtune.events.salvage import Fault, fitting

SomeEvent = TypeVar("SomeEvent", bound=Event)

_SEAL = re.compile(rb', "line": (\d+), "crc32": "([0-9a-f]{8})"}$')
_NAMED = re.compile(rb'"kind": "(?P<kind>\w+)".*?(?:"trial": "(?P<trial>[\w-]+)"|$)')


_TAIL_BYTES = 8192
"""More than a line that closes a run takes."""


class EventLog:
    """The writing end. A run has one at a time, held by its driver.

    Args:
        path: the log; made if it isn't there. A torn last line is cut off, so that what is appended starts on a line of its own.
        clock: gives the seconds since the epoch.
        check: called before each line is written; raises where this process may not write any more.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, check: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._clock = clock
        self._check = check
        self._number = _cut_torn_end(path)
        self._appending = False
        self._unsynced = False
        self._stream = path.open("ab", buffering=0)  # nothing may linger in a buffer: what is written is on its way to the disk

    def append(self, event: SomeEvent, *, sync: bool = True) -> SomeEvent:
        """Write an event with the present time, and return it so stamped once it is on disk.

        Args:
            event: what happened.
            sync: False where nothing is done on its strength before another one is synced, or `sync` is called: a sync takes
                milliseconds, and serves all that was written before. Only a power cut can take away what was not synced.

        Raises:
            SurroundingsFailure: it could not be written; nothing may be done on its strength.
        """
        self._check()
        stamped = dataclasses.replace(event, time=round(self._clock(), 3))
        if self._appending:  # a second Ctrl-C ended the append before this one; whether its line was written only the file knows
            self._number = _cut_torn_end(self._path)
        self._appending = self._unsynced = True
        end = self._stream.seek(0, os.SEEK_END)
        try:
            rest = as_line(stamped, self._number + 1)
            while rest:
                rest = rest[self._stream.write(rest) :]  # a disk that fills up takes part of it first
            if sync:
                self._sync()
        except OSError as error:
            self._stream.truncate(end)  # what comes after, if the disk has room again, begins a line of its own
            raise self._unwritable(error) from error
        self._number += 1
        self._appending = False
        return stamped

    @property
    def busy(self) -> bool:
        """Whether a line is being written; asked by another thread, which must not append then."""
        return self._appending

    def sync(self) -> None:
        """Return once all that was written is on disk.

        Raises:
            SurroundingsFailure: it isn't, and nothing may be done on its strength.
        """
        try:
            self._sync()
        except OSError as error:
            raise self._unwritable(error) from error

    def _sync(self) -> None:
        if self._unsynced:
            os.fsync(self._stream.fileno())
            self._unsynced = False

    def _unwritable(self, error: OSError) -> SurroundingsFailure:
        return SurroundingsFailure(f"The event log {self._path} can't be written: {error.strerror}. Free the disk, then resume the run.")

    def close(self) -> None:
        self._stream.close()


def as_line(event: Event, number: int) -> bytes:
    """An event as a line of the log, with its number, the checksum of all before it, and its end."""
    record = json.dumps(event.to_record() | {"line": number}, ensure_ascii=False, allow_nan=False)[:-1].encode()
    return b'%s, "crc32": "%08x"}\n' % (record, zlib.crc32(record))


@dataclass(frozen=True)
class Reading:
    """What a log holds.

    Attributes:
        events: all that can be read, and make a run together.
        faults: what is damaged or missing, and what had to be left out since something before it is.
        torn: the number of a last line that was not written to its end, which nobody acted upon; None where there is none.
    """

    events: list[Event]
    faults: list[Fault]
    torn: int | None


def read_events(path: Path) -> tuple[list[Event], list[str]]:
    """All events of a log that can be taken in, and warnings about what could not.

    Raises:
        RunMistake: there is no log.
    """
    reading = read_log(path)
    return reading.events, warnings_of(path, reading)


def warnings_of(path: Path, reading: Reading) -> list[str]:
    """What could not be read, for a person."""
    warnings = [f"{path}:{fault.line}: {fault.text}" for fault in reading.faults]
    return warnings + ([f"{path}:{reading.torn}: the last line is torn, and was left out"] if reading.torn else [])


def read_log(path: Path) -> Reading:
    """A log, with what is wrong with it.

    Raises:
        RunMistake: there is no log.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunMistake(f"{path}: the event log can't be read: {error.strerror}.") from error
    *lines, rest = text.split(b"\n")
    numbered, faults = _read_lines(lines)
    events, unfit = fitting(numbered)
    faults = sorted((*faults, *unfit), key=lambda fault: fault.line)
    # What has no line end was never synced whole, so nobody acted upon it.
    return Reading(events, faults, len(lines) + 1 if rest else None)


def last_event(path: Path) -> Event | None:
    """The last event alone, without reading what comes before; None where it can't be told so."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            _, _, line = stream.read().removesuffix(b"\n").rpartition(b"\n")
        return _read_line(line)[1]
    except (OSError, ValueError):
        return None


class Lines:
    """Takes a log's lines one after another: which events are sound, and what is wrong with the others."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.place = 0  # of the last line, in the file
        # The number of the last sound line, and how many that were not sound have come since.
        self._last, self._damaged = 0, 0

    def take(self, line: bytes) -> Event | None:
        """The event of the next line; None where it is damaged, or there twice."""
        self.place += 1
        try:
            number, event = _read_line(line)
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            self.faults.append(_damage(self.place, line, error))
            self._damaged += 1
            return None
        number = number or self._last + self._damaged + 1  # lines of earlier versions have none
        if number <= self._last:
            twice = f"line {number} is there twice; the second was left out"
            self.faults.append(Fault(self.place, twice, getattr(event, "trial", "")))
            return None
        missing = number - self._last - 1 - self._damaged
        if missing > 0:
            self.faults.append(Fault(self.place, f"{missing} line{'s are' if missing > 1 else ' is'} missing before this one"))
        self._last, self._damaged = number, 0
        return event


def _read_lines(lines: Iterable[bytes]) -> tuple[list[tuple[int, Event]], list[Fault]]:
    """The events of sound lines with their places in the file, and what is wrong with the others."""
    taken = Lines()
    events = [(taken.place, event) for line in lines if (event := taken.take(line)) is not None]
    return events, taken.faults


def _read_line(line: bytes) -> tuple[int | None, Event]:
    """A line's number and event.

    Raises:
        ValueError: it is damaged.
    """
    seal = _SEAL.search(line)
    if seal is not None and zlib.crc32(line[: seal.end(1)]) != int(seal[2], 16):
        raise ValueError("its checksum is another")
    record = json.loads(line)
    if seal is None:
        return None, from_record(record)
    del record["crc32"]
    return int(record.pop("line")), from_record(record)


def _damage(place: int, line: bytes, error: ValueError) -> Fault:
    """What can still be said of a damaged line."""
    named = _NAMED.search(line)
    kind, trial = (named["kind"].decode(), (named["trial"] or b"").decode()) if named else ("", "")
    what = f" ({kind}{f' of {trial}' if trial else ''})" if kind else ""
    return Fault(place, f"the line{what} is damaged, and was left out: {error}", trial, drawing=kind == "point_drawn")


def _cut_torn_end(path: Path) -> int:
    """Remove what a crash in mid-write left after the last complete line; the number of that line."""
    if not path.exists():
        return 0
    with path.open("r+b") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            stream.truncate(whole)
            os.fsync(stream.fileno())
    return content.count(b"\n")
