"""The KubeRay files by the fields of its CRDs, and what is Kubernetes' own in them by Kubernetes' schemas."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from summtune.cluster.agreement import DRIVER_RESOURCE
from tests.cluster.shipped import KUBERAY, documents, of_kind, ray_cluster

KUBERNETES = "1.34"
SCHEMA = json.loads((Path(__file__).parent / "kuberay.schema.json").read_text(encoding="utf-8"))


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
    # Where version 2 is asked for KubeRay sets `Never` itself, and takes nothing else; otherwise kubelet restarts what the autoscaler has ended.
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
