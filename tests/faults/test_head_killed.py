"""The head dies with all that it knew, its jobs among it, and is started again; the job is submitted again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search

AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Of Ray's node processes these were still there a minute after the others had ended (Ray 2.60); they hold no trial."""

JOB_SERVER = ("--address", "http://127.0.0.1:8265")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_outlives_the_head_and_goes_on_in_another_job(search: Callable[..., Search]) -> None:
    with ray_cluster(workers=2, dashboard=True) as cluster:
        searched = search(cluster, train_rows=400)
        cluster.environment["SUMMTUNE_STORAGE"] = str(searched.folder)
        cluster.start(2)
        cluster.wait_for_job_server()
        searched.ends(searched.start("submit", searched.file, *JOB_SERVER))
        report = searched.wait_for_report(cluster.machines[1])
        time.sleep(searched.epoch_s() / 2)
        cluster.head.die()
        for machine in cluster.machines[1:]:
            machine.wait_until_only(AGENTS)  # a node ends by itself, its trials with it
            machine.die()
        assert not searched.is_over(), report
        cluster.start(2)
        cluster.wait_for_job_server()
        searched.ends(searched.start("resume", searched.run.folder.name, "--follow", *JOB_SERVER))
        state = searched.check_all_finished()
        assert any(trial.attempts == 2 for trial in state.trials.values())
        assert not any(trial.retried for trial in state.trials.values()), "a driver that dies with its cluster calls no trial lost"
        cluster.wait_until_nothing_is_held()
