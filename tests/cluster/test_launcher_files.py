"""local.yaml, aws.yaml and gcp.yaml by the checks of Ray's cluster launcher itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from tests.cluster.shipped import LAUNCHER, documents


def prepared(document: dict[str, Any]) -> dict[str, Any]:
    """What `ray up` makes of a file before it asks a cloud for anything, validated."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(copy.deepcopy(document))
    validate_config(config)
    return dict(config)


@pytest.mark.parametrize("name", LAUNCHER)
def test_ray_up_takes_the_file(name: str) -> None:
    config = prepared(documents(name)[0])
    assert config["cluster_name"] == "summtune"
    assert config["head_node_type"] in config["available_node_types"]


@pytest.mark.parametrize("name", LAUNCHER)
def test_ray_up_refuses_a_misspelled_key(name: str) -> None:
    (document,) = documents(name)
    with pytest.raises(jsonschema.ValidationError, match="idle_timeout"):
        prepared(document | {"idle_timeout": 5})


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml"])
def test_gpu_workers_come_and_go_on_spot_and_on_demand(name: str) -> None:
    (document,) = documents(name)
    config = prepared(document)
    workers = {key: kind for key, kind in config["available_node_types"].items() if key != config["head_node_type"]}
    assert all(kind["min_workers"] == 0 and kind["resources"]["GPU"] > 0 for kind in workers.values())
    assert sum(kind["max_workers"] for kind in workers.values()) == config["max_workers"]
    spot = [key for key, kind in workers.items() if "spot" in str(kind["node_config"]).lower()]
    assert spot == ["gpu-spot"]
    assert config["available_node_types"]["gpu-spot"]["labels"] == {"ray.io/market-type": "spot"}
    assert config["provider"]["cache_stopped_nodes"] is False


def test_aws_takes_the_machines() -> None:
    """By the model of EC2's API, where its library is installed."""
    session = pytest.importorskip("botocore.session", reason="botocore is not installed")
    validate = pytest.importorskip("botocore.validate")
    model = session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    for kind in documents("aws.yaml")[0]["available_node_types"].values():
        report = validate.ParamValidator().validate({"MinCount": 1, "MaxCount": 1, **kind["node_config"]}, model)
        assert not report.has_errors(), report.generate_report()


COMPUTE = json.loads((files("googleapiclient") / "discovery_cache" / "documents" / "compute.v1.json").read_text(encoding="utf-8"))[
    "schemas"
]
"""The bodies of Compute Engine's API, as Google describes it to its own client, which Ray uses."""


def refused(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """What Google's description of a body doesn't know, or has of another type."""
    schema = COMPUTE[schema["$ref"]] if "$ref" in schema else schema
    kinds: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (float,),
    }
    # Numbers of 64 bits are strings there, since JavaScript has none; numbers are taken, too.
    kind = kinds[schema["type"]] if schema.get("format") != "int64" else (str, int)
    if not isinstance(value, kind):
        yield f"{where} is {value!r}, and no {schema['type']}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if known is None:
                yield f"{where}.{key} is unknown"
            else:
                yield from refused(inner, known, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from refused(inner, schema["items"], where)
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, and none of {', '.join(schema['enum'])}"


def test_google_takes_the_machines() -> None:
    for name, kind in documents("gcp.yaml")[0]["available_node_types"].items():
        assert list(refused(kind["node_config"], {"$ref": "Instance"}, name)) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"machinetype": "g2-standard-8"}, "spot.machinetype is unknown"),
        ({"scheduling": {"provisioningModel": "SPOTTED"}}, "spot.scheduling.provisioningModel is 'SPOTTED', and none of "),
        ({"disks": {"boot": True}}, "spot.disks is {'boot': True}, and no array"),
        ({"disks": [{"boot": "yes"}]}, "spot.disks.boot is 'yes', and no boolean"),
    ],
)
def test_what_google_would_not_take_is_noticed(wrong: dict[str, Any], said: str) -> None:
    (document,) = documents("gcp.yaml")
    (found,) = refused({**document["available_node_types"]["gpu-spot"]["node_config"], **wrong}, {"$ref": "Instance"}, "spot")
    assert found.startswith(said)


def test_machines_of_ones_own_are_all_kept() -> None:
    (document,) = documents("local.yaml")
    machines = len(document["provider"]["worker_ips"])
    assert document["min_workers"] == document["max_workers"] == machines


@pytest.mark.parametrize("name", LAUNCHER)
def test_neither_results_nor_environments_are_copied_to_the_nodes(name: str) -> None:
    (document,) = documents(name)
    mounts = document["file_mounts"]
    token = "/home/ray/.ray/auth_token" if name != "local.yaml" else "~/.ray/auth_token"
    assert mounts == {token: "~/.ray/auth_token", **({"~/summtune": "."} if name == "local.yaml" else {})}, "an image has the code"
    if "." in mounts.values():
        assert {".venv", ".git", "results", "**/.env"} <= set(document["rsync_exclude"])
