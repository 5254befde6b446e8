"""The network between two nodes is cut for half a minute, and joined again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search

CUT_S = 30


@pytest.mark.slow
def test_a_node_that_can_not_be_reached_for_half_a_minute_costs_at_most_an_epoch(search: Callable[..., Search]) -> None:
    """Longer than Ray waits for it here: its trial is tried again elsewhere while the lost process may still train."""
    with ray_cluster(workers=2) as cluster:
        cluster.start(2)
        searched = search(cluster, parameters={"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3]}})
        process = searched.start("run", searched.file)
        victim = cluster.machines[1]
        searched.wait_for_report(victim, process, 2)
        time.sleep(searched.epoch_s() / 2)
        victim.cut()
        time.sleep(CUT_S)
        victim.join()
        searched.ends(process)
        state = searched.check_all_finished()
        assert [one.cause for trial in state.trials.values() for one in trial.retried] == ["worker_lost"]
        cluster.wait_until_nothing_is_held()
        assert cluster.alive() == 2, "a node that was called dead ends by itself"
