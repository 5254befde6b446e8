"""A node has a GPU for Ray, and its torch can't use it: an old driver, a build without CUDA, a container without NVIDIA's runtime."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from summtune.events.kinds import Reported, Retried
from summtune.events.log import read_events
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search
from tests.integration.conftest import state_of
from tests.integration.test_resume import has, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="this machine may have GPUs that torch can use"),
]
RATES = [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3]
ON_GPUS = {"settings": {"general": {"device": "auto"}}, "resources": {"gpus_per_trial": 1}}
USABLE = {"SUMMTUNE_LOGICAL_GPUS": "1"}


@pytest.mark.timeout(600)
def test_such_a_node_is_given_one_trial_and_no_other(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start_head()
        good, bad = cluster.machines[1:]
        cluster.start_worker(good, gpus=1, environment=USABLE)
        cluster.wait_for_nodes(2)
        searched = search(cluster, train_rows=400, parameters={"learning_rate": {"values": RATES}}, **ON_GPUS)
        process = searched.start("run", searched.file)
        wait_until(searched.results, has(Reported, 1), process)
        cluster.start_worker(bad, gpus=1)
        searched.ends(process, within_s=400)
        searched.check_all_finished()
        (lost,) = [event for event in read_events(searched.run.events)[0] if isinstance(event, Retried)]
        assert lost.cause == "no_cuda"
        assert "RecursionError" not in searched.run.ray_log.read_text(encoding="utf-8")
        assert f"({bad.address}) has a GPU for the trial, and torch can't use it" in searched.output
        cluster.wait_until_nothing_is_held()


def test_a_run_is_left_where_there_is_no_other(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=1) as cluster:
        cluster.start_head()
        cluster.start_worker(cluster.machines[1], gpus=1)
        cluster.wait_for_nodes(2)
        searched = search(cluster, **ON_GPUS)
        searched.ends(searched.start("run", searched.file), 3)
        assert "torch can't use it" in searched.output
        assert "No other node is left. Mend that; `summtune resume` goes on." in searched.output
        assert not any(trial.over for trial in state_of(searched.run).trials.values())
