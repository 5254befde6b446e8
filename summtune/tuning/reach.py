"""Finds out before a run begins whether every node that trials may run on sees its folder and what it reads, and can write to its store.

It must not know what is written there later.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from summtune.config.places import is_there
from summtune.errors import Problem, RunMistake, StorageFailure, SurroundingsFailure
from summtune.objects import ObjectStore
from summtune.tuning.allotment import Allotment
from summtune.tuning.engine import Cluster
from summtune.tuning.resources import workers_on
from summtune.tuning.sight import appears

ANSWER_S = 60.0
"""How long a node may take, the start of a process on it included."""

LATE_S = 3.0
"""How long a network file system may take to show what was written on another node."""


def check_store(store: ObjectStore | None) -> None:
    """Let this process write to a run's store.

    Raises:
        RunMistake: the store refuses.
        SurroundingsFailure: it can't be reached.
    """
    if store is not None:
        try:
            _write(store)
        except StorageFailure as failure:
            _raise("this machine", failure)


def check(folder: Path, store: ObjectStore | None, cluster: Cluster, allotment: Allotment, read: Mapping[str, str]) -> None:
    """Let every node that has room for a worker write to the folder and the store, and look for what trials read.

    A node that this process has started is the driver's own, with its environment, and isn't asked. On another cluster the driver's node
    sees what the driver sees, and is asked for the store alone: Ray's processes may have other credentials.

    Args:
        folder: the run's, or that of all runs.
        store: where it is stored besides.
        cluster: whose nodes.
        allotment: what a trial has.
        read: files and folders that trials read: a setting by each; those that this machine doesn't have are nobody's business here.

    Raises:
        RunMistake: the store refuses, or a node doesn't see the folder or a file; says which.
        SurroundingsFailure: the store can't be reached, or a node doesn't answer.
    """
    there = [] if cluster.started_here else cluster.usable(allotment.label_selector)
    nodes = [node for node in there if workers_on(allotment, node["Resources"])]
    if store is None and nodes:
        own = ray.get_runtime_context().get_node_id()
        nodes = [node for node in nodes if node["NodeID"] != own]
    if nodes:
        with _probe(folder) as probe:
            _ask(nodes, probe, store, {path: key for path, key in read.items() if is_there(Path(path))})


def _ask(nodes: Sequence[Any], probe: Path, store: ObjectStore | None, read: Mapping[str, str]) -> None:
    """One small task on each of them, all at once."""
    look = ray.remote(num_cpus=0, max_retries=0)(_look)
    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        answer = probe.with_name(f"{probe.name}-{node['NodeID'][:8]}")
        task = look.options(scheduling_strategy=there).remote(str(probe), str(answer), store.url if store is not None else None, list(read))
        asked[task] = (_called(node), answer)
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
    blind, lacking = list[str](), dict[str, list[str]]()
    for task in done:
        who, answer = asked[task]
        try:
            sees, failure, missing = ray.get(task)
        except RayError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise SurroundingsFailure(f"{who} can't be asked whether it sees {probe.parent}: {reason}") from error
        if failure is not None:
            _raise(who, StorageFailure(failure[0], refused=failure[1]))
        if not (sees and appears(answer, LATE_S)):
            blind.append(who)
        for path in missing:
            lacking.setdefault(path, []).append(who)
        answer.unlink(missing_ok=True)
    for task in late:
        ray.cancel(task, force=True)
    if blind:
        reason = f"{' and '.join(blind)} {'do' if len(blind) > 1 else 'does'} not see what is written to {probe.parent} on this machine."
        remedy = (
            "Give a folder of a file system that all nodes share (NFS for example), mounted at the same place on each: "
            "`--set general.output_dir=FOLDER`."
        )
        raise RunMistake(Problem(reason, remedy, key="general.output_dir"))
    if lacking:
        raise RunMistake([_lacks(path, read[path], who) for path, who in lacking.items()])
    if late:
        names = ", ".join(asked[task][0] for task in late)
        raise SurroundingsFailure(f"{names} did not answer within {ANSWER_S:.0f} s. `ray status` says whether it is well.")


def _lacks(path: str, key: str, who: Sequence[str]) -> Problem:
    """What to say of a file that this machine has, and nodes that trials run on have not."""
    reason = f"{' and '.join(who)} {'have' if len(who) > 1 else 'has'} no {path}, which this machine has."
    remedy = "Put it where all nodes see it under the same path; `summtune submit` from here takes along what is small."
    return Problem(reason, remedy, key=key)


def _look(probe: str, answer: str, url: str | None, read: Sequence[str]) -> tuple[bool, tuple[str, bool] | None, list[str]]:
    """Executed on a node: whether it sees what the driver wrote and can write beside it, what the store says, which paths it lacks."""
    failure = None
    if url is not None:
        try:
            _write(ObjectStore(url))
        except StorageFailure as fault:
            failure = (str(fault), fault.refused)
    written = Path(probe)
    try:
        sees = appears(written, LATE_S) and written.read_text(encoding="utf-8") == written.name
        if sees:
            Path(answer).write_text("", encoding="utf-8")
    except OSError:
        sees = False
    return sees, failure, [path for path in read if not is_there(Path(path))]


def _write(store: ObjectStore) -> None:
    """Write something, and delete it again.

    Raises:
        StorageFailure: that is not possible.
    """
    name = f".probe-{secrets.token_hex(8)}"
    store.put_bytes(b"summtune\n", name)
    store.delete([name])


@contextmanager
def _probe(folder: Path) -> Iterator[Path]:
    probe = folder.resolve() / f".seen-{secrets.token_hex(8)}"
    probe.write_text(probe.name, encoding="utf-8")
    try:
        yield probe
    finally:
        for left in probe.parent.glob(f"{probe.name}*"):
            left.unlink(missing_ok=True)


def _called(node: Any) -> str:
    """A node as a person knows it."""
    address, name = node["NodeManagerAddress"], node.get("NodeName") or node["NodeManagerHostname"]
    which = f"{address}, {name}" if name != address else address
    return f"node {node['NodeID'][:8]} ({which})"


def _raise(who: str, failure: StorageFailure) -> None:
    remedy = (
        "It takes its credentials from the environment of Ray's processes on each node (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; "
        "AWS_ENDPOINT_URL for a server other than Amazon's), or from the machine's own role."
    )
    if failure.refused:
        raise RunMistake(Problem(f"{who} can't write to {failure}.", remedy, key="general.storage")) from failure
    raise SurroundingsFailure(f"{who} can't reach {failure}. Nothing was begun. {remedy}") from failure
