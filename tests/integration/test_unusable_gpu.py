"""A GPU that Ray counts, and torch can't use: training would take the CPU, at the GPU's price. GPUs here exist by name only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
    assert "begin a run with `--set general.device=cpu`" in said
    assert asked(1, "cuda")[0] == "no_cuda"
    assert asked(0, "auto") == asked(1, "cpu") == ("", "")


COUNTED = """
import importlib.abc, importlib.util, sys

NAME = "ray._private.accelerators.nvidia_gpu"

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.NvidiaGPUAcceleratorManager.get_current_node_num_accelerators = staticmethod(lambda: 1)

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""
"""Lets Ray find a GPU on this machine, as it does one whose driver is too old for torch."""


@pytest.mark.slow
def test_on_a_machine_of_one_s_own_trials_take_the_cpu_unless_a_gpu_is_asked_for(space_file: Callable[..., Path], tmp_path: Path) -> None:
    """Known before the run's folder is made, since a resume can't say otherwise."""
    (tmp_path / "sitecustomize.py").write_text(COUNTED, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "SUMMTUNE_LOGICAL_GPUS"}
    environment["PYTHONPATH"] = f"{tmp_path}:{Path(__file__).parents[2]}"
    file = space_file(settings={"general": {"device": "auto"}}, run_cap=1, baseline=False)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "summtune", "run", str(file), "--output-dir", "out", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False)

    asked = run("--set", "resources.gpus_per_trial=1")
    assert asked.returncode == 2, asked.stdout + asked.stderr
    assert "no node has more than 0. This machine's can't be used by torch: torch 2." in asked.stderr
    assert not list((tmp_path / "out").glob("tiny-*"))
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note: this machine has a GPU that torch can't use (torch 2." in done.stdout
    assert "trials train on CPUs." in done.stdout
