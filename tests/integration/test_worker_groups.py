"""Several workers per trial, on a real Ray cluster: nested worker groups of Ray Train, over gloo, since nothing here has CUDA."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.events.fold import RunState
from summtune.events.kinds import Event, GroupStarted, Reported, TrialStarted, WentOn
from summtune.events.log import read_events
from summtune.paths import RunPaths
from tests.integration.conftest import CommandLine, Heard, state_of

SpaceFile = Callable[..., Path]
Tune = Callable[..., tuple[RunPaths, Heard]]

TWO: dict[str, Any] = {"baseline": False, "resources": {"workers_per_trial": 2}, "settings": {"model": {"dropout_rate": 0.0}}}
ONE_TRIAL = {**TWO, "parameters": {"learning_rate": {"values": [1e-2]}}}
THREE_EPOCHS = {**TWO["settings"], "training": {"num_train_epochs": 3, "lr_scheduler_type": "constant"}}

SILENCE_S = 60
"""How long a trial may keep silent; a group takes long from its first process to its first evaluation where others start, too."""


def losses(state: RunState) -> dict[str, list[float]]:
    """What each trial's evaluations came to, by its learning rate."""
    return {str(trial.point["training.learning_rate"]): [report.metrics["loss"] for report in trial.reports] for trial in state.searched}


def pids(report: Reported) -> list[int]:
    """The processes of a trial's workers."""
    return [int(worker.rpartition(":")[2]) for worker in report.workers]


def nothing_is_held(within_s: float = 60) -> bool:
    """Whether no placement group holds anything any more, and all CPUs are free."""
    import ray
    from ray.util import placement_group_table

    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        held = [one for one in placement_group_table().values() if one["state"] != "REMOVED"]
        if not held and ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]:
            return True
        time.sleep(0.5)
    return False


@pytest.mark.slow
def test_two_workers_train_what_one_does_and_a_killed_one_is_replaced(tune_here: Tune, space_file: SpaceFile) -> None:
    killed: list[int] = []

    def kill(event: Event, state: RunState) -> None:
        if isinstance(event, Reported) and event.iteration == 1 and not killed:
            killed.append(pids(event)[1])
            os.kill(killed[0], signal.SIGKILL)

    changes = {**ONE_TRIAL, "settings": THREE_EPOCHS}
    alone, _ = tune_here(space_file(**{**changes, "name": "one", "resources": None}))
    run, heard = tune_here(space_file(**{**changes, "name": "two"}), Heard(hook=kill))
    state = state_of(run)
    (trial,) = state.searched
    assert (trial.status, trial.attempts, [one.cause for one in trial.retried]) == ("finished", 2, ["worker_lost"]), trial.message
    assert "worker" in trial.retried[0].message
    (again,) = [event for event in heard.events if isinstance(event, TrialStarted) and event.attempt == 2]
    assert again.iteration == 1, "it went on where it was"
    assert losses(state) == {rate: pytest.approx(values, rel=1e-4) for rate, values in losses(state_of(alone)).items()}
    assert [report.metrics["micro_batch_size"] for report in trial.reports] == [4, 4, 4]
    assert len({pid for report in trial.reports for pid in (*pids(report), report.pid)}) == 6, "two groups, each with its actor"
    assert any("2 workers share the 8 rows of each optimiser step" in notice for notice in heard.notices)
    paths = run.trial(trial.id)
    assert (paths.best_model / "model.safetensors").is_file()
    assert paths.predictions.is_file()
    assert paths.log.read_text(encoding="utf-8").count("iteration 3:") == 1
    assert nothing_is_held()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rungs_pause_groups_and_let_them_go_on(tune_here: Tune, space_file: SpaceFile) -> None:
    """Two at a time on two CPUs, half of one for each worker; what a rung stops gives its workers back, and goes on in another group."""
    file = space_file(
        **{**TWO, "settings": THREE_EPOCHS, "resources": {"workers_per_trial": 2, "cpus_per_trial": 1}},
        parameters={"learning_rate": {"values": [1e-7, 1e-2, 1e-3]}},
        early_terminate={"type": "asha", "min_iter": 1, "eta": 2},
    )
    run, heard = tune_here(file)
    state = state_of(run)
    events, _ = read_events(run.events)
    assert state.status == "finished"
    assert heard.most_at_once == 2
    assert {trial.status for trial in state.searched} <= {"finished", "stopped"}
    gone_on = [event.trial for event in events if isinstance(event, WentOn)]
    assert gone_on, "the first to come to a rung has nobody to be better than"
    for trial_id in gone_on:
        trial = state.trials[trial_id]
        assert trial.attempts > 1
        assert [report.iteration for report in trial.reports] == list(range(1, trial.iteration + 1)), "nothing was done twice"
    assert nothing_is_held()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_suspended_worker_is_noticed_and_ended(tune_here: Tune, space_file: SpaceFile) -> None:
    suspended: list[int] = []

    def suspend(event: Event, state: RunState) -> None:
        if isinstance(event, Reported) and event.iteration == 1 and not suspended:
            suspended.extend(pids(event))
            os.kill(suspended[1], signal.SIGSTOP)

    resources = {"workers_per_trial": 2, "hung_after_s": 100}  # a group takes long to start where others start, too
    run, _ = tune_here(space_file(**{**ONE_TRIAL, "resources": resources, "settings": THREE_EPOCHS}), Heard(hook=suspend))
    (trial,) = state_of(run).searched
    assert (trial.status, trial.attempts, [one.cause for one in trial.retried]) == ("finished", 2, ["hung"]), trial.message
    assert nothing_is_held()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in suspended) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(Path(f"/proc/{pid}").exists() for pid in suspended), "also the one that was suspended"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_driver_s_groups_end_and_its_run_goes_on(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    epochs = 60
    settings = {**TWO["settings"], "training": {"num_train_epochs": epochs, "lr_scheduler_type": "constant"}}
    file = space_file(**{**TWO, "settings": settings}, parameters={"learning_rate": {"values": [1e-2, 1e-3]}})
    process = summtune_on_cluster.start("run", file)
    try:
        summtune_on_cluster.wait_for(r"\d{4}  2/60", process, timeout_s=280)
    finally:
        process.kill()
        process.wait(60)
    run = summtune_on_cluster.run_called("tiny")
    assert state_of(run).status != "finished"
    assert nothing_is_held(), "whoever started them is gone"
    code, output = summtune_on_cluster("resume", "tiny", timeout_s=280)
    assert code == 0, output
    state = state_of(run)
    assert [trial.status for trial in state.searched] == ["finished", "finished"]
    assert all([report.iteration for report in trial.reports] == list(range(1, epochs + 1)) for trial in state.searched)
    assert nothing_is_held()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_group_that_waits_for_room_neither_hangs_nor_costs(cluster: str, tune_here: Tune, space_file: SpaceFile) -> None:
    """Others use the cluster, too: a CPU is missing for longer than a trial may keep silent."""
    import ray
    from ray.util import placement_group, remove_placement_group

    held = placement_group([{"CPU": 1}])
    ray.get(held.ready())
    given_back: list[float] = []

    def give_back() -> None:
        given_back.append(time.time())
        remove_placement_group(held)

    timer = threading.Timer(SILENCE_S + 15, give_back)

    def begin_to_wait(event: Event, state: RunState) -> None:
        if isinstance(event, TrialStarted) and timer.ident is None:
            timer.start()

    resources = {"workers_per_trial": 2, "hung_after_s": SILENCE_S}
    try:
        run, heard = tune_here(space_file(**{**ONE_TRIAL, "resources": resources}), Heard(hook=begin_to_wait))
    finally:
        timer.cancel()
        if not given_back:
            give_back()
    (trial,) = state_of(run).searched
    assert (trial.status, trial.attempts, trial.retried) == ("finished", 1, []), trial.message
    (began,) = [event for event in heard.events if isinstance(event, GroupStarted)]
    assert began.time > given_back[0]
    assert trial.longest_wait_s < SILENCE_S, "else all others would be given this much longer"
