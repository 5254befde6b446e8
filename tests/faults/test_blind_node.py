"""A node comes into the cluster on which the shared storage is not mounted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from summtune.events.kinds import Noted, Reported, Retried, Scored, TrialStarted
from summtune.events.log import read_events
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search
from tests.integration.test_resume import has, wait_until


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_node_that_does_not_see_the_run_is_given_one_trial_and_no_other(search: Callable[..., Search], workers: int) -> None:
    """It would be free at once, and be given one after the other until none is left."""
    rates = [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3][: 6 // workers]
    with ray_cluster(workers=2) as cluster:
        cluster.start_head()
        seeing, blind = cluster.machines[1:]
        cluster.start_worker(seeing, cpus=workers)
        cluster.wait_for_nodes(2)
        resources = {"workers_per_trial": workers, "max_failures": 1}
        searched = search(cluster, train_rows=300, parameters={"learning_rate": {"values": rates}}, resources=resources)
        process = searched.start("run", searched.file)
        wait_until(searched.results, has(Reported, 1), process)
        cluster.start_worker(blind, cpus=workers, without=searched.folder)
        searched.ends(process)
        searched.check_all_finished()
        events, _ = read_events(searched.run.events)
        (lost,) = [event for event in events if isinstance(event, Retried)]
        assert lost.cause == "unseen"
        (said,) = [event.text for event in events if isinstance(event, Noted) and "does not see the run's folder" in event.text]
        assert blind.address in said
        assert "does not see the run's folder" in searched.output
        cluster.wait_until_nothing_is_held()


@pytest.mark.slow
def test_a_node_that_does_not_see_the_run_and_comes_after_the_last_trial_is_given_one_model_and_no_other(
    search: Callable[..., Search],
) -> None:
    """Of models that are evaluated in full each is wanted: there is no other point in its place, and without them there is no winner."""
    with ray_cluster(workers=2) as cluster:
        cluster.start_head()
        seeing, blind = cluster.machines[1:]
        cluster.start_worker(seeing)
        cluster.wait_for_nodes(2)
        cheap = {"evaluation": {"strategy": "proxy", "proxy_samples": 2, "proxy_top_k": 2}}
        searched = search(cluster, train_rows=300, settings=cheap)
        process = searched.start("run", searched.file)
        wait_until(searched.results, has(TrialStarted, trial="0002"), process)
        cluster.start_worker(blind, without=searched.folder)
        cluster.wait_for_nodes(3)
        assert process.poll() is None
        searched.ends(process)
        searched.check_all_finished()
        events, _ = read_events(searched.run.events)
        assert {event.trial for event in events if isinstance(event, Scored)} == {"0001", "0002"}, searched.output
        (said,) = [event.text for event in events if isinstance(event, Noted) and "does not see the run's folder" in event.text]
        assert blind.address in said
        cluster.wait_until_nothing_is_held()
