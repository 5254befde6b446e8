"""What a driver makes of a person's wish that the run stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.cli.event_lines import event_line
from summtune.events.fold import fold
from summtune.events.kinds import RunResumed, StopAsked
from summtune.events.log import EventLog, read_events
from summtune.events.trial_state import TrialState
from summtune.tuning import stop_request
from summtune.tuning.driver import Driver, NoMore
from summtune.tuning.session import Session
from summtune.tuning.stop_request import StopRequest
from tests.tuning.driving import open_driver
from tests.tuning.playing import SPACE, events_of
from tests.tuning.test_driver import drawn, step


@pytest.fixture
def live(tmp_path: Path) -> tuple[Driver, EventLog]:
    return open_driver(tmp_path / "run", SPACE)


def test_a_wish_is_put_on_record_once_and_no_new_trial_is_drawn(live: tuple[Driver, EventLog]) -> None:
    driver, log = live
    first = drawn(driver)
    assert driver.hear() == ""
    stop_request.ask(driver.run, StopRequest(False, "me"))
    assert [driver.hear(), driver.hear()] == ["finishing", "finishing"]
    assert isinstance(driver.next_trial(), NoMore)
    assert [step(driver, first, score) for score in (0.1, 0.2, 0.3, 0.4)] == [True] * 4, "what runs is trained to its end"
    driver.over(first)
    assert not driver.complete
    stop_request.ask(driver.run, StopRequest(True, "him"))
    assert driver.hear() == "now"
    stop_request.ask(driver.run, StopRequest(False, "me"))
    assert driver.hear() == "now"
    asked = events_of(driver.run, StopAsked)
    assert [(event.now, event.by) for event in asked] == [(False, "me"), (True, "him")]
    assert [event_line(event, driver.state, 0) for event in asked] == [
        "Asked to stop, by me: no new trials; those that run are trained to their end.",
        "Asked to stop now, by him: writing everything down.",
    ]
    log.close()


def test_the_next_session_knows_nothing_of_it(live: tuple[Driver, EventLog]) -> None:
    driver, log = live
    stop_request.ask(driver.run, StopRequest(False, "me"))
    driver.hear()
    driver.close("interrupted")
    stop_request.clear(driver.run)
    log.append(RunResumed(6, "rebuild", []))
    log.close()
    state = fold(read_events(driver.run.events)[0])
    assert (state.stop, state.status) == ("", "running")
    again, log = open_driver(driver.run.folder, SPACE)
    assert again.hear() == ""
    assert isinstance(again.next_trial(), TrialState)
    log.close()


def test_trials_that_were_left_behind_are_not_begun_either(live: tuple[Driver, EventLog]) -> None:
    driver, log = live
    drawn(driver)
    log.close()
    again, log = open_driver(driver.run.folder, SPACE)
    assert again.waiting == ["0000"]
    stop_request.ask(again.run, StopRequest(False, "me"))
    again.hear()
    assert isinstance(again.next_trial(), NoMore)
    log.close()


def test_only_now_ends_ray_tunes_loop_and_only_once(live: tuple[Driver, EventLog]) -> None:
    driver, log = live
    stops: list[str] = []
    session = Session(driver, lambda: 1, lambda: stops.append("stop"), print)
    stop_request.ask(driver.run, StopRequest(False, "me"))
    session.look_up()
    assert stops == []
    stop_request.ask(driver.run, StopRequest(True, "me"))
    session.look_up()
    session.look_up()
    assert stops == ["stop"]
    log.close()


def test_a_file_that_somebody_touched_is_a_wish_too(live: tuple[Driver, EventLog]) -> None:
    driver, log = live
    driver.run.stop.touch()
    assert driver.hear() == "finishing"
    log.close()
