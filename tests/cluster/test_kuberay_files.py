"""The KubeRay files by the fields of its CRDs, and what is Kubernetes' own in them by Kubernetes' schemas."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from summtune.cluster.agreement import DRIVER_RESOURCE
from tests.cluster.shipped import KUBERAY, documents, of_kind, ray_cluster, text

KUBERNETES = "1.34"
SCHEMA = json.loads((Path(__file__).parent / "kuberay.schema.json").read_text(encoding="utf-8"))

RECORD = json.loads((Path(__file__).parent / "kuberay.fields.json").read_text(encoding="utf-8"))
"""All fields of the types that our files use, and the values of those that have few, by the reference that KubeRay makes from its CRDs."""

REFERENCE = "KUBERAY_API_REFERENCE"
"""Names a file: docs/reference/api.md of a KubeRay release that the record, and so the schema and the files, shall be compared with."""


def check(document: dict[str, Any]) -> None:
    """Validate a document of ray.io by its CRD's fields."""
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{document['kind']}", "$defs": SCHEMA["$defs"]}).validate(document)


def pod_templates(value: Any, key: str = "") -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if key in ("template", "submitterPodTemplate"):
            yield value
        else:
            for name, inner in value.items():
                yield from pod_templates(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from pod_templates(inner)


def check_template(template: dict[str, Any]) -> None:
    """Validate a pod template by Kubernetes' own schema."""
    wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "checked"}, "template": template}
    kubernetes_validate.validate(wrapped, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", KUBERAY)
def test_each_document_is_what_the_api_takes(name: str) -> None:
    kinds = []
    for document in documents(name):
        kinds.append(document["kind"])
        if document["apiVersion"] == "ray.io/v1":
            check(document)
            templates = list(pod_templates(document["spec"]))
            assert len(templates) == (2 if document["kind"] == "RayCluster" else 3)
            for template in templates:
                check_template(template)
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert kinds == ["Namespace", "PersistentVolumeClaim", "NetworkPolicy", "RayCluster" if name == "kuberay-cluster.yaml" else "RayJob"]
    assert {document["metadata"].get("namespace", "summtune") for document in documents(name)} == {"summtune"}


def test_what_no_api_takes_is_noticed() -> None:
    document = of_kind("kuberay-cluster.yaml", "RayCluster")
    misspelled = copy.deepcopy(document)
    misspelled["spec"]["authOption"] = {"mode": "token"}
    with pytest.raises(jsonschema.ValidationError, match="authOption"):
        check(misspelled)
    wrong = copy.deepcopy(document)
    wrong["spec"]["authOptions"]["mode"] = "tokens"
    with pytest.raises(jsonschema.ValidationError, match="tokens"):
        check(wrong)
    template = copy.deepcopy(document["spec"]["headGroupSpec"]["template"])
    template["spec"]["containers"][0]["securityContext"]["runAsNonroot"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="runAsNonroot"):
        check_template(template)


def told(schema: dict[str, Any]) -> str | None:
    """A field's type as KubeRay's reference names it; None where the schema leaves the name open (Kubernetes' own types, enumerations)."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix("#/$defs/")
    if "enum" in schema or "const" in schema:
        return None
    if schema["type"] == "array":
        return f"{told(schema['items'])} array"
    if schema["type"] == "object":
        return "object (keys:string, values:string)" if "additionalProperties" in schema and "properties" not in schema else None
    return {"number": "float"}.get(schema["type"], str(schema["type"]))


def test_the_schema_says_what_kuberays_own_reference_says() -> None:
    """Each field of it is one of that release, of the same type; each value one of those that the release takes."""
    types = {**SCHEMA["$defs"], "SubmitterConfig": SCHEMA["$defs"]["RayJobSpec"]["properties"]["submitterConfig"]}
    assert set(types) == set(RECORD["fields"])
    assert f"KubeRay {RECORD['release']}" in SCHEMA["$comment"]
    assert f"({RECORD['release']})" in text("README.md")
    for name, schema in types.items():
        fields = RECORD["fields"][name]
        assert set(schema["properties"]) <= set(fields), name
        for field, said in schema["properties"].items():
            kind = fields[field]
            assert told(said) in (None, kind), f"{name}.{field}"
            if told(said) is None:
                assert kind == "string" or kind[0].isupper(), f"{name}.{field}"
            if kind in RECORD["values"]:
                assert set(said["enum"]) == set(RECORD["values"][kind]), f"{name}.{field}"


def test_the_record_is_the_references() -> None:
    path = os.environ.get(REFERENCE)
    if path is None:
        pytest.skip(f"{REFERENCE} names no file (docs/reference/api.md of a KubeRay release)")
    sections = re.split(r"^#{2,4} (?=\w+$)", Path(path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {section.splitlines()[0]: rows(section) for section in sections if rows(section)}
    assert {name: found[name] for name in RECORD["fields"]} == RECORD["fields"]


def rows(section: str) -> dict[str, str]:
    """Fields and types of a table in KubeRay's reference."""
    found = re.findall(r"^\| `(\w+)` _(.+?)_ \|", section, re.MULTILINE)
    return {field: re.sub(r"\[(\w+)\]\([^)]*\)", r"\1", kind) for field, kind in found}


def test_both_files_share_namespace_and_storage() -> None:
    one, other = (documents(name)[:2] for name in KUBERAY)
    assert one == other


@pytest.mark.parametrize("name", KUBERAY)
def test_mounts_have_their_volumes(name: str) -> None:
    spec = ray_cluster(name)
    claim = of_kind(name, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for template in pod_templates(spec):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        assert volumes["storage"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)


@pytest.mark.parametrize("name", KUBERAY)
def test_gpu_workers_come_and_go(name: str) -> None:
    spec = ray_cluster(name)
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"]["version"] == "v2", "the older one doesn't say whether GPUs could come: first trials would have none"
    # With version 2 by name KubeRay sets `Never` itself, and takes nothing else; otherwise kubelet restarts what the autoscaler has ended.
    assert all("restartPolicy" not in template["spec"] for template in pod_templates(spec))
    (group,) = spec["workerGroupSpecs"]
    assert group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"]
    (container,) = group["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == container["resources"]["requests"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("name", KUBERAY)
def test_a_pod_that_is_ended_gives_ray_its_time(name: str) -> None:
    """It drains the node, so that trials go elsewhere, before it ends it; Kubernetes' own 30 s are just those."""
    from ray._private.ray_constants import RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S

    for template in pod_templates(ray_cluster(name)):
        assert template["spec"]["terminationGracePeriodSeconds"] > RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S


def test_a_job_is_resumed_not_begun_anew() -> None:
    spec = of_kind("kuberay-job.yaml", "RayJob")["spec"]
    assert spec["backoffLimit"] == spec["submitterConfig"]["backoffLimit"] == 0
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["entrypoint"].split()[:2] == ["summtune", "run"]
    assert spec["entrypointNumCpus"] == 0
    assert json.loads(spec["entrypointResources"]) == {DRIVER_RESOURCE: 1}
