"""A Ray cluster of several machines, whose nodes can be started, killed and drained one by one.

Token authentication is on. So that tests end in time, Ray calls a node dead here after some 5 s of silence (RAY_health_check_…), where it
takes several times as long by itself, and its parts give up a head that is gone after 10 s instead of a minute
(RAY_gcs_rpc_server_reconnect_timeout_s); nothing else is set otherwise than Ray has it.

It must not know what is trained.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.machines import Machine, local_network

ROOT = Path(__file__).parents[2]
_RAY = (sys.executable, "-c", "from ray.scripts.scripts import main; main()")
PORT = 6379

SOONER = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
}

_ASK = """
import json, sys
import ray
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions

state = GlobalState()
state._initialize_global_state(GcsClientOptions.create(sys.argv[1], None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False))
print(json.dumps({
    "nodes": [{"id": n["NodeID"], "address": n["NodeManagerAddress"], "alive": n["Alive"]} for n in state.node_table()],
    "actors": [(a["ActorClassName"], a["State"]) for a in state.actor_table(None).values()],
    "placement_groups": [g["state"] for g in state.placement_group_table().values()],
}))
"""
"""Asked of the head's own tables, without being a driver of the cluster."""


_HEAD_ID = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"  # Ray's FAKE_HEAD_NODE_ID

_OF_AN_AUTOSCALER = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": _HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}
"""What `ray.cluster_utils.AutoscalingCluster` sets; itself it reads a file that Ray's wheel lacks, and ends all of Ray on the machine."""


def _autoscaling(brings: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration for Ray's autoscaler whose provider starts nodes beside the head."""
    head = {"ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}}
    provider = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
    return {
        "cluster_name": "faults",
        "max_workers": 4,
        # As `fake_multinode` Ray would read defaults from a file that its wheel lacks.
        "provider": {
            "type": "external",
            "module": provider,
            "head_node_id": _HEAD_ID,
            "launch_multiple": True,
            "disable_node_updaters": True,
        },
        "available_node_types": {**brings, **head},
        "head_node_type": "ray.head.default",
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.2,
        **{
            f"{name}_commands": []
            for name in ("setup", "head_setup", "worker_setup", "initialization", "head_start_ray", "worker_start_ray")
        },
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in ("cluster_synced_files", "rsync_filter", "rsync_exclude")},
        "file_mounts_sync_continuously": False,
    }


_OF_A_CLUSTER = ("TrainStateActor", "_AutoscalingCoordinatorActor")
"""Ray Train's: one for all trainings of a cluster, from the first worker group on for as long as the head lives. They take no CPU."""


class RayCluster:
    """A head on the first machine, workers on the others.

    Args:
        machines: where its nodes can be.
        folder: for logs and Ray's own files; its path is short, as Ray's sockets need it.
        dashboard: whether the head has a job server.
        sooner: whether Ray's patience is shortened, as above.
    """

    def __init__(self, machines: list[Machine], folder: Path, *, dashboard: bool = False, sooner: bool = True) -> None:
        self.machines = machines
        self.head = machines[0]
        self.folder = folder
        self.address = f"{self.head.address}:{PORT}"
        self._dashboard = dashboard
        self._starts = 0
        token = folder / "token"
        token.write_text(secrets.token_hex(32), encoding="utf-8")
        commands = folder / "bin"
        commands.mkdir()
        for name, words in (("python", sys.executable), ("summtune", f"{sys.executable} -m summtune")):
            (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
            (commands / name).chmod(0o755)
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "PATH": f"{commands}:{os.environ['PATH']}"}
        self.environment = {**os.environ, **(SOONER if sooner else {}), **own, "PYTHONPATH": str(ROOT)}

    def start(self, workers: int) -> None:
        """Start the head and the first workers, and wait until they are there."""
        self.start_head()
        for machine in self.machines[1 : workers + 1]:
            self.start_worker(machine)
        self.wait_for_nodes(workers + 1)

    def start_head(self, *, brings: Mapping[str, Any] | None = None) -> None:
        """Start the head, without CPUs: trials are on workers.

        Args:
            brings: types of nodes that its autoscaler can bring, by name: Ray's `available_node_types`. Without any it has no autoscaler.
        """
        told = (f"--include-dashboard={'true' if self._dashboard else 'false'}", '--resources={"summtune_driver": 1}')
        scaled: tuple[str, ...] = ()
        if brings is not None:
            file = self.folder / "autoscaling.json"
            file.write_text(json.dumps(_autoscaling(brings)), encoding="utf-8")
            scaled = (f"--autoscaling-config={file}",)
            self.environment |= _OF_AN_AUTOSCALER
        self._start(self.head, "--head", f"--port={PORT}", *told, "--num-cpus=0", *scaled)

    def start_worker(
        self,
        machine: Machine,
        *,
        cpus: int = 1,
        gpus: int = 0,
        labels: Mapping[str, str] | None = None,
        without: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a worker node.

        Args:
            machine: where.
            cpus: of the node.
            gpus: of the node, by name only.
            labels: of the node.
            without: a folder that is empty there, as where a shared file system has not been mounted.
            environment: more variables of the node.
        """
        given = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        labelled = (f"--labels={given}",) if given else ()
        has = (f"--num-cpus={cpus}", f"--num-gpus={gpus}")
        self._start(machine, f"--address={self.address}", *has, *labelled, without=without, environment=environment or {})

    def _start(self, machine: Machine, *words: str, without: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._starts += 1
        own = self.folder / str(self._starts)
        common = ("start", "--block", "--disable-usage-stats", f"--node-ip-address={machine.address}", f"--temp-dir={own}")
        # What a worker process may keep in memory is not what is tested: /dev/shm is shared by all these machines.
        store = "--object-store-memory=80000000"
        hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"', str(without)) if without else ()
        machine.start(
            [*hidden, *_RAY, *common, store, *words],
            {**self.environment, **(environment or {})},
            self.folder / f"node{self._starts}.log",
            self.folder,
        )

    def wait_for_nodes(self, count: int, within_s: float = 90) -> None:
        """Wait until so many nodes are alive."""
        deadline = time.monotonic() + within_s
        while (alive := self.alive()) != count:
            assert time.monotonic() < deadline, f"{alive} nodes are alive, not {count}:\n{self.logs()}"
            time.sleep(0.2)

    def wait_for_job_server(self, within_s: float = 90) -> None:
        """Wait until the head's job server answers."""
        deadline = time.monotonic() + within_s
        asking = "import urllib.request, sys; urllib.request.urlopen('http://127.0.0.1:8265/api/version', timeout=5)"
        while True:
            try:
                self._inside([sys.executable, "-c", asking])
                return
            except subprocess.CalledProcessError as error:
                if "401" in error.output or "403" in error.output:  # it is there, and asks for a token
                    return
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.5)

    def alive(self) -> int:
        """How many nodes Ray holds for alive."""
        try:
            return sum(node["alive"] for node in self.ask()["nodes"])
        except subprocess.CalledProcessError:
            return 0  # its head is not there yet

    def ask(self) -> Any:
        """Nodes, and the states of all actors and placement groups, as the head has them."""
        return json.loads(self._inside([sys.executable, "-c", _ASK, self.address]))

    def node_id(self, machine: Machine) -> str:
        """Ray's id of the live node on a machine."""
        (found,) = [node["id"] for node in self.ask()["nodes"] if node["alive"] and node["address"] == machine.address]
        return str(found)

    def drain(self, machine: Machine, notice_s: int) -> None:
        """Tell the node that its machine will be taken away in so many seconds, as a cloud tells of its spot machines."""
        reason = ("--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=taken away")
        node = f"--node-id={self.node_id(machine)}"
        self._inside([*_RAY, "drain-node", f"--address={self.address}", node, *reason, f"--deadline-remaining-seconds={notice_s}"])

    def held(self) -> list[str]:
        """What still holds something: live actors and placement groups, by their states."""
        told = self.ask()
        actors = [f"{name}: {state}" for name, state in told["actors"] if state != "DEAD" and name not in _OF_A_CLUSTER]
        return actors + [f"placement group: {state}" for state in told["placement_groups"] if state != "REMOVED"]

    def wait_until_nothing_is_held(self, within_s: float = 60) -> None:
        """No actor and no placement group is left within a minute."""
        deadline = time.monotonic() + within_s
        while held := self.held():
            assert time.monotonic() < deadline, f"still there after {within_s:g} s: {held}"
            time.sleep(0.5)

    def _inside(self, words: list[str]) -> str:
        output = self.folder / f"asked-{secrets.token_hex(4)}"
        process = self.head.start(words, self.environment, output, self.folder)
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -1
        told = output.read_text(encoding="utf-8")
        output.unlink()
        if code:
            raise subprocess.CalledProcessError(code, words, told)
        return told

    def logs(self) -> str:
        """What its nodes have said."""
        return "\n".join(f"{file.name}: {file.read_text(encoding='utf-8')}" for file in sorted(self.folder.glob("node*.log")))


@contextmanager
def ray_cluster(workers: int, *, dashboard: bool = False, sooner: bool = True) -> Iterator[RayCluster]:
    """A cluster with a head; its workers' machines are there, and start as they are told."""
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir="/tmp"))
    try:
        with local_network(workers + 1) as machines:
            yield RayCluster(machines, folder, dashboard=dashboard, sooner=sooner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
