"""The only worker node is lost while its trial runs, and no other comes: the run waits, and still ends when a person wants it to."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from summtune.events.kinds import Ended, Retried, RunResumed
from summtune.events.log import read_events
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search
from tests.integration.conftest import state_of
from tests.integration.test_resume import has, wait_until


@pytest.mark.slow
@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("wish", ["stop", "stop --now", "Ctrl-C"])
def test_a_run_without_a_node_ends_when_a_person_wants_it_to_and_is_resumed(
    search: Callable[..., Search], wish: str, noticed: bool
) -> None:
    """Where the loss is noticed before anything else is handed out nothing is in hand; otherwise a trial that no node takes."""
    with ray_cluster(workers=2) as cluster:
        cluster.start(1)
        searched = search(cluster)
        process = searched.start("run", searched.file)
        first, second = cluster.machines[1:]
        searched.wait_for_report(first, process)
        if noticed:  # a node that is being drained counts no more, and is given no second trial
            cluster.drain(first, 120)
            wait_until(searched.results, has(Ended), process)
            first.die()
        else:
            first.die()
            wait_until(searched.results, has(Retried), process)
        time.sleep(5)
        assert process.poll() is None, "another node may come"
        if wish == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            asking = searched.start(*wish.split(), searched.run.folder, output=searched.folder / "asking.txt")
            assert asking.wait(60) == 0
        searched._output = searched.folder / "output.txt"
        searched.ends(process, 130, within_s=60)
        assert state_of(searched.run).status == "interrupted"
        cluster.start_worker(second)
        cluster.wait_for_nodes(2)
        searched.ends(searched.start("resume", searched.run.folder))
        state = searched.check_all_finished()
        assert len(state.trials) == 2
        assert [event.way for event in read_events(searched.run.events)[0] if isinstance(event, RunResumed)] == [
            "restore" if wish == "Ctrl-C" else "rebuild"
        ]
