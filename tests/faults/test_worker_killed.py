"""A worker node dies in the middle of an epoch: its processes are killed, or it falls silent from one moment to the next."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.machines import Machine
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search


@pytest.mark.parametrize("death", [Machine.die, pytest.param(Machine.lose_power, marks=pytest.mark.slow)])
def test_a_worker_node_that_dies_in_mid_epoch_costs_at_most_that_epoch(
    search: Callable[..., Search], death: Callable[[Machine], None]
) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start(2)
        searched = search(cluster)
        process = searched.start("run", searched.file)
        victim = cluster.machines[1]
        report = searched.wait_for_report(victim, process, 2)
        time.sleep(searched.epoch_s() / 2)
        death(victim)
        searched.ends(process)
        state = searched.check_all_finished()
        (lost,) = [trial for trial in state.trials.values() if trial.retried]
        assert lost.id == report.trial
        assert [one.cause for one in lost.retried] == ["worker_lost"]
        assert {one.node for one in lost.reports if one.attempt == 2} == {cluster.machines[2].address}
        cluster.wait_until_nothing_is_held()
