"""What ends where there is no room for a trial: Ray Tune asks in a loop of its own then, which only the searcher's last word ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.search import Searcher

from summtune.errors import TrialFailure
from summtune.events.kinds import PointDrawn, RunResumed
from summtune.tuning import stop_request
from summtune.tuning.driver import Driver
from summtune.tuning.searcher import RememberingOptunaSearch
from summtune.tuning.session import Session, open_session
from summtune.tuning.stop_request import StopRequest
from tests.tuning.test_budgets import Runs, finished, of
from tests.tuning.test_driver import drawn, step

LOST = TrialFailure("worker_lost", "its node is gone")


class Asked:
    """A searcher as Ray Tune asks it, on a cluster whose room a test sets."""

    def __init__(self, driver: Driver) -> None:
        self.room = 0
        self.interrupted = False
        self.stops: list[str] = []
        self.session = Session(driver, lambda: self.room, lambda: self.stops.append("stop"), print, lambda: self.interrupted)
        open_session(self.session)
        self._searcher = RememberingOptunaSearch()
        self._number = 0

    def __call__(self) -> Any:
        self._number += 1
        self.session._counted = -1e9  # the cluster is looked at again
        return self._searcher.suggest(f"t{self._number}")

    def begins(self) -> None:
        """What was asked for first has an actor."""
        self.session.watchdog.heed(SimpleNamespace(trial_id="t1", status="RUNNING", temporary_state=SimpleNamespace(ray_actor="actor")))
        self.session.began("t1")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "run")
    yield made
    open_session(None)
    made.close()


def stop(driver: Driver) -> None:
    stop_request.ask(driver.run, StopRequest(False, "me"))


def lost_with_its_node(runs: Runs) -> Asked:
    """The only trial of the only node."""
    ask = Asked(runs.open("baseline: false\n"))
    ask.room = 1
    assert isinstance(ask(), dict)
    ask.begins()
    step(ask.session.driver, "0001", 0.5)
    ask.room = 0
    assert ask() is None
    ask.session.over("t1", LOST)
    assert ask.session.driver.waiting == ["0001"]
    return ask


def test_a_stop_ends_a_run_whose_last_node_is_lost(runs: Runs) -> None:
    ask = lost_with_its_node(runs)
    assert [ask(), ask()] == [None, None], "another node may come"
    stop(ask.session.driver)
    assert ask() == Searcher.FINISHED
    assert not ask.session.driver.complete, "it goes on with a resume"


def test_what_runs_is_waited_for_by_a_stop(runs: Runs) -> None:
    ask = Asked(runs.open("baseline: false\n"))
    ask.room = 1
    assert isinstance(ask(), dict)
    ask.begins()
    ask.room = 0
    stop(ask.session.driver)
    assert ask() is None
    assert ask.stops == []
    for score in (0.1, 0.2, 0.3, 0.4):
        step(ask.session.driver, "0001", score)
    ask.session.over("t1")
    assert ask() == Searcher.FINISHED


def test_what_was_handed_out_and_finds_no_node_is_not_waited_for(runs: Runs) -> None:
    """It was handed out before Ray had noticed that the last node is gone."""
    ask = Asked(runs.open("baseline: false\n"))
    ask.room = 1
    assert isinstance(ask(), dict)
    ask.room = 0
    assert ask() is None
    assert ask.stops == []
    stop(ask.session.driver)
    ask.session.look_up()
    ask.session.look_up()
    assert ask.stops == ["stop"], "Ray Tune's loop turns while a trial is pending, and is asked to end"


def test_ctrl_c_hands_out_what_waits_so_that_ray_tune_s_own_loop_ends(runs: Runs) -> None:
    """Never "finished", which Ray Tune's state would remember, and a restore would train nothing."""
    ask = lost_with_its_node(runs)
    ask.interrupted = True
    found = ask()
    assert isinstance(found, dict)
    assert found["trial"] == "0001"
    assert ask() is None, "it is in hand"


def test_a_run_that_is_through_ends_without_room(runs: Runs) -> None:
    driver = runs.open("baseline: false\n")
    for _ in range(6):
        finished(driver, 0.5)
    ask = Asked(driver)
    assert ask() == Searcher.FINISHED


@pytest.mark.parametrize("words", ["budget: {hours: 1}\n", "metric: {target: 0.4}\n"])
def test_what_ends_a_search_ends_it_without_room(runs: Runs, words: str) -> None:
    driver = runs.open(words + "baseline: false\n")
    finished(driver, 0.3)
    left = drawn(driver) if "budget" in words else None
    again = runs.open(words + "baseline: false\n", RunResumed(6, "rebuild", [])) if left else driver
    ask = Asked(again)
    assert ask() is None
    if left:
        runs.now += 4000
        again.note("0001", "an event, by which time is told")
    else:
        finished(again, 0.6)
    assert ask() == Searcher.FINISHED
    assert again.complete
    assert len(of(again, PointDrawn)) == 2


def test_a_baseline_that_was_not_begun_is_waited_for(runs: Runs) -> None:
    ask = Asked(runs.open(""))
    assert ask() is None
    ask.room = 1
    found = ask()
    assert isinstance(found, dict)
    assert found["trial"] == "0000"
