"""Whether the node that a trial has been placed on keeps what is promised of it: it sees the run's folder, and torch can use its GPU.

Whether they see the folder, nodes are asked before a run begins, too; others come later.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import ray
from ray.util import get_node_ip_address

from summtune.config.settings import Settings
from summtune.errors import TrialFailure
from summtune.training.devices import why_no_cuda
from summtune.tuning.causes import NO_CUDA, UNSEEN

LOGICAL_GPUS = "SUMMTUNE_LOGICAL_GPUS"
"""A node's variable: with 1 its GPUs are numbers of Ray's alone, to try out how trials are scheduled; training takes the CPU."""

LATE_S, LOOK_EVERY_S = 10.0, 0.2
"""How long a network file system may take to show an attempt what the driver wrote, and how often it is looked for."""


def wait_until_seen(file: Path, run_folder: Path) -> None:
    """Wait for a file or folder that the driver has put into the run's folder.

    Raises:
        TrialFailure: it doesn't come: this node is to blame.
    """
    if not appears(file, LATE_S):
        raise _of_this_node(UNSEEN, f"does not see the run's folder {run_folder}. Mount it there.")


def check_gpu(settings: Settings) -> None:
    """Refuse to train on the CPU of a node whose GPU has been reserved, which would cost the GPU's price and take many times as long.

    Raises:
        TrialFailure: torch can't use the GPU: this node is to blame.
    """
    reserved = ray.get_runtime_context().get_assigned_resources().get("GPU", 0)
    if not reserved or settings.general.device == "cpu" or os.environ.get(LOGICAL_GPUS) == "1":
        return
    if why := why_no_cuda():
        remedy = "Mend that, or begin a run with `--set general.device=cpu`; "
        remedy += f"where it is a GPU by name only, set {LOGICAL_GPUS}=1 before Ray is started."
        raise _of_this_node(NO_CUDA, f"has a GPU for the trial, and torch can't use it ({why}). {remedy}")


def _of_this_node(cause: str, says: str) -> TrialFailure:
    node = ray.get_runtime_context().get_node_id()
    return TrialFailure(cause, f"node {node[:8]} ({get_node_ip_address()}) {says}", node)


def appears(file: Path, within_s: float) -> bool:
    """Whether a file or folder is seen here, at once or in a while."""
    deadline = time.monotonic() + within_s
    while not _is_there(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a folder on the way that it may not look into
        return False
