"""What holds of all files in `cluster/`: when to use each is said, they keep what a submitted run relies on, and nothing stands open."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer

import summtune
from summtune.cluster.agreement import DRIVER_RESOURCE, STOP_WAIT_S, STOP_WAIT_VARIABLE, STORAGE_VARIABLE
from summtune.config.environment import read_environment
from tests.cluster.shipped import (
    CLUSTER,
    KUBERAY,
    LAUNCHER,
    STARTING,
    documents,
    head,
    of_kind,
    pinned,
    ray_cluster,
    starts,
    submissions,
    text,
    working_part,
)

LEAST_DRIVER = 580
"""Of NVIDIA, for CUDA 13, which torch 2.13 from PyPI is built with (its wheel for Linux asks for `cuda-toolkit` 13.0)."""

OTHERS = ("Dockerfile", "prometheus.yaml", "grafana-dashboard.json")
ALL = (*STARTING, *OTHERS)


def test_the_folder_holds_these_files_and_its_page_names_each() -> None:
    assert {path.name for path in CLUSTER.iterdir()} == {*ALL, "README.md", "Dockerfile.dockerignore"}
    page = text("README.md")
    assert [name for name in ALL if f"[{name}]({name})" not in page] == []


@pytest.mark.parametrize("name", ALL)
def test_a_head_says_when_to_use_the_file(name: str) -> None:
    assert "When to use it:" in head(name)


@pytest.mark.parametrize("name", STARTING)
def test_token_authentication_is_on_and_the_token_is_in_no_file(name: str) -> None:
    if name in KUBERAY:
        assert ray_cluster(name)["authOptions"] == {"mode": "token"}
    elif name in ("aws.yaml", "gcp.yaml"):
        assert "--env RAY_AUTH_MODE=token" in documents(name)[0]["docker"]["run_options"]
    elif name == "local.yaml":
        (document,) = documents(name)
        commands = [*document["head_start_ray_commands"], *document["worker_start_ray_commands"]]
        assert all("RAY_AUTH_MODE=token" in command for command in commands if "ray start" in command)
    else:
        assert re.search(r"RAY_AUTH_MODE(=|: )token", working_part(name))
    assert re.search(r"RAY_AUTH_TOKEN\b", working_part(name)) is None, "a token's value; its path is RAY_AUTH_TOKEN_PATH"
    assert re.search(r"(?i)(password|api_key|secret_key|access_key)\w*\s*[=:]\s*[\"']?\w{8,}", working_part(name)) is None


@pytest.mark.parametrize("name", LAUNCHER)
def test_the_token_is_copied_to_where_ray_looks_for_it(name: str) -> None:
    (document,) = documents(name)
    home = "~" if name == "local.yaml" else "/home/ray"
    assert document["file_mounts"][f"{home}/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in document["setup_commands"]


@pytest.mark.parametrize("name", STARTING)
def test_what_is_started_is_what_ray_understands(name: str) -> None:
    from ray.scripts.scripts import start

    if name in KUBERAY:
        groups = [ray_cluster(name)["headGroupSpec"], *ray_cluster(name)["workerGroupSpecs"]]
        # KubeRay writes them into a command line for a shell.
        found = [
            [f"--{key}={json.loads(value) if key == 'resources' else value}" for key, value in one["rayStartParams"].items()]
            for one in groups
        ]
    else:
        found = starts(name)
    assert len(found) == (1 if name == "docker-compose.yaml" else 2), "a head, and workers"
    for words in found:
        start.make_context("start", list(words))
    with pytest.raises(click.NoSuchOption):
        start.make_context("start", [*found[0], "--dashboard-hots=127.0.0.1"])


def head_start(name: str) -> dict[str, Any]:
    """The parameters of the head's `ray start`."""
    from ray.scripts.scripts import start

    if name in KUBERAY:
        parameters = dict(ray_cluster(name)["headGroupSpec"]["rayStartParams"])
        return {key.replace("-", "_"): value for key, value in parameters.items()} | {"resources": json.loads(parameters["resources"])}
    return dict(start.make_context("start", list(starts(name)[0])).params)


@pytest.mark.parametrize("name", STARTING)
def test_a_run_waits_for_its_turn_and_takes_no_slot_from_trials(name: str) -> None:
    if name in ("aws.yaml", "gcp.yaml"):
        (document,) = documents(name)
        declared = document["available_node_types"][document["head_node_type"]]["resources"]
        assert declared == {"CPU": 0, "GPU": 0, DRIVER_RESOURCE: 1}
        assert all(DRIVER_RESOURCE not in kind["resources"] for name, kind in document["available_node_types"].items() if name != "head")
    else:
        assert json.loads(head_start(name)["resources"]) == {DRIVER_RESOURCE: 1}
    if name in (*KUBERAY, "local.yaml"):
        assert int(head_start(name)["num_cpus"]) == int(head_start(name)["num_gpus"]) == 0


def parsed(verb: str, words: list[str]) -> dict[str, Any]:
    """What a verb of summtune understands."""
    app = typer.Typer(add_completion=False)
    app.command(name=verb)(getattr(importlib.import_module(f"summtune.cli.{verb}"), verb))
    return dict(typer.main.get_command(app).make_context(verb, words).params)


@pytest.mark.parametrize("name", [name for name in STARTING if name not in ("slurm.sh", "kuberay-job.yaml")])
def test_the_head_of_a_file_shows_how_to_submit(name: str) -> None:
    from ray.dashboard.modules.job.cli import submit

    (words,) = submissions(name)
    given = submit.make_context("submit", list(words)).params
    assert given["entrypoint_num_cpus"] == 0
    assert json.loads(given["entrypoint_resources"]) == {DRIVER_RESOURCE: 1}
    assert given["entrypoint"][:2] == ("summtune", "run")
    shown = [line.strip() for line in head(name).splitlines()]
    asked = {verb: shlex.split(rest, comments=True) for verb, rest in re.findall(r"^summtune (\w+) (.*)", "\n".join(shown), re.MULTILINE)}
    assert parsed("doctor", asked["doctor"])["address"] == "http://127.0.0.1:8265", "without it `doctor` looks at this machine"
    assert parsed("submit", asked["submit"])["spaces"] == [Path("search_spaces/lr.yaml")]
    assert not any(line.startswith("export RAY_ADDRESS=http") for line in shown), "`summtune run` would take it"


@pytest.mark.parametrize("name", STARTING)
def test_a_run_knows_the_shared_folder_and_a_stopped_one_gets_its_time(name: str) -> None:
    said = working_part(name)
    if name in KUBERAY:
        (container,) = ray_cluster(name)["headGroupSpec"]["template"]["spec"]["containers"]
        said = "\n".join(f"{one['name']}={one['value']}" for one in container["env"])
    value = r"\$storage" if name == "slurm.sh" else "/mnt/summtune"
    assert re.search(rf"\b{STORAGE_VARIABLE}(=|: ){value}(?![\w/])", said)
    assert re.search(rf"\b{STOP_WAIT_VARIABLE}(=|: )\"?{STOP_WAIT_S}\b", said)
    assert read_environment({STORAGE_VARIABLE: "/mnt/summtune"}).problems == [], "no setting of its own"


@pytest.mark.parametrize("name", [name for name in STARTING if name != "docker-compose.yaml"])
def test_what_is_tokenised_lies_on_each_nodes_own_disk(name: str) -> None:
    """It is mapped into memory and made under a lock, which NFS is slow at, and which a node that is lost may never give back there."""
    assert "SUMMTUNE_CACHE" not in working_part(name)


@pytest.mark.parametrize("name", STARTING)
def test_the_dashboard_listens_on_loopback_unless_something_stands_before_it(name: str) -> None:
    host = head_start(name)["dashboard_host"]
    if name in ("aws.yaml", "gcp.yaml", "local.yaml", "slurm.sh", "kuberay-cluster.yaml"):
        assert host == "127.0.0.1"
    elif name == "docker-compose.yaml":
        services = documents(name)[0]["services"].values()
        published = [port for service in services for port in service.get("ports", ())]
        assert host == "0.0.0.0"
        assert published
        assert all(port.startswith("127.0.0.1:") for port in published)
        assert all("network_mode" not in service for service in services)
    else:
        assert host == "0.0.0.0"
        rules = of_kind(name, "NetworkPolicy")["spec"]["ingress"]
        assert all(rule.get("from") for rule in rules), "a rule without `from` lets everybody in"


@pytest.mark.parametrize("name", KUBERAY)
def test_pods_are_let_in_on_and_out_of_nothing_more_than_needed(name: str) -> None:
    spec = ray_cluster(name)
    assert spec["headGroupSpec"]["serviceType"] == "ClusterIP"
    policy = of_kind(name, "NetworkPolicy")["spec"]
    chosen = policy["podSelector"]["matchLabels"]
    templates = [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]
    if name == "kuberay-job.yaml":
        templates.append(of_kind(name, "RayJob")["spec"]["submitterPodTemplate"])
    for template in templates:
        assert chosen.items() <= template["metadata"]["labels"].items(), "the policy is not about this pod"
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", [*STARTING, "Dockerfile"])
def test_a_head_says_which_driver_torch_needs(name: str) -> None:
    assert f"NVIDIA's driver {LEAST_DRIVER} or newer" in " ".join(head(name).split())
    assert pinned("torch").startswith("2.13."), "another torch may need another driver: look, and say so here, in the files and their page"
    assert f"driver **{LEAST_DRIVER} or newer**" in text("README.md")
    assert f"torch=={pinned('torch')} --index-url" in text("README.md")


def test_machines_of_a_cloud_have_that_driver() -> None:
    (google,), (amazon,) = documents("gcp.yaml"), documents("aws.yaml")
    for kind in google["available_node_types"].values():
        (disk,) = kind["node_config"]["disks"]
        family = re.search(r"/family/\S+-nvidia-(\d+)$", disk["initializeParams"]["sourceImage"])
        assert family is not None
        assert int(family[1]) >= LEAST_DRIVER
    assert all("ImageId" in kind["node_config"] for kind in amazon["available_node_types"].values()), (
        "Ray's own default is an image of 2023"
    )
    for document in (google, amazon):
        assert document["docker"]["worker_run_options"] == ["--gpus all"], "a worker without its GPUs would start, and train on CPUs"


def test_versions_are_those_of_the_project() -> None:
    ray = pinned("ray")
    assert f"ARG RAY_VERSION={ray}\n" in text("Dockerfile")
    for name in KUBERAY:
        assert ray_cluster(name)["rayVersion"] == ray
    for name in ALL:
        for tag in re.findall(r"summtune:([0-9][\w.]*)", text(name)):
            assert tag == summtune.__version__, name
    assert "-py311-" in text("Dockerfile")
    assert "python3.11" in text("local.yaml")
