"""Asks the cluster's autoscaler, where there is one, whether it could bring a node that a trial fits on.

Ray tells nobody which types of nodes its autoscaler knows: they stand in the file that it was started with, or in Kubernetes. What it does
tell, of each placement group that waits, is whether it could ever be placed (`infeasible_gang_resource_requests` in the autoscaler's
state, which the head keeps). So a group is made, as Ray Tune will make them, and taken back as soon as the autoscaler has looked at it.
Ray's older autoscaler (version 1) doesn't say even that. What such nodes have beside what was asked for is seen of nodes that have come.

It must not know what a trial needs, nor decide what an answer means for a run.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from summtune.errors import Interrupted

ANSWERS_WITHIN_S = 60.0
"""It looks every 5 s by Ray's default, and not while it starts."""

_NAMES: Any = ray._raylet  # its types are not told
_MIRRORED = re.compile("node_[0-9a-f]{56}")
"""The types that Ray's older autoscaler makes up for the nodes of a cluster that has none, one for each; there it only mirrors what is."""


class Outlook(Enum):
    """Whether nodes for a trial may yet come."""

    NONE = "nobody brings nodes"
    COULD_COME = "the autoscaler could bring them"
    CAN_NOT_COME = "the autoscaler knows no such nodes"
    UNTOLD = "there is an autoscaler, which does not say"


def is_there() -> bool:
    """Whether the cluster has an autoscaler."""
    return _newer() or _older()


def outlook(bundles: Sequence[Mapping[str, float]], selector: Mapping[str, str]) -> Outlook:
    """Whether nodes on which these bundles fit may yet come.

    Args:
        bundles: by Ray's names, of what is to be placed at once.
        selector: which nodes, by their labels.
    """
    if not _newer():
        return Outlook.UNTOLD if _older() else Outlook.NONE
    with _asked_for(bundles, selector) as group:
        return _told_of(group)


def brought(
    bundles: Sequence[Mapping[str, float]], selector: Mapping[str, str], waits: Callable[[], None], stop_asked: Callable[[], bool]
) -> bool:
    """Wait until nodes are there on which these bundles fit, if the autoscaler could bring them.

    Args:
        bundles: by Ray's names, of what is to be placed at once.
        selector: which nodes, by their labels.
        waits: called once, where they are not there yet.
        stop_asked: whether a person wants an end meanwhile.

    Returns:
        Whether they are there; without waiting where they may never be.

    Raises:
        Interrupted: a person wants an end.
    """
    if not _newer():
        return False
    with _asked_for(bundles, selector) as group:
        if _told_of(group) is not Outlook.COULD_COME:
            return False
        if not group.wait(0):
            waits()
        while not group.wait(1):
            if stop_asked():
                raise Interrupted("stopped; nothing is lost")
    return True


@contextmanager
def _asked_for(bundles: Sequence[Mapping[str, float]], selector: Mapping[str, str]) -> Iterator[PlacementGroup]:
    where = {"bundle_label_selector": [dict(selector)] * len(bundles)} if selector else {}
    group = placement_group([dict(bundle) for bundle in bundles], strategy="PACK", **where)
    try:
        yield group
    finally:
        remove_placement_group(group)


def _told_of(group: PlacementGroup) -> Outlook:
    asked = None
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while time.monotonic() < deadline:
        if group.wait(0):
            return Outlook.COULD_COME  # it has come
        status = _status()
        waits = any(_is_of(request, group) for request in status.cluster_resource_state.pending_gang_resource_requests)
        if asked is None and waits:
            asked = status.cluster_resource_state.cluster_resource_state_version
        if asked is not None and status.autoscaling_state.last_seen_cluster_resource_state_version >= asked:
            refused = any(_is_of(request, group) for request in status.autoscaling_state.infeasible_gang_resource_requests)
            return Outlook.CAN_NOT_COME if refused else Outlook.COULD_COME
        time.sleep(0.2)
    return Outlook.UNTOLD


def _is_of(request: Any, group: PlacementGroup) -> bool:
    return str(request.details).startswith(group.id.hex())


def _status() -> Any:
    reply = GetClusterStatusReply()
    reply.ParseFromString(_head().get_cluster_status(timeout_s=10))
    return reply


def _newer() -> bool:
    key = _NAMES.GCS_AUTOSCALER_V2_ENABLED_KEY.encode()
    found = _head().internal_kv_get(key, namespace=_NAMES.GCS_AUTOSCALER_STATE_NAMESPACE.encode())
    return bool(found == b"1")


def _older() -> bool:
    found = _head().internal_kv_get(DEBUG_AUTOSCALING_STATUS.encode(), namespace=None)
    report = json.loads(found).get("autoscaler_report", {}) if found else {}
    return any(not _MIRRORED.fullmatch(name) for name in report.get("active_nodes", {}))


def _head() -> Any:
    return ray._private.worker.global_worker.gcs_client
