"""A node is drained: it is told that its machine will be taken away, and then that happens."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from summtune.events.kinds import TrialStarted
from summtune.events.log import read_events
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search

NOTICE_S = 15


@pytest.mark.slow
def test_a_node_that_is_drained_is_given_no_more_trials_and_costs_at_most_an_epoch(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=2) as cluster:
        cluster.start(2)
        searched = search(cluster, parameters={"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3]}})
        process = searched.start("run", searched.file)
        victim = cluster.machines[1]
        searched.wait_for_report(victim, process)
        cluster.drain(victim, NOTICE_S)
        drained = time.time()
        time.sleep(NOTICE_S)
        victim.die()
        searched.ends(process)
        state = searched.check_all_finished()
        events, _ = read_events(searched.run.events)
        started = {(event.trial, event.attempt): event.time for event in events if isinstance(event, TrialStarted)}
        late = [one for one in searched.reports(victim) if started[one.trial, one.attempt] > drained + 2]
        assert late == [], "it was given a trial after its notice"
        assert sum(len(trial.retried) for trial in state.trials.values()) <= 1
        cluster.wait_until_nothing_is_held()
