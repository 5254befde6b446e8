"""The storage turns read-only while a run writes to it, as a file system does that has met an error, and is mended later."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.file_system import FileSystem, why_none
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[FileSystem]:
    if reason := why_none():
        pytest.skip(reason)
    made = FileSystem(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_a_run_is_left_when_its_storage_turns_read_only_and_goes_on_once_it_is_mended(storage: FileSystem) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start(2)
        searched = Search(cluster, storage.folder)
        os.sync()  # the person's data were there long before; what the run writes has to look after itself
        process = searched.start("run", searched.file, output=storage.beside / "output.txt")
        searched.wait_for_report(cluster.machines[1], process)
        storage.turn_read_only()
        searched.ends(process, code=3)
        assert "Read-only file system" in searched.output
        assert "Traceback" not in searched.output
        cluster.wait_until_nothing_is_held()
        storage.mend()
        time.sleep(1)
        searched.ends(searched.start("resume", searched.run.folder, output=storage.beside / "again.txt"))
        state = searched.check_all_finished()
        assert not any(trial.retried for trial in state.trials.values()), "no trial is to blame"
        cluster.wait_until_nothing_is_held()
