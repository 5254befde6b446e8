"""Whether the node that a trial has been placed on sees the run's folder. Nodes are asked before a run begins; others come later."""

from __future__ import annotations

import time
from pathlib import Path

import ray
from ray.util import get_node_ip_address

from summtune.errors import TrialFailure
from summtune.tuning.causes import UNSEEN

LATE_S, LOOK_EVERY_S = 10.0, 0.2
"""How long a network file system may take to show an attempt what the driver wrote, and how often it is looked for."""


def wait_until_seen(file: Path, run_folder: Path) -> None:
    """Wait for a file or folder that the driver has put into the run's folder.

    Raises:
        TrialFailure: it doesn't come: this node is to blame.
    """
    if not appears(file, LATE_S):
        node = ray.get_runtime_context().get_node_id()
        raise TrialFailure(UNSEEN, f"node {node[:8]} ({get_node_ip_address()}) does not see the run's folder {run_folder}.", node)


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
