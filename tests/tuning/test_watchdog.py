"""Trials that hang are ended, others never are; a test plays Ray Tune, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.tune.search import Searcher

from summtune.errors import NothingUsable, TrialFailure
from summtune.events.fold import RunState
from summtune.events.kinds import GroupStarted, Reported
from summtune.events.log import EventLog, read_events
from summtune.events.trial_state import TrialState
from summtune.paths import AttemptPaths
from summtune.tuning.allotment import Allotment
from summtune.tuning.failures import write_failure
from summtune.tuning.placement import Placement
from summtune.tuning.searcher import RememberingOptunaSearch
from summtune.tuning.session import Session, open_session
from summtune.tuning.silence import Patience
from summtune.tuning.watchdog import Watchdog
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import step

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
early_terminate: none
settings: {training: {num_train_epochs: 9}}
"""


class Played:
    """A session whose Ray Tune, clock and processes are the test's."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.session = session
        self.now = 1000.0
        self.killed: list[Any] = []
        session.watchdog = Watchdog(Patience(), clock=lambda: self.now)
        monkeypatch.setattr(ray, "kill", self.killed.append)

    @property
    def state(self) -> RunState:
        return self.session.driver.state

    def handed_out(self, tune_id: str) -> Any:
        """A trial that Ray Tune was given, as it sees it: pending, without an actor."""
        trial = self.session.driver.next_trial()
        assert isinstance(trial, TrialState)
        self.session.bind(tune_id, trial.id)
        assert self.session.take(tune_id)
        tunes = SimpleNamespace(trial_id=tune_id, status="PENDING", temporary_state=SimpleNamespace(ray_actor=None), ours=trial.id)
        self.session.watchdog.heed(tunes)
        return tunes

    def running(self, tune_id: str) -> Any:
        tunes = self.handed_out(tune_id)
        self.start(tunes)
        return tunes

    def start(self, tunes: Any) -> None:
        tunes.temporary_state.ray_actor = f"actor of {tunes.trial_id}"
        self.session.began(tunes.trial_id)
        tunes.status = "RUNNING"

    def passes(self, seconds: float) -> None:
        """Ray Tune's loop turns for so long."""
        for _ in range(round(seconds)):
            self.now += 1.0
            self.session.watchdog.look(self.session)

    def reports(self, tunes: Any) -> None:
        self.session.watchdog.heard(tunes.trial_id, self.session)
        step(self.session.driver, tunes.ours, 0.5)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Played]]:
    logs: list[EventLog] = []

    def begin(more: str = "", *, workers: int = 1) -> Played:
        driver, log = open_driver(tmp_path / "run", SPACE + more, gpus=float(workers))
        logs.append(log)
        placement = Placement(Allotment(cpus=workers, gpus=workers, workers=workers))
        return Played(Session(driver, lambda: 9, lambda: None, lambda sentence: None, placement=placement), monkeypatch)

    yield begin
    for log in logs:
        log.close()


def test_a_trial_that_has_not_been_heard_of_for_long_is_ended_and_tried_again(play: Callable[..., Played]) -> None:
    played = play()
    trial, quick = played.running("t1"), played.running("t2")
    played.reports(trial)
    for _ in range(6):
        played.passes(100)
        played.reports(quick)
    assert played.killed == []
    played.passes(2)
    assert played.killed == ["actor of t1"]
    ours = played.state.trials[trial.ours]
    assert ours.status == "pending"
    assert ours.retried[0].cause == "hung"
    assert ours.retried[0].message == "it has not been heard of for 601 s; 600 s are what a trial is given here."
    played.session.over("t1", TrialFailure("worker_lost", "killed"))
    assert len(ours.retried) == 1, "what Ray Tune makes of the kill is no failure of its own"
    played.passes(5)
    assert played.killed == ["actor of t1"]
    assert played.session.has_room()


def test_the_longer_evaluations_take_the_longer_a_trial_may_keep_silent() -> None:
    patience = Patience()
    state, trial = RunState(), TrialState("0001", 1, {}, {}, False, 0.0)
    assert patience.limit_s(trial, state) is None, "the very first evaluation may take any time"
    assert patience.verdict(trial, state, 1e6, 1e6, None) is None
    state.longest_wait_s = 20.0
    assert patience.limit_s(trial, state) == 600.0
    state.longest_wait_s = 300.0
    assert patience.limit_s(trial, state) == 6000.0, "of others, whose models may be much smaller"
    trial.longest_wait_s = 900.0
    assert patience.limit_s(trial, state) == 4500.0, "its own"
    assert patience.verdict(trial, state, 4500.0, 1e6, None) is None
    assert patience.verdict(trial, state, 4501.0, 1e6, None) is not None
    assert Patience(after_s=7.0).limit_s(trial, state) == 7.0


def test_waits_are_on_record_by_attempt(play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause between sessions is nobody's evaluation."""
    played = play()
    trial = played.running("t1")
    ours, driver = played.state.trials[trial.ours], played.session.driver
    moments = iter([10.0, 15.0, 1000.0, 1007.0])
    began = ours.began_at
    assert began is not None

    def reported(iteration: int, attempt: int) -> None:
        event = Reported(trial.ours, attempt, iteration, {"loss": 1.0, "rouge_combined_f1": 0.1}, None, time=began + next(moments))
        driver.state.apply(event)

    reported(1, 1)
    reported(2, 1)
    assert ours.longest_wait_s == pytest.approx(10.0)
    ours.began_at, ours.attempts = began + 999.0, 2
    reported(3, 2)
    reported(4, 2)
    assert ours.longest_wait_s == driver.state.longest_wait_s == pytest.approx(10.0)


def test_a_first_evaluation_may_take_as_long_as_it_takes_while_nothing_is_known(play: Callable[..., Played]) -> None:
    played = play()
    played.running("t1")
    played.passes(5000)
    assert played.killed == []


def test_a_training_that_does_not_look_at_its_own_clock_is_ended_some_time_after_its_limit(play: Callable[..., Played]) -> None:
    played = play()
    played.session.driver.experiment.base.settings.training.__dict__["timeout_s"] = 60
    trial = played.running("t1")
    played.passes(660)
    assert played.killed == []
    played.passes(1)
    assert played.killed == ["actor of t1"]
    ours = played.state.trials[trial.ours]
    assert (ours.status, ours.cause) == ("failed", "timeout")
    assert ours.message == "it took longer than training.timeout_s, 60 s, and did not end by itself."


def test_a_trial_that_waits_for_resources_has_not_hung_but_an_actor_that_can_not_be_used_again_has(play: Callable[..., Played]) -> None:
    played = play("resources: {hung_after_s: 5}\n")
    trial = played.handed_out("t1")
    played.passes(5000)
    assert played.killed == []
    trial.temporary_state.ray_actor = "used before"
    played.passes(120)
    assert played.killed == []
    played.passes(2)
    assert played.killed == ["used before"]
    ours = played.state.trials[trial.ours]
    assert (ours.status, ours.attempts) == ("pending", 0)
    assert ours.retried[0].message == "the process that it was given did not let go of the trial before in 120 s"


def test_a_group_that_waits_for_room_has_not_hung_nor_taken_too_long(play: Callable[..., Played]) -> None:
    """Ray Tune has an actor for it at once; that one asks for the workers' places, for as long as it takes."""
    played = play(workers=2)
    played.session.watchdog.patience = Patience(after_s=50.0)
    played.session.driver.experiment.base.settings.training.__dict__["timeout_s"] = 60
    trial = played.running("t1")
    ours = played.state.trials[trial.ours]
    played.passes(5000)
    assert (played.killed, ours.status) == ([], "running")
    began = ours.began_at
    assert began is not None
    paths = played.session.driver.run.trial(trial.ours).attempt(1)
    paths.group.write_text('["one:1", "other:2"]', encoding="utf-8")
    played.passes(50)
    assert played.killed == []
    assert (ours.began_at or 0.0) > began, "what an evaluation takes is measured from here"
    (event,) = [event for event in read_events(played.session.driver.run.events)[0] if isinstance(event, GroupStarted)]
    assert (event.trial, event.attempt, event.gpus) == (trial.ours, 1, 2.0)
    played.passes(2)
    assert played.killed == ["actor of t1"], "now it may hang as any other"
    assert ours.retried[0].cause == "hung"


def test_a_group_that_reports_is_there_wherever_that_has_been_written(play: Callable[..., Played]) -> None:
    played = play(workers=2)
    played.session.watchdog.patience = Patience(after_s=50.0)
    trial = played.running("t1")
    played.passes(5000)
    played.reports(trial)
    kinds = [type(event) for event in read_events(played.session.driver.run.events)[0]]
    assert kinds[-2:] == [GroupStarted, Reported]
    played.passes(52)
    assert played.killed == ["actor of t1"]


def test_a_trial_that_ray_tune_gave_up_without_a_word_is_tried_again(play: Callable[..., Played]) -> None:
    """It says nothing where an actor can't be reset."""
    played = play()
    trial = played.handed_out("t1")
    trial.status = "ERROR"
    played.passes(1)
    ours = played.state.trials[trial.ours]
    assert (ours.status, ours.retried[0].cause) == ("pending", "worker_lost")
    assert played.session.driver.waiting == [trial.ours]
    played.passes(5)
    assert len(ours.retried) == 1


def test_ray_tune_is_told_that_all_is_used_up_only_once_nothing_can_come_back(play: Callable[..., Played]) -> None:
    """It never asks again after that; and while nothing runs that it knows of it asks in a loop of its own, without a turn of the other."""
    played = play("run_cap: 1\nbaseline: false\n")
    open_session(played.session)
    try:
        searcher = RememberingOptunaSearch()
        config = searcher.suggest("t1")
        assert isinstance(config, dict)
        tunes = SimpleNamespace(trial_id="t1", status="PENDING", temporary_state=SimpleNamespace(ray_actor=None))
        played.session.watchdog.heed(tunes)
        played.session.began("t1")
        assert searcher.suggest("t2") is None, "it runs"
        tunes.status = "ERROR"
        played.now += 1.0
        assert searcher.suggest("t3") is None, "it is to be tried again, after a pause"
        assert played.session.driver.waiting == ["0001"]
        played.session.driver.retries = replace(played.session.driver.retries, first_pause_s=0.0)
        assert isinstance(searcher.suggest("t4"), dict)
        searcher.on_trial_complete("t1", error=True)
        assert searcher.suggest("t5") is None
        played.session.over("t4", TrialFailure("error", "final"))
        assert searcher.suggest("t6") == Searcher.FINISHED
        assert played.session.fault is None
    finally:
        open_session(None)


def test_what_an_earlier_attempt_said_is_not_taken_for_a_later_one_s(play: Callable[..., Played], tmp_path: Path) -> None:
    """The second attempt's process is lost before it began: the first one's cause still lies in its folder."""
    played = play()
    trial = played.running("t1")
    attempt: AttemptPaths = played.session.driver.run.trial(trial.ours).attempt(1)
    write_failure(attempt, TrialFailure("unreachable", "no hub"))
    played.session.failed("t1")
    played.session.driver.next_trial(at_once=True)
    played.session.bind("t2", trial.ours)
    played.session.take("t2")
    played.session.failed("t2")
    ours = played.state.trials[trial.ours]
    assert [one.cause for one in ours.retried] == ["unreachable", "worker_lost"]


def test_while_the_driver_itself_is_held_up_nobody_hangs(play: Callable[..., Played]) -> None:
    """Ctrl-Z, and on with it an hour later: the reports of that hour have not been heard yet."""
    played = play()
    trial = played.running("t1")
    played.reports(trial)
    played.now += 3600.0
    played.session.watchdog.look(played.session)
    played.passes(590)
    assert played.killed == []
    played.passes(20)
    assert played.killed == ["actor of t1"]


def test_of_two_of_ray_tune_s_trials_that_are_one_of_ours_only_one_runs(play: Callable[..., Played]) -> None:
    played = play()
    trial = played.handed_out("t1")
    played.session.bind("t2", trial.ours)
    assert not played.session.take("t2")
    assert not played.session.in_hand("t2")
    played.session.over("t2", TrialFailure("error", "of a ghost"))
    assert played.state.trials[trial.ours].status == "pending"


def test_a_run_whose_first_trials_fail_alike_is_closed_and_says_so(play: Callable[..., Played]) -> None:
    played = play()
    for number in range(3):
        played.running(f"t{number}")
        played.session.over(f"t{number}", TrialFailure("error", f"ImportError: no libfoo.so.{number}"))
    assert played.state.status == "failed"
    assert isinstance(played.session.fault, NothingUsable)
    assert str(played.session.fault) == played.state.reason
    assert "(error): ImportError: no libfoo.so.2." in played.state.reason
