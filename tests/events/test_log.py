import json
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from summtune.errors import RunMistake
from summtune.events import log as log_module
from summtune.events.kinds import KINDS, Ended, Event, PointDrawn, Reported, RunClosed, from_record
from summtune.events.log import EventLog, last_event, read_events


def written(path: Path) -> list[Event]:
    ticks = count(100)
    log = EventLog(path, clock=lambda: next(ticks))
    events = [
        log.append(PointDrawn("0001", 0, {"training.learning_rate": 1e-4})),
        log.append(Reported("0001", 1, 1, {"loss": 1.5, "이름": 1.0}, "attempts/1/checkpoints/checkpoint-8")),
        log.append(Ended("0001", "finished")),
    ]
    log.close()
    return events


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    events = written(tmp_path / "events.jsonl")
    assert [event.time for event in events] == [100, 101, 102]
    assert read_events(tmp_path / "events.jsonl") == (events, [])


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_last_line_is_left_out_with_a_warning_and_cut_before_more_is_written(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    events = written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    found, warnings = read_events(path)
    assert found == events[:-1]
    assert warnings == [f"{path}:3: the last line is torn, and was left out"]
    log = EventLog(path)
    last = log.append(RunClosed("interrupted"))
    log.close()
    assert read_events(path) == ([*events[:-1], last], [])


def changed(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> tuple[list[Event], list[str]]:
    """What is read of a log whose lines were changed, and the warnings without the path."""
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().split(b"\n")[:-1])))
    events, warnings = read_events(path)
    return events, [warning.removeprefix(f"{path}:") for warning in warnings]


def test_a_line_in_the_middle_that_is_cut_short_is_left_out_and_named(tmp_path: Path) -> None:
    events = written(tmp_path / "events.jsonl")
    found, warnings = changed(tmp_path / "events.jsonl", lambda lines: [lines[0], lines[1][:60], lines[2]])
    assert found == [events[0], events[2]]
    assert len(warnings) == 1
    assert warnings[0].startswith("2: the line (reported of 0001) is damaged, and was left out: ")


def test_a_line_that_is_missing_is_noticed(tmp_path: Path) -> None:
    events = written(tmp_path / "events.jsonl")
    found, warnings = changed(tmp_path / "events.jsonl", lambda lines: [lines[0], lines[2]])
    assert (found, warnings) == ([events[0], events[2]], ["2: 1 line is missing before this one"])


def test_a_line_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    events = written(tmp_path / "events.jsonl")
    found, warnings = changed(tmp_path / "events.jsonl", lambda lines: [*lines[:2], lines[1], lines[2]])
    assert (found, warnings) == (events, ["3: line 2 is there twice; the second was left out"])


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """Also one that leaves a line that reads well: another number, another letter of a name."""
    path = tmp_path / "events.jsonl"
    events = written(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        bit = 1 << place % 8
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        found, warnings = read_events(path)
        assert warnings, f"bit {bit} of byte {place}"
        assert all(event in events for event in found)


def test_logs_of_earlier_versions_are_read_and_gone_on_with(tmp_path: Path) -> None:
    """Their lines have neither number nor checksum."""
    path = tmp_path / "events.jsonl"
    events = written(path)
    path.write_text("".join(json.dumps(event.to_record()) + "\n" for event in events), encoding="utf-8")
    assert read_events(path) == (events, [])
    log = EventLog(path)
    last = log.append(RunClosed("finished"))
    log.close()
    assert read_events(path) == ([*events, last], [])
    assert last_event(path) == last


def test_no_log_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(RunMistake, match="can't be read: No such file"):
        read_events(tmp_path / "events.jsonl")


FULL = """
import resource, signal, sys
from pathlib import Path
from summtune.errors import SurroundingsFailure
from summtune.events.kinds import Ended, RunClosed
from summtune.events.log import EventLog

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (128, 128))  # no file may grow beyond this
log = EventLog(Path(sys.argv[1]))
try:
    log.append(Ended("0001", "failed", "error", "x" * 100))
except SurroundingsFailure as failure:
    print(failure)
log.append(RunClosed("failed"))
log.close()
"""


def test_no_room_is_a_failure_of_the_surroundings_and_leaves_the_log_whole(tmp_path: Path) -> None:
    """In a process of its own: the limit holds for all that a process writes."""
    path = tmp_path / "events.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"The event log {path} can't be written: File too large. Free the disk, then resume the run.\n"
    events, warnings = read_events(path)
    assert [event.kind for event in events] == ["run_closed"]
    assert warnings == []


def interrupted_at(place: int, log: EventLog, event: Event) -> bool:
    """Append an event; a Ctrl-C comes at one of the append's steps, counted from 0. Whether there was such a step."""
    steps, before = count(), sys.gettrace()

    def trace(frame: FrameType, what: str, _: object) -> Any:
        if frame.f_code.co_filename != log_module.__file__:
            return None
        frame.f_trace_opcodes = True
        if what == "opcode" and next(steps) == place:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        log.append(event)
        return False
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)


def test_an_interrupt_anywhere_in_an_append_leaves_the_log_whole(tmp_path: Path) -> None:
    """It is the second Ctrl-C, and what is appended after it is the run's end."""
    kept = []
    for place in count():
        log = EventLog(path := tmp_path / f"{place}.jsonl")
        first = log.append(Ended("0001", "finished"))
        came = interrupted_at(place, log, Ended("0002", "finished"))
        last = log.append(RunClosed("interrupted"))
        log.close()
        events, warnings = read_events(path)
        assert warnings == [], f"at step {place}"
        assert [events[0], events[-1]] == [first, last]
        kept.append(len(events) == 3)
        if not came:
            break
    assert kept == sorted(kept), "from the write on it is there"
    assert kept.count(True) > 10, "the sync is among the steps"
    assert kept.count(False) > 10


def test_every_kind_is_listed_under_its_own_name() -> None:
    assert {cls.kind for cls in Event.__subclasses__()} == set(KINDS)
    assert all(cls.kind == name for name, cls in KINDS.items())


@pytest.mark.parametrize("record", [{"kind": "told"}, {"kind": "nothing"}, {}, {"kind": "ended", "trial": "1", "status": "x", "more": 1}])
def test_a_record_of_no_kind_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event"):
        from_record(record)


@pytest.mark.parametrize("line", ["1", "[]", "null", '{"kind": ["ended"]}'])
def test_a_line_that_is_json_but_no_event_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    assert [warning.partition(": ")[0] for warning in read_events(path)[1]] == [f"{path}:1"]
    assert last_event(path) is None
