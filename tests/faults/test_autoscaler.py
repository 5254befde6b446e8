"""A trial that fits no node: refused at once, unless the cluster's autoscaler could bring one.

It is Ray's own autoscaler, with a provider that starts nodes beside the head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.ray_cluster import RayCluster, ray_cluster
from tests.faults.searching import Search

TYPES: dict[str, Any] = {"small": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 2}}


def refused(searched: Search, said: str) -> None:
    searched.ends(searched.start("run", searched.file), code=2)
    assert said in " ".join(searched.output.split())
    assert not searched.results.exists() or not list(searched.results.iterdir())


@pytest.mark.slow
def test_a_run_waits_for_nodes_that_an_autoscaler_could_bring_and_for_no_others(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=0) as cluster:
        cluster.start_head(brings=TYPES)
        cluster.wait_for_nodes(1)
        refused(
            search(cluster, resources={"cpus_per_trial": 8}),
            "a trial asks for 8 CPUs, and no node has more than 0. The cluster's autoscaler can't bring such a node either.",
        )
        refused(search(cluster, resources={"label_selector": {"zone": "b"}}), "The cluster's autoscaler can't bring such a node either.")
        searched = search(cluster, resources={"max_concurrent_trials": 2})
        searched.ends(searched.start("run", searched.file))
        searched.check_all_finished()
        assert searched.output.count("no node suits yet: the run waits for the cluster's autoscaler to bring one") == 1
        assert len(brought(cluster)) == 2, "one for each trial"
        cluster.wait_until_nothing_is_held()


@pytest.mark.slow
def test_gpus_are_asked_for_where_an_autoscaler_could_bring_some(search: Callable[..., Search]) -> None:
    """Else trials would begin on the CPUs of whatever node came first. The GPU exists by name only, and training takes the CPU."""
    with ray_cluster(workers=0) as cluster:
        cluster.environment["SUMMTUNE_LOGICAL_GPUS"] = "1"
        cluster.start_head(brings={**TYPES, "large": {**TYPES["small"], "resources": {"CPU": 1, "GPU": 1}}})
        cluster.wait_for_nodes(1)
        searched = search(cluster, resources={"max_concurrent_trials": 1}, settings={"general": {"device": "auto"}})
        searched.ends(searched.start("run", searched.file))
        searched.check_all_finished()
        assert "1 GPU" in searched.output.partition("hardware")[2].partition("\n")[0]


def brought(cluster: RayCluster) -> list[str]:
    """Nodes that there ever were beside the head."""
    return [node["id"] for node in cluster.ask()["nodes"]][1:]


@pytest.mark.slow
def test_without_an_autoscaler_nothing_is_waited_for(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=1) as cluster:
        cluster.start_head()
        cluster.start_worker(cluster.machines[1], labels={"zone": "a"})
        cluster.wait_for_nodes(2)
        refused(search(cluster, resources={"cpus_per_trial": 8}), "a trial asks for 8 CPUs, and no node has more than 1. Lower it.")
        refused(search(cluster, resources={"label_selector": {"zone": "b"}}), "no node is labelled zone: b; nodes have zone=a.")
