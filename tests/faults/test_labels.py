"""Nodes of several kinds, told apart by labels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_trials_are_on_nodes_with_the_labels_asked_for_only(search: Callable[..., Search], workers: int) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start_head()
        cluster.start_worker(cluster.machines[1], cpus=4, labels={"zone": "a"})
        cluster.start_worker(cluster.machines[2], cpus=2, labels={"zone": "b"})
        cluster.wait_for_nodes(3)
        small = {
            "parameters": {"learning_rate": {"values": [1e-3, 2e-3][: 3 - workers]}},
            "settings": {"training": {"num_train_epochs": 2}},
        }
        searched = search(cluster, resources={"label_selector": {"zone": "!a"}, "workers_per_trial": workers}, **small)
        process = searched.start("run", searched.file)
        searched.ends(process)
        searched.check_all_finished(epochs=2)
        assert f"{2 // workers} trial" in searched.output.partition("hardware")[2].partition("\n")[0], "others' CPUs are not counted"
        places = {place for report in searched.reports() for place in ([one.rpartition(":")[0] for one in report.workers] or [report.node])}
        assert places == {cluster.machines[2].address}
        cluster.wait_until_nothing_is_held()
