"""Runs with a copy in an object store: on a real S3 server on loopback, whose machine goes away, or which does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.events.kinds import Event, Reported, RunResumed, TrialStarted
from summtune.events.log import read_events
from summtune.objects import ObjectStore
from summtune.paths import RunPaths
from summtune.run_folders import list_runs
from tests.integration.conftest import CommandLine, state_of
from tests.integration.test_resume import SEARCH, check_whole, has, wait_until
from tests.s3 import S3, SECRET

SpaceFile = Callable[..., Path]


@pytest.fixture
def store(s3_environment: S3) -> ObjectStore:
    return ObjectStore.at(f"s3://{s3_environment.bucket()}/runs")


@pytest.fixture
def summtune(tmp_path: Path, store: ObjectStore) -> CommandLine:
    """The command line with a Ray of its own, and the server's address and keys in its environment."""
    return CommandLine(tmp_path, dict(os.environ))


def lose(folder: Path) -> None:
    """Delete a folder, although trials of a driver that was killed may write there for a moment."""
    deadline = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < deadline
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.2)
    time.sleep(1.0)
    shutil.rmtree(folder, ignore_errors=True)


def reports_in(store: ObjectStore, folder: Path) -> int:
    """How many reports the stored event log has."""
    logs = filter(None, (store.below(name).read("events.jsonl") for name in store.folders()))
    copy = folder / "stored.jsonl"
    copy.write_bytes(next(logs, b""))
    return sum(isinstance(event, Reported) for event in read_events(copy)[0])


def wait_for_reports(count: int, store: ObjectStore, process: subprocess.Popen[str], folder: Path, timeout_s: float = 200) -> None:
    """Wait until the store knows of so many."""
    deadline = time.monotonic() + timeout_s
    while reports_in(store, folder) < count:
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lost_machine(summtune: CommandLine, file: Path, store: ObjectStore, *, reports: int) -> tuple[RunPaths, list[Event]]:
    """A run that is begun, and killed with all of its folder as soon as the store knows of so many reports; what its log held then."""
    process = summtune.start("run", file)
    wait_for_reports(reports, store, process, summtune.folder)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (run,) = list_runs(summtune.folder / "results")
    lost, _ = read_events(run.events)
    lose(summtune.folder / "results")
    return run, lost


EPOCHS = 15
"""Enough for the second to be in the store, and known here, long before the last is trained."""

ONE_TRIAL: dict[str, Any] = {
    "run_cap": 1,
    "baseline": False,
    "settings": {"training": {"num_train_epochs": EPOCHS}, "data": {"max_train_samples": 150, "max_val_samples": 4}},
}


@pytest.mark.slow
def test_a_run_survives_the_loss_of_its_machine(summtune: CommandLine, space_file: SpaceFile, store: ObjectStore) -> None:
    settings = {**ONE_TRIAL["settings"], "general": {"storage": store.url}}
    run, lost = lost_machine(summtune, space_file(**SEARCH | ONE_TRIAL | {"settings": settings}), store, reports=2)
    code, output = summtune("resume", f"{store.url}/{run.folder.name}")
    assert code == 0, output
    assert "Resuming (rebuild)" in output
    events, _ = read_events(run.events)
    state = state_of(run)
    assert state.status == "finished"
    assert [report.iteration for report in state.trials["0001"].reports] == list(range(1, EPOCHS + 1))
    resumed = next(place for place, event in enumerate(events) if isinstance(event, RunResumed))
    (begun,) = (event for event in events[resumed:] if isinstance(event, TrialStarted))
    assert begun.resumed.startswith("attempts/1/checkpoints/")
    assert begun.iteration == sum(isinstance(event, Reported) for event in events[:resumed])
    assert sum(isinstance(event, Reported) for event in lost) - begun.iteration <= 1, "no iteration is done twice beyond one"

    # What is kept there in the end is what is kept here, but for what only this machine has a use for.
    here = {str(file.relative_to(run.folder)): file for file in run.folder.rglob("*") if file.is_file()}
    names = {name for name in here if not name.startswith(("tune/", ".")) and "/train/" not in name}
    there = store.below(run.folder.name).sizes()
    assert there.keys() - names == {"trials/0001/models/best_model/manifest.json"}
    assert names - there.keys() == set()
    assert all(there[name] == here[name].stat().st_size for name in names)
    for name, file in here.items():
        assert SECRET.encode() not in file.read_bytes(), name

    code, output = summtune("pull", f"{store.url}/tiny", "--into", summtune.folder / "laptop", "--json")
    assert code == 0, output
    pulled = RunPaths(Path(json.loads(output)["folder"]))
    assert pulled.folder == summtune.folder / "laptop" / run.folder.name
    assert pulled.summary.read_bytes() == run.summary.read_bytes()
    weights = pulled.trial("0001").best_model / "model.safetensors"
    assert weights.read_bytes() == (run.trial("0001").best_model / "model.safetensors").read_bytes()
    assert not pulled.trial("0001").checkpoints.exists()


@pytest.mark.slow
def test_a_store_that_is_down_for_a_while_costs_nothing(summtune: CommandLine, space_file: SpaceFile, store: ObjectStore, s3: S3) -> None:
    settings = {**SEARCH["settings"], "data": {"max_train_samples": 150, "max_val_samples": 4}, "general": {"storage": store.url}}
    process = summtune.start("run", space_file(**SEARCH | {"settings": settings}))
    wait_until(summtune.folder / "results", has(Reported, 2), process)
    with s3.down():
        summtune.wait_for(r"The\s+run\s+goes\s+on", process)
        wait_until(summtune.folder / "results", has(Reported, 8), process)
    assert process.wait(240) == 0, summtune.output()
    (run,) = list_runs(summtune.folder / "results")
    check_whole(run, trials=3)
    output = " ".join(summtune.output().split())
    assert output.count("The run goes on; what is missing there is uploaded later.") == 1, output
    assert f"{store.url}/{run.folder.name} answers again, and has all of the run." in output
    there = store.below(run.folder.name).sizes()
    for file in run.trials.rglob("*"):
        if file.is_file():
            assert there[str(file.relative_to(run.folder))] == file.stat().st_size


@pytest.mark.slow
def test_a_store_that_is_gone_at_the_end_is_caught_up_with_by_resume(
    summtune: CommandLine, space_file: SpaceFile, store: ObjectStore, s3: S3
) -> None:
    settings = {**ONE_TRIAL["settings"], "general": {"storage": store.url}}
    process = summtune.start("run", space_file(**SEARCH | ONE_TRIAL | {"settings": settings}))
    wait_until(summtune.folder / "results", has(Reported, 1), process)
    with s3.down():
        assert process.wait(240) == 0, summtune.output()
        assert "could not be uploaded" in summtune.output()
    (run,) = list_runs(summtune.folder / "results")
    code, output = summtune("resume", "tiny")
    assert code == 0, output
    there = store.below(run.folder.name)
    assert there.read("events.jsonl") == run.events.read_bytes()
    assert "trials/0001/models/best_model/manifest.json" in there.sizes()


@pytest.mark.slow
def test_a_search_survives_the_loss_of_its_machine(summtune: CommandLine, space_file: SpaceFile, store: ObjectStore) -> None:
    settings = {**SEARCH["settings"], "data": {"max_train_samples": 150, "max_val_samples": 4}, "general": {"storage": store.url}}
    run, lost = lost_machine(summtune, space_file(**SEARCH | {"settings": settings}), store, reports=3)
    code, output = summtune("resume", f"{store.url}/tiny")
    assert code == 0, output
    state = check_whole(run, trials=3)
    events, _ = read_events(run.events)
    resumed = next(place for place, event in enumerate(events) if isinstance(event, RunResumed))
    for trial in state.trials:
        done, kept = (sum(isinstance(event, Reported) and event.trial == trial for event in some) for some in (lost, events[:resumed]))
        assert done - kept <= 1, "no iteration is done twice beyond one"
