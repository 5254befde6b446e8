"""A log that is read while it is written: each event once, whatever a reading catches its driver at."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune import durable
from summtune.errors import RunMistake
from summtune.events.following import Follower
from summtune.events.kinds import Event, Noted, RunClosed
from summtune.events.log import EventLog, as_line, read_events
from tests.reporting.test_views import recorded


def test_a_log_that_grows_byte_by_byte_gives_each_event_once(tmp_path: Path) -> None:
    source = recorded(tmp_path).events
    content, grown = source.read_bytes(), tmp_path / "grown.jsonl"
    grown.write_bytes(b"")
    follower, found = Follower(grown), list[Event]()
    with grown.open("ab", buffering=0) as stream:
        for begin in range(0, len(content), 997):
            stream.write(content[begin : begin + 997])
            news = follower.news()
            assert (news.faults, news.anew) == ((), False)
            found += news.events
    assert found == read_events(source)[0]
    assert follower.news().events == ()


def test_a_torn_line_that_the_next_driver_cuts_off_is_never_an_event(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    whole = len(read_events(run.events)[0])
    with run.events.open("ab") as stream:
        stream.write(b'{"kind": "noted", "trial": "00')
    follower = Follower(run.events)
    assert len(follower.news().events) == whole
    log = EventLog(run.events)
    log.append(Noted("0001", "after"))
    log.close()
    (event,) = follower.news().events
    assert isinstance(event, Noted)
    assert event.text == "after"


def test_damage_is_told_once_and_a_mended_log_is_read_anew(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    follower = Follower(run.events)
    before = follower.news().events
    with run.events.open("ab") as stream:
        stream.write(b'{"kind": "noted", broken}\n')
    (fault,) = follower.news().faults
    assert fault.line == len(before) + 1
    assert "the line (noted) is damaged, and was left out" in fault.text
    assert follower.news().faults == ()
    kept = [*before, Noted("0001", "mended"), RunClosed("finished")]
    durable.write_bytes(run.events, b"".join(as_line(event, number) for number, event in enumerate(kept, start=1)))
    news = follower.news()
    assert news.anew
    assert list(news.events) == kept
    assert news.faults == ()


def test_a_log_that_went_away_is_said(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    follower = Follower(run.events)
    follower.news()
    run.events.unlink()
    with pytest.raises(RunMistake, match="can't be read any more: No such file or directory"):
        follower.news()
