"""A worker node dies in the middle of an epoch: its processes are killed, or it falls silent from one moment to the next."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from summtune.events.kinds import Reported
from tests.faults.machines import Machine
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search
from tests.integration.test_resume import has, wait_until


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


@pytest.mark.slow
def test_a_group_of_workers_whose_node_dies_is_replaced_by_another(search: Callable[..., Search]) -> None:
    """Its placement group has to be given back, and Ray Train's cleaner, which does that, has to end, too."""
    with ray_cluster(workers=2) as cluster:
        cluster.start_head()
        for machine in cluster.machines[1:]:
            cluster.start_worker(machine, cpus=2)
        cluster.wait_for_nodes(3)
        one = {"learning_rate": {"values": [1e-3]}}
        searched = search(cluster, train_rows=400, parameters=one, resources={"workers_per_trial": 2, "max_concurrent_trials": 1})
        process = searched.start("run", searched.file)
        wait_until(searched.results, has(Reported), process)
        (report,) = searched.reports()[-1:]
        (place,) = {worker.rpartition(":")[0] for worker in report.workers}
        time.sleep(searched.epoch_s() / 2)
        next(machine for machine in cluster.machines if machine.address == place).die()
        searched.ends(process)
        (trial,) = searched.check_all_finished().trials.values()
        assert [one.cause for one in trial.retried] == ["worker_lost"]
        cluster.wait_until_nothing_is_held()
