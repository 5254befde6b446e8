"""The driver is killed with SIGKILL; its cluster lives on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search


@pytest.mark.slow
def test_a_killed_driver_holds_nothing_and_its_run_goes_on(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start(2)
        searched = search(cluster, train_rows=400)
        process = searched.start("run", searched.file)
        for machine in cluster.machines[1:]:
            searched.wait_for_report(machine, process)
        assert cluster.held()
        time.sleep(searched.epoch_s() / 2)
        process.kill()
        process.wait()
        cluster.wait_until_nothing_is_held()
        searched.ends(searched.start("resume", searched.run.folder))
        state = searched.check_all_finished()
        assert [trial.attempts for trial in state.trials.values()] == [2, 2]
        cluster.wait_until_nothing_is_held()
