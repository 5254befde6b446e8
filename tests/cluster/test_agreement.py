"""What `summtune submit` relies on and cluster/ declares are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.cluster.agreement import DRIVER_RESOURCE, STOP_WAIT_S, STOP_WAIT_VARIABLE

CLUSTER = Path(__file__).parents[2] / "cluster"


@pytest.mark.parametrize(
    "name", ["local.yaml", "aws.yaml", "gcp.yaml", "kuberay-cluster.yaml", "kuberay-job.yaml", "docker-compose.yaml", "slurm.sh"]
)
def test_every_head_declares_the_turn_that_a_submitted_run_waits_for(name: str) -> None:
    text = "\n".join(line for line in (CLUSTER / name).read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#"))
    assert DRIVER_RESOURCE in text


@pytest.mark.parametrize("name", ["local.yaml", "Dockerfile"])
def test_a_stopped_job_has_the_same_time_and_a_waiting_one_is_not_given_up(name: str) -> None:
    text = (CLUSTER / name).read_text(encoding="utf-8")
    assert f"{STOP_WAIT_VARIABLE}={STOP_WAIT_S}" in text
    assert "RAY_JOB_START_TIMEOUT_SECONDS=2592000" in text
