"""Drivers that die at any moment: what comes of the run is what would have come of it anyway.

Without Ray, so that thousands of moments can be tried; `tests/integration/test_chaos.py` kills real ones.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from summtune.config.experiment import Experiment
from summtune.events.fold import RunState, fold
from summtune.events.kinds import BUDGET, Decided, Ended, PointDrawn, Reported, Told, TrialStarted
from summtune.events.log import read_events
from summtune.events.mending import mended_run
from summtune.paths import RunPaths
from summtune.tuning.driver import Driver
from tests.tuning.playing import (
    EPOCHS,
    LESSON,
    LIMITED,
    REPEATED,
    REPEATED_AND_LIMITED,
    SPACE,
    Crash,
    Moment,
    MortalLog,
    events_of,
    make_run,
    outcome,
    play,
    play_through,
    replayed,
    study_digest,
)

THOROUGH = settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
MOMENTS = st.lists(st.builds(Moment, st.integers(0, 25), st.sampled_from(["before", "within", "after"])), min_size=1, max_size=8)


@pytest.fixture(scope="module", autouse=True)
def without_syncing() -> Iterator[None]:
    """A process that dies takes nothing with it that was written: syncing is for power cuts, and slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


SPACES = {"plain": SPACE, "taught": SPACE, "seeds": REPEATED, "budget": LIMITED, "seeds and budget": REPEATED_AND_LIMITED}


@pytest.fixture(scope="module", params=SPACES)
def begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunPaths, Experiment]:
    """A run that was opened; copied for each example."""
    return make_run(tmp_path_factory.mktemp("begun") / "run", SPACES[request.param], [LESSON] if request.param == "taught" else [])


@pytest.fixture(scope="module")
def uninterrupted(begun: tuple[RunPaths, Experiment], tmp_path_factory: pytest.TempPathFactory) -> RunState:
    run, experiment = begun
    state = play_through(copied(run, tmp_path_factory.mktemp("whole")), experiment)
    assert bool(state.search_ended) == bool(experiment.budget), "or nothing is tested of it"
    assert bool(state.repetitions) == bool(experiment.seeds)
    return state


def copied(run: RunPaths, folder: Path) -> RunPaths:
    """The run again, in a folder that is made anew for each example."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    shutil.copytree(run.folder, folder / "run")
    return RunPaths(folder / "run")


def check_nothing_forgotten(run: RunPaths, state: RunState, kills: int) -> None:
    """What holds however often the driver died."""
    assert state.status == "finished"
    assert [trial.id for trial in state.searched] == [f"{number:04d}" for number in range(1, len(state.searched) + 1)]
    assert len(state.searched) == state.count or state.search_ended is not None
    assert state.baseline is not None
    points = [trial.id for trial in state.trials.values() if not trial.repeats]
    for kind, trials in ((PointDrawn, state.trials), (Ended, state.trials), (Told, points)):
        assert Counter(event.trial for event in events_of(run, kind)) == dict.fromkeys(trials, 1), f"{kind.kind}: once for each trial"
    assert all(trial.halted for trial in state.trials.values() if trial.cause == BUDGET and trial.best is not None)
    assert state.spent.epochs == sum(trial.iteration for trial in state.trials.values())
    again = 0
    for trial in state.trials.values():
        assert [report.iteration for report in trial.reports] == list(range(1, trial.iteration + 1))
        if trial.best is None:
            assert (trial.status, trial.cause) == ("stopped", BUDGET)
            continue
        reports = Counter(event.iteration for event in events_of(run, Reported) if event.trial == trial.id)
        assert set(reports.values()) == {1}, "what is on record is never trained again"
        starts = [event for event in events_of(run, TrialStarted) if event.trial == trial.id]
        assert [start.attempt for start in starts] == sorted({start.attempt for start in starts})
        # An attempt wrote its checkpoint before it reported; that of a report that was never recorded is done again.
        written = [int(folder.name.removeprefix("checkpoint-")) for folder in run.trial(trial.id).attempts.glob("*/checkpoints/*")]
        again += len(written) - len(set(written))
        assert run.trial(trial.id).best_model.is_dir()
    assert again <= kills
    rungs = [(event.trial, event.rung) for event in events_of(run, Decided)]
    assert len(rungs) == len(set(rungs)), "a rung judges a trial once"


@THOROUGH
@given(moments=MOMENTS)
def test_one_trial_at_a_time_killed_or_not_comes_to_the_same(
    begun: tuple[RunPaths, Experiment], uninterrupted: RunState, tmp_path_factory: pytest.TempPathFactory, moments: list[Moment]
) -> None:
    run = copied(begun[0], tmp_path_factory.getbasetemp() / "one")
    state = play_through(run, begun[1], moments)
    check_nothing_forgotten(run, state, len(moments))
    assert outcome(state) == outcome(uninterrupted)


@THOROUGH
@given(moments=MOMENTS, seed=st.integers(0, 999), at_once=st.integers(2, 4), losses=st.sampled_from([0.0, 0.1]))
def test_with_several_at_once_replaying_the_log_gives_the_very_state(
    begun: tuple[RunPaths, Experiment],
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[Moment],
    seed: int,
    at_once: int,
    losses: float,
) -> None:
    run = copied(begun[0], tmp_path_factory.getbasetemp() / "several")
    choices, looked = random.Random(seed), 0

    def look(driver: Driver) -> None:
        nonlocal looked
        if looked % 5 == seed % 5:
            assert replayed(driver) == (driver.state, study_digest(driver._search))
        looked += 1

    state = play_through(run, begun[1], moments, look, at_once=at_once, choices=choices, losses=losses)
    if any(trial.status == "failed" for trial in state.trials.values()):
        assert losses, "given up"
    else:
        check_nothing_forgotten(run, state, len(moments))
    assert looked > EPOCHS


def test_a_driver_that_dies_at_each_event_in_turn_gets_to_the_same_end(
    begun: tuple[RunPaths, Experiment], uninterrupted: RunState, tmp_path: Path
) -> None:
    """The worst luck there is: no driver writes more than a single event before it dies, in all three ways."""
    run = copied(begun[0], tmp_path)
    moments = [Moment(1, where) for _ in range(60) for where in ("before", "within", "after")]
    assert outcome(play_through(run, begun[1], moments)) == outcome(uninterrupted)
    assert fold(read_events(run.events)[0]).status == "finished"


@THOROUGH
@given(
    moment=st.integers(5, 60),
    at_once=st.integers(1, 3),
    lost=st.sets(st.floats(0, 1, exclude_max=True), max_size=4),
    cut=st.integers(0, 600),
)
def test_a_damaged_run_goes_on_and_gives_no_number_to_another_point(
    begun: tuple[RunPaths, Experiment], tmp_path_factory: pytest.TempPathFactory, moment: int, at_once: int, lost: set[float], cut: int
) -> None:
    """Lines are lost in the middle, and bytes at the end, also of what has been acted upon."""
    run = copied(begun[0], tmp_path_factory.getbasetemp() / "damaged")
    log = MortalLog(run.events, Moment(moment))
    with contextlib.suppress(Crash):
        play(Driver(run, begun[1], log, mended_run(run)[0], lambda event, state: None), at_once)
    log.close()
    points = {event.trial: event.point for event in events_of(run, PointDrawn)}
    whole = run.events.read_bytes()
    first, *lines = whole[: max(whole.index(b"\n") + 1, len(whole) - cut)].splitlines(keepends=True)
    gone = {int(share * len(lines)) for share in lost}
    run.events.write_bytes(b"".join([first, *(line for place, line in enumerate(lines) if place not in gone)]))
    begun_before = {folder.name for folder in run.trials.iterdir()}
    state = play_through(run, begun[1], at_once=at_once)
    assert state.status == "finished"
    assert len(state.searched) == state.count or state.search_ended is not None
    assert not state.lost & state.trials.keys()
    assert begun_before <= state.trials.keys() | state.lost, "a folder belongs to a trial, or is named"
    assert all(state.trials[trial].point == point for trial, point in points.items() if trial in state.trials and trial in begun_before)
    distinct = [(*trial.point.values(), trial.seed) for trial in state.trials.values()]
    assert len(set(distinct)) == len(distinct)
    assert mended_run(run) == (state, []), "what is said of the damage is said once, and kept among the notes"


@pytest.mark.parametrize("done", [False, True])
def test_a_driver_that_dies_while_it_moves_files_gets_to_the_same_end(
    begun: tuple[RunPaths, Experiment], uninterrupted: RunState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """At one rename after another, before it or after it: orders, results, models and checkpoints are all renamed into their places."""
    run, rename, left, deaths = copied(begun[0], tmp_path), os.replace, 1, 0

    def mortal(source: Any, target: Any) -> None:
        nonlocal left, deaths
        left -= 1
        if left or done:
            rename(source, target)
        if not left:
            deaths += 1
            left = 1 + deaths % 5  # not always the first one, or none would get any further
            raise Crash

    monkeypatch.setattr("os.replace", mortal)
    state = play_through(run, begun[1], [Moment(1_000_000)] * 200)
    assert deaths > 20
    assert outcome(state) == outcome(uninterrupted)
    check_nothing_forgotten(run, state, deaths)


FINITE = """
name: plain
method: {method}
parameters: {{learning_rate: {{values: [1e-5, 1e-4, 1e-3]}}, warmup_ratio: {{values: [0.0, 0.1]}}}}
run_cap: 8
early_terminate: none
settings: {{training: {{num_train_epochs: 4}}, evaluation: {{strategy: full}}}}
"""


@pytest.mark.parametrize("method", ["bayes", "random", "grid"])
def test_a_study_holds_nothing_that_the_log_does_not_know(method: str, tmp_path: Path) -> None:
    """In a small space a sampler soon asks for what has been, and is helped to another point: that must leave no trace."""
    run, experiment = make_run(tmp_path / "run", FINITE.format(method=method))

    def look(driver: Driver) -> None:
        assert replayed(driver) == (driver.state, study_digest(driver._search))

    assert len(play_through(run, experiment, look=look).searched) == 6


def test_a_study_forgets_what_no_longer_counts(begun: tuple[RunPaths, Experiment], tmp_path: Path) -> None:
    """The checkpoints of a trial are gone, so that it is trained again from its beginning: the live study is that of the log."""
    run = copied(begun[0], tmp_path)
    looked = 0

    def look(driver: Driver) -> None:
        nonlocal looked
        looked += 1
        assert replayed(driver) == (driver.state, study_digest(driver._search))

    with pytest.raises(AssertionError, match="under way"):
        play_through(run, begun[1], look=until_one_is_under_way)
    for checkpoints in run.trials.glob("*/attempts/*/checkpoints"):
        shutil.rmtree(checkpoints)
    state = play_through(run, begun[1], look=look)
    assert len(events_of(run, Reported)) > sum(len(trial.reports) for trial in state.trials.values()), "some were made twice"
    assert looked > EPOCHS


def until_one_is_under_way(driver: Driver) -> None:
    """Fails once a trial that the study knows has been evaluated, and goes on."""
    assert not any(trial.iteration and trial.status == "running" for trial in driver.state.searched), "under way"
