"""What `summtune doctor --address` executes as a job on a cluster: looks at every live node by a task of its own, and prints what it found.

It travels alone, and imports the standard library and Ray only: it has to work where nothing else is installed. Judging is done by whoever
asked (`fitness`).

Clocks are compared as in F. Cristian, Probabilistic clock synchronization (1989): a node's time is taken to be that of the middle between
asking and answer, so that half the time in between is the uncertainty; of several answers the quickest counts.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("ray", "optuna", "transformers", "torch", "datasets", "accelerate", "evaluate", "rouge-score", "python-mecab-ko", "wandb")
"""Without these no trial is trained."""

HUB, WANDB = ("HF_ENDPOINT", "https://huggingface.co"), ("WANDB_BASE_URL", "https://api.wandb.ai")
BEGIN, END = "-----BEGIN SUMMTUNE PROBE-----", "-----END SUMMTUNE PROBE-----"
STORAGE = "SUMMTUNE_STORAGE"
"""As in `agreement`, which does not travel with this file."""

LOGICAL_GPUS = "SUMMTUNE_LOGICAL_GPUS"
"""As in `tuning.sight`."""

ANSWER_S = 60.0
"""How long a node may take: it has to start a process first."""

CUDA_S = 50.0
"""How long torch may take to find out about GPUs; the first import of it reads some gigabytes."""

SEEN_S = 10.0
"""How long a file may take to be seen by another node; NFS keeps what it knows of a folder for a while."""

CLOCKS = 5


def reachable(address: str, timeout_s: float = 3.0) -> str:
    """Why a server can't be reached from here; empty where it answers, with whatever."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=timeout_s):
            return ""
    except urllib.error.HTTPError:
        return ""  # an answer, too
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def versions() -> dict[str, str | None]:
    """Of the packages that are needed, and of summtune itself where it is installed; None for what isn't."""
    found: dict[str, str | None] = {}
    for name in (*PACKAGES, "summtune"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def look() -> dict[str, Any]:
    """What a node is and has, told by the node."""
    servers = {}
    for name, (variable, usual) in (("hub", HUB), ("wandb", WANDB)):
        address = os.environ.get(variable) or usual
        offline = name == "hub" and os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
        servers[name] = {"address": address, "fault": "offline by HF_HUB_OFFLINE" if offline else reachable(address)}
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "versions": versions(),
        "storage": os.environ.get(STORAGE, "").strip(),
        **servers,
    }


def cuda() -> str:
    """Why torch can't use a node's GPUs, told by the node; empty where it can.

    Asked in a process of its own: Ray hides GPUs from who has reserved none.
    """
    if os.environ.get(LOGICAL_GPUS) == "1":
        return ""  # by name only, and said to be
    # Whatever torch raises there, a RuntimeError or an AssertionError by its build, is the answer.
    asking = "import torch\ntry: torch.cuda.init()\nexcept Exception as error: exit(str(error).splitlines()[0])"
    seeing = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    try:
        asked = subprocess.run([sys.executable, "-c", asking], env=seeing, capture_output=True, text=True, timeout=CUDA_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return asked.stderr.strip().rpartition("\n")[2] if asked.returncode else ""


def write(folder: str, name: str) -> str:
    """Leave a file for the other nodes; why that can't be done, or nothing."""
    try:
        with open(Path(folder, name), "w", encoding="utf-8") as stream:
            stream.write(name)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def seen(folder: str, names: list[str]) -> list[str]:
    """Those of the other nodes' files that can be read here."""
    until, found = time.monotonic() + SEEN_S, set[str]()
    while True:
        for name in set(names) - found:
            try:
                if Path(folder, name).read_text(encoding="utf-8") == name:
                    found.add(name)
            except OSError:
                pass
        if len(found) == len(names) or time.monotonic() > until:
            return sorted(found)
        time.sleep(0.2)


def clock() -> float:
    """The node's time."""
    return time.time()


def on_each(nodes: list[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """What each node answers, by its id; a node that fails or doesn't answer in time answers {"fault": why}."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def begin(node: str) -> Any:
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        return ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy).remote(*arguments)

    asked = {begin(node): node for node in nodes}
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
    answers: dict[str, Any] = {asked[one]: {"fault": f"no answer within {ANSWER_S:.0f} s"} for one in late}
    for one in late:
        ray.cancel(one, force=True)
    for one in done:
        try:
            answers[asked[one]] = ray.get(one)
        except Exception as error:  # whatever ended it there is what a person has to know
            answers[asked[one]] = {"fault": (str(error).strip().splitlines() or [type(error).__name__])[-1]}
    return answers


def measured(node: str) -> dict[str, float] | None:
    """By how many seconds a node's clock is ahead of this one's, and how uncertain that is."""
    best: dict[str, float] | None = None
    for _ in range(CLOCKS):
        before, began = time.time(), time.monotonic()
        answer = on_each([node], clock)[node]
        took = time.monotonic() - began
        if isinstance(answer, dict):
            return best
        if best is None or took / 2 < best["uncertainty"]:
            best = {"ahead": answer - (before + took / 2), "uncertainty": took / 2}
    return best


def storage(nodes: list[str]) -> dict[str, Any]:
    """Whether all nodes see the storage of this process, which is where a job's results lie."""
    place = os.environ.get(STORAGE, "").strip()
    found: dict[str, Any] = {"place": place, "fault": "", "free_gib": None, "nodes": {}}
    if not place or not Path(place).is_absolute():
        return found
    folder = Path(place, f".summtune-doctor-{os.urandom(4).hex()}")
    try:
        folder.mkdir()
        found["free_gib"] = round(shutil.disk_usage(place).free / 2**30, 1)
    except OSError as error:
        found["fault"] = error.strerror or str(error)
        return found
    try:
        written = on_each(nodes, write_own, str(folder))
        writers = [node for node, fault in written.items() if fault == ""]
        read = on_each(nodes, seen, str(folder), writers)
        for node in nodes:
            fault, sees = written[node], read[node]
            fault = fault["fault"] if isinstance(fault, dict) else fault
            missed = [] if isinstance(sees, dict) else sorted(set(writers) - set(sees))
            found["nodes"][node] = {"fault": fault, "missed": missed}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def write_own(folder: str) -> str:
    """Leave a file that is called as this node."""
    import ray

    return write(folder, ray.get_runtime_context().get_node_id())


def main() -> None:
    """Look, and print."""
    import logging

    import ray

    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    answers = on_each(list(alive), look)
    healthy = [node for node in alive if "fault" not in answers[node]]
    unusable = on_each([node for node in healthy if alive[node]["Resources"].get("GPU")], cuda)
    here = ray.get_runtime_context().get_node_id()
    record = {
        "storage": storage(healthy),
        "nodes": [
            {
                "address": node["NodeManagerAddress"],
                "id": identity,
                "driver": identity == here,
                "head": "node:__internal_head__" in node["Resources"],
                "resources": {name: amount for name, amount in node["Resources"].items() if not name.startswith("node:")},
                "cuda": unusable.get(identity, ""),
                "clock": measured(identity) if identity in healthy else None,
                **answers[identity],
            }
            for identity, node in alive.items()
        ],
    }
    print(BEGIN, json.dumps(record), END, sep="\n", flush=True)


if __name__ == "__main__":
    main()
