"""The files of `cluster/`, read; and the command lines that stand in them."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import files
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
LAUNCHER = ("local.yaml", "aws.yaml", "gcp.yaml")
KUBERAY = ("kuberay-cluster.yaml", "kuberay-job.yaml")
STARTING = (*LAUNCHER, *KUBERAY, "slurm.sh", "docker-compose.yaml")
"""Files that start Ray."""


def text(name: str) -> str:
    return (CLUSTER / name).read_text(encoding="utf-8")


def head(name: str) -> str:
    """The comment at a file's head, without its marks; in JSON, which has none, the description."""
    if name.endswith(".json"):
        return str(json.loads(text(name))["description"])
    lines = [line for line in text(name).splitlines() if not line.startswith(("#!", "# syntax="))]
    marked = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in marked)


def working_part(name: str) -> str:
    """A file without its comments."""
    return "\n".join(line for line in text(name).splitlines() if not line.lstrip().startswith("#"))


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all(text(name)))


def of_kind(name: str, kind: str) -> dict[str, Any]:
    (found,) = (document for document in documents(name) if document["kind"] == kind)
    return dict(found)


def ray_cluster(name: str) -> dict[str, Any]:
    """The spec of the RayCluster in a KubeRay file."""
    if name == "kuberay-cluster.yaml":
        return dict(of_kind(name, "RayCluster")["spec"])
    return dict(of_kind(name, "RayJob")["spec"]["rayClusterSpec"])


def pinned(package: str) -> str:
    """The version that constraints.txt holds."""
    (line,) = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith(f"{package}=="))
    return line.partition("==")[2]


def starts(name: str) -> list[list[str]]:
    """What follows `ray start` in a file, as words."""
    if name == "docker-compose.yaml":
        command = documents(name)[0]["services"]["ray"]["command"]
        return [list(command[2:])]
    if name in LAUNCHER:
        (document,) = documents(name)
        commands = [*document["head_start_ray_commands"], *document["worker_start_ray_commands"]]
    else:
        # A script: its lines joined, and its variables in the places of what they hold.
        script = re.sub(r"\$\{[^}]*\}|\$port", "1", re.sub(r"\\\n", " ", working_part(name)))
        commands = script.splitlines()
    found = [match.group(1) for command in commands if (match := re.search(r"\bray start\s+(.*)", command))]
    return [[word for word in shlex.split(one) if word != "&"] for one in found]


def submissions(name: str) -> list[list[str]]:
    """What follows `ray job submit` in a file's head, as words."""
    return [shlex.split(one) for one in re.findall(r"\bray job submit\s+(.*)", re.sub(r"\\\n", " ", head(name)))]


def tool(package: str, name: str) -> Path:
    """A program that came with a Python package."""
    (found,) = (file for file in files(package) or () if file.name == name)
    return Path(str(found.locate()))
