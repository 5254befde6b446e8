"""The head dies, and the driver, on another machine, lives: it says so, ends as where the surroundings gave way, and can be resumed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search
from tests.integration.conftest import state_of


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_driver_that_outlives_its_head_says_so_and_is_resumed(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.environment["RAY_gcs_rpc_server_reconnect_timeout_s"] = "20"
        searched = search(cluster, train_rows=400)
        cluster.start(2)
        first, second = cluster.machines[1:]
        process = searched.start("run", searched.file, machine=second)
        searched.wait_for_report(first, process)
        cluster.head.die()
        began = time.monotonic()
        searched.ends(process, 3, within_s=40)
        assert time.monotonic() - began > 10, "a head may come back"
        assert "the cluster's head is gone. Nothing recorded is lost; `summtune resume` goes on." in searched.output
        state = state_of(searched.run)
        assert (state.status, state.reason) == ("failed", "the cluster's head is gone.")
        for machine in (first, second):
            machine.die()
        cluster.start(2)
        searched.ends(searched.start("resume", searched.run.folder, machine=second))
        searched.check_all_finished()
