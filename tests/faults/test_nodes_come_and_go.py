"""How many trials run at once follows the cluster."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from summtune.events.kinds import Ended, Event, Retried, TrialStarted
from summtune.events.log import read_events
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search


def at_once(events: list[Event]) -> list[tuple[Event, int]]:
    """After each event how many trials were running."""
    running: set[str] = set()
    found = []
    for event in events:
        if isinstance(event, TrialStarted):
            running.add(event.trial)
        elif isinstance(event, (Ended, Retried)):
            running.discard(event.trial)
        found.append((event, len(running)))
    return found


@pytest.mark.slow
def test_a_node_that_is_added_is_used_and_one_that_is_gone_no_longer_counts(search: Callable[..., Search]) -> None:
    rates = [1e-3, 2e-3, 3e-3, 4e-3, 5e-3]
    with ray_cluster(workers=2) as cluster:
        cluster.start(1)
        searched = search(cluster, train_rows=500, parameters={"learning_rate": {"values": rates}})
        process = searched.start("run", searched.file)
        first, second = cluster.machines[1:]
        searched.wait_for_report(first, process)
        cluster.start_worker(second)
        searched.wait_for_report(second, process)
        second.die()
        searched.ends(process)
        searched.check_all_finished()
        counts = at_once(read_events(searched.run.events)[0])
        (lost,) = [number for number, (event, _) in enumerate(counts) if isinstance(event, Retried)]
        assert max(count for _, count in counts[:lost]) == 2
        assert max(count for _, count in counts[lost:]) == 1
        cluster.wait_until_nothing_is_held()
