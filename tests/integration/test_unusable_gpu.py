"""A GPU that Ray counts, and torch can't use: training would take the CPU, at the GPU's price. GPUs here exist by name only."""

from __future__ import annotations

import os

import pytest

from summtune.config.settings import Settings
from summtune.tuning.failures import failure_of

pytestmark = pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="this machine may have GPUs that torch can use")


def refused(settings: Settings) -> tuple[str, str]:
    """Executed on the cluster: cause and words, where a trial is refused; empty otherwise."""
    from summtune.tuning.sight import check_gpu

    try:
        check_gpu(settings)
    except Exception as error:
        failure = failure_of(error)
        return failure.cause, failure.message
    return "", ""


def test_a_gpu_that_was_reserved_has_to_be_one(cluster: str) -> None:
    import ray

    honest = {"env_vars": {"SUMMTUNE_LOGICAL_GPUS": ""}}

    def asked(gpus: float, device: str) -> tuple[str, str]:
        settings = Settings.model_validate({"general": {"device": device}})
        found: tuple[str, str] = ray.get(ray.remote(refused).options(num_gpus=gpus, num_cpus=0, runtime_env=honest).remote(settings))
        return found

    cause, said = asked(0.5, "auto")
    assert cause == "no_cuda"
    assert "has a GPU for the trial, and torch can't use it (torch 2." in said
    assert "give `general.device: cpu`" in said
    assert asked(1, "cuda")[0] == "no_cuda"
    assert asked(0, "auto") == asked(1, "cpu") == ("", "")
