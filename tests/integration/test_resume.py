"""Runs that are killed or stopped at several moments, and go on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Decided, Ended, Event, PointDrawn, Promoted, Reported, RunResumed, Told, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths, shipped
from summtune.run_folders import find_run, list_runs
from tests.integration.conftest import CommandLine, state_of

SpaceFile = Callable[..., Path]

SEARCH: dict[str, Any] = {
    "method": "bayes",
    "parameters": {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
    "run_cap": 3,
    "settings": {"training": {"num_train_epochs": 4}},
    "resources": {"max_concurrent_trials": 2},
}

ONE_AT_A_TIME: dict[str, Any] = {**SEARCH, "resources": {"max_concurrent_trials": 1}}
"""The same, for what has nothing to do with how many there are at once: each more is another process to start."""


def only_run(folder: Path) -> RunPaths:
    (run,) = list_runs(folder)
    return run


def wait_until(run_folder: Path, reached: Callable[[list[Event]], bool], process: Any, timeout_s: float = 120) -> None:
    """Wait until the events of the only run in a folder satisfy a condition."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        runs = list_runs(run_folder)
        if runs and reached(read_events(runs[0].events)[0]):
            return
        assert process.poll() is None, f"ended with {process.returncode}"
        time.sleep(0.02)
    raise AssertionError(f"not reached in {timeout_s} s")


def has(kind: type[Event], count: int = 1, **fields: Any) -> Callable[[list[Event]], bool]:
    """Whether there are so many events of a kind with these fields."""
    return lambda events: (
        sum(type(event) is kind and all(getattr(event, name) == value for name, value in fields.items()) for event in events) >= count
    )


def check_whole(run: RunPaths, trials: int, epochs: int = 4) -> RunState:
    """What must hold of every run that was interrupted and has finished, whenever it was interrupted."""
    state = state_of(run)
    assert state.status == "finished"
    assert [trial.id for trial in state.trials.values()] == [f"{number:04d}" for number in range(trials + 1)]
    events, _ = read_events(run.events)
    for trial in state.trials.values():
        mine = [event for event in events if getattr(event, "trial", None) == trial.id]
        assert trial.status in ("finished", "stopped")
        assert [report.iteration for report in trial.reports] == list(range(1, trial.iteration + 1))
        if trial.status == "finished":
            assert trial.iteration == epochs
        reports = [event for event in mine if isinstance(event, Reported)]
        again = {iteration: times for iteration, times in Counter(report.iteration for report in reports).items() if times > 1}
        assert again == {}, "what was recorded with its checkpoint is never trained again"
        for kind in (PointDrawn, Ended, Told):
            assert sum(isinstance(event, kind) for event in mine) == 1
        assert any(isinstance(event, Promoted) for event in mine)
        starts = [event for event in mine if isinstance(event, TrialStarted)]
        assert [start.attempt for start in starts] == list(range(1, len(starts) + 1))
        assert run.trial(trial.id).best_model.is_dir()
    rungs = [(event.trial, event.rung) for event in events if isinstance(event, Decided)]
    assert len(rungs) == len(set(rungs)), "a rung judges a trial once"
    return state


MOMENTS = {
    "before the first trial starts": has(PointDrawn),
    "before anything was reported": has(TrialStarted),
    "after the first report": has(Reported),
    "between reports, past a rung": has(Reported, 5),
    "when a trial has ended": has(Ended),
    "before its files are promoted": has(Told, 2),
}


QUICK = {"between reports, past a rung"}
"""The moments that the everyday suite tries; the others are as real, and marked slow."""


@pytest.mark.parametrize("moment", [moment if moment in QUICK else pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS])
def test_a_killed_driver_is_resumed(summtune_on_cluster: CommandLine, space_file: SpaceFile, moment: str) -> None:
    file = space_file(**SEARCH)
    process = summtune_on_cluster.start("run", file)
    wait_until(summtune_on_cluster.folder / "results", MOMENTS[moment], process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(summtune_on_cluster.folder / "results")
    before, _ = read_events(run.events)
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    check_whole(run, trials=3)
    after, _ = read_events(run.events)
    assert after[: len(before)] == before, "the log is only ever added to"


def test_the_ordinary_way_goes_through_rays_own_restore(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    """Ray Tune's folder is taken, continued and still one experiment afterwards; `tune/` may be given for the run."""
    file = space_file(**ONE_AT_A_TIME)
    process = summtune_on_cluster.start("run", file)
    wait_until(summtune_on_cluster.folder / "results", has(Reported, 3), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(summtune_on_cluster.folder / "results")
    code, output = summtune_on_cluster("resume", run.tune)
    assert code == 0, output
    assert "Resuming (restore)" in output
    check_whole(run, trials=3)
    events, _ = read_events(run.events)
    assert [event.way for event in events if isinstance(event, RunResumed)] == ["restore"]
    assert "Restoring the run from the latest experiment state file" in run.ray_log.read_text(encoding="utf-8")
    assert list(run.folder.glob("tune.retired-*")) == []
    restored = sorted(folder.name for folder in run.tune.iterdir() if folder.is_dir())
    assert restored == ["0000", "0001", "0002", "0003"], "Tune's own folders: one per trial, none started over"


@pytest.mark.slow
def test_a_run_that_was_zipped_and_moved_is_rebuilt_from_its_events(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    file = space_file(**ONE_AT_A_TIME)
    process = summtune_on_cluster.start("run", file)
    wait_until(summtune_on_cluster.folder / "results", has(Reported, 6), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(summtune_on_cluster.folder / "results")
    archive = shutil.make_archive(str(summtune_on_cluster.folder / "run"), "zip", run.folder)
    shutil.rmtree(run.folder)
    file.unlink()
    elsewhere = summtune_on_cluster.folder / "elsewhere"
    shutil.unpack_archive(archive, elsewhere)
    code, output = summtune_on_cluster("show", elsewhere)
    assert code == 0, output
    assert "0001" in output
    code, output = summtune_on_cluster("resume", elsewhere)
    assert code == 0, output
    assert "Resuming (rebuild)" in output
    state = check_whole(RunPaths(elsewhere), trials=3)
    best = standings.best(state)
    assert best is not None
    assert str(elsewhere / "trials" / best.id / "models" / "best_model") in output


def test_data_that_are_gone_are_said_before_any_trial_is_spent(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    folder = summtune_on_cluster.folder
    for name in ("train", "dev"):
        shutil.copy(shipped("data") / f"{name}.csv", folder / f"{name}.csv")
    mine = {"train": str(folder / "train.csv"), "dev": str(folder / "dev.csv")}
    process = summtune_on_cluster.start("run", space_file(**{**ONE_AT_A_TIME, "data": mine}))
    wait_until(folder / "results", has(Reported), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder / "dev.csv").rename(folder / "moved.csv")
    before = only_run(folder / "results").events.read_bytes()
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 2
    assert f"{folder / 'dev.csv'}" in output
    assert only_run(folder / "results").events.read_bytes() == before


@pytest.mark.slow
def test_damaged_pickles_of_tune_do_not_matter(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    file = space_file(**SEARCH)
    process = summtune_on_cluster.start("run", file)
    wait_until(summtune_on_cluster.folder / "results", has(Reported, 4), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(summtune_on_cluster.folder / "results")
    (run.tune / "tuner.pkl").write_bytes(b"not a pickle")
    for snapshot in run.tune.glob("experiment_state-*.json"):
        snapshot.write_text("{", encoding="utf-8")
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    check_whole(run, trials=3)


def listening(pid: int) -> list[str]:
    """The addresses that a process and those that it has started listen on."""
    driver = psutil.Process(pid)
    sockets = [one for each in (driver, *driver.children(recursive=True)) for one in each.net_connections()]
    return [one.laddr.ip.removeprefix("::ffff:") for one in sockets if one.status == "LISTEN"]


def test_ctrl_c_stops_cleanly_and_loses_nothing(summtune: CommandLine, space_file: SpaceFile) -> None:
    """With a Ray of its own, as on a laptop."""
    file = space_file(**SEARCH)
    process = summtune.start("run", file)
    wait_until(summtune.folder / "results", has(Reported, 2), process)
    addresses = listening(process.pid)
    assert len(addresses) > 5, "Ray's processes, and the trials'"
    assert all(ip_address(address).is_loopback for address in addresses), "nobody has asked for more"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Ray's processes and the trials' actors, too
    assert process.wait(60) == 130
    output = summtune.output()
    assert "Stopping: writing everything down" in output
    assert "Nothing is lost; go on with:  summtune resume tiny" in output
    assert "Traceback" not in output
    run = only_run(summtune.folder / "results")
    assert state_of(run).status == "interrupted"
    assert not any(trial.status == "failed" for trial in state_of(run).trials.values())
    assert run.summary.is_file()
    code, output = summtune("resume", "tiny")
    assert code == 0, output
    check_whole(run, trials=3)


def test_a_finished_run_can_have_more_trials(tune_here: Any, resume_here: Any, space_file: SpaceFile) -> None:
    run, _ = tune_here(space_file(**{**ONE_AT_A_TIME, "settings": {"training": {"num_train_epochs": 1}}, "run_cap": 1}))
    assert len(state_of(run).searched) == 1
    nothing = resume_here(run)
    assert nothing.events == []
    assert nothing.notes == ["The run is finished: there is nothing to go on with. `--count N` adds trials."]
    heard = resume_here(run, more=2)
    assert heard.resumed == "rebuild"
    state = check_whole(run, trials=3, epochs=1)
    assert state.count == 3
    assert len({trial.point["training.learning_rate"] for trial in state.searched}) == 3


def test_a_live_run_is_not_driven_twice(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    process = summtune_on_cluster.start("run", space_file(**{**ONE_AT_A_TIME, "run_cap": 100}))
    wait_until(summtune_on_cluster.folder / "results", has(Reported), process)
    second = CommandLine(summtune_on_cluster.folder / "results", summtune_on_cluster.environment)
    code, output = second("resume", only_run(summtune_on_cluster.folder / "results").folder)
    assert code == 2
    assert f"the run is being driven by process {process.pid}" in output
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


def test_of_several_search_spaces_one_that_fails_does_not_stop_the_next(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    wrong = space_file(name="wrong", parameters={"learning_rte": {"values": [1e-3, 1e-2]}})
    right = space_file(name="right", parameters={"learning_rate": {"values": [1e-2]}}, baseline=False)
    code, output = summtune_on_cluster("run", wrong, right)
    assert code == 2
    assert "learning_rte" in output
    found = find_run("right", summtune_on_cluster.folder / "results")
    assert found is not None
    assert state_of(found).status == "finished"
    assert find_run("wrong", summtune_on_cluster.folder / "results") is None
