"""prometheus.yaml and the dashboard by Prometheus' own checker, and each metric that the dashboard asks for by whoever exports it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from summtune.cluster.agreement import DRIVER_RESOURCE
from summtune.tuning.gauges import FIGURES, STATUSES
from tests.cluster.shipped import CLUSTER, documents, head, text

DASHBOARD = json.loads(text("grafana-dashboard.json"))
BY_RAYS_CORE = {"ray_resources"}
"""Exported by the raylet, in C++; Ray's own dashboards ask for it."""


def promtool(*words: str | Path) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run([tool, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> Iterator[tuple[dict[str, Any], str]]:
    """Each query of the dashboard, with its target."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target, target["expr"]


def rays_metrics() -> set[str]:
    """What each node's agent exports, by Ray's source."""
    from ray.dashboard.modules.reporter.reporter_agent import METRICS_GAUGES

    return {f"ray_{name}" for name in METRICS_GAUGES}


def test_prometheus_takes_the_file() -> None:
    assert "SUCCESS" in promtool("check", "config", CLUSTER / "prometheus.yaml")


def test_prometheus_looks_where_ray_writes() -> None:
    from ray._private.ray_constants import PROMETHEUS_SERVICE_DISCOVERY_FILE

    (document,) = documents("prometheus.yaml")
    (job,) = document["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [f"/tmp/ray/{PROMETHEUS_SERVICE_DISCOVERY_FILE}"]
    (compose,) = documents("docker-compose.yaml")
    assert "ray-tmp:/tmp/ray" in compose["services"]["ray"]["volumes"]
    shared = compose["services"]["prometheus"]["volumes"][0]
    assert (shared["source"], shared["target"], shared["read_only"]) == ("ray-tmp", "/tmp/ray", True)


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml"])
def test_prometheus_on_a_clouds_machine_sees_what_ray_writes_in_its_container(name: str) -> None:
    (document,) = documents(name)
    assert "--volume /tmp/ray:/tmp/ray" in document["docker"]["run_options"]
    assert "sudo mkdir -p /tmp/ray && sudo chmod 1777 /tmp/ray" in document["initialization_commands"], "Docker would make it root's"
    (compose,) = documents("docker-compose.yaml")
    assert compose["services"]["prometheus"]["image"] in head("prometheus.yaml")
    assert "-v /tmp/ray:/tmp/ray:ro" in head("prometheus.yaml")


def test_every_query_is_one_that_prometheus_can_read(tmp_path: Path) -> None:
    rules = [{"record": f"checked:{number}", "expr": query} for number, (_, query) in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_every_metric_is_one_that_ray_or_summtune_exports() -> None:
    exported = rays_metrics() | BY_RAYS_CORE | {f"ray_{figure.name}" for figure in FIGURES}
    queries = [query for _, query in expressions()] + [one["definition"] for one in DASHBOARD["templating"]["list"] if "definition" in one]
    asked = {name for query in queries for name in re.findall(r"\bray_\w+", query)}
    assert asked - exported == set()
    assert {f"ray_{figure.name}" for figure in FIGURES} <= asked, "a figure that nobody sees"


def test_queries_ask_for_labels_that_figures_have() -> None:
    tags = {f"ray_{figure.name}": {"run", *figure.tags} for figure in FIGURES}
    for _, query in expressions():
        for name, known in tags.items():
            if name in query:
                grouped = re.search(r"by \(([^)]*)\)", query)
                assert grouped is not None
                assert {label.strip() for label in grouped.group(1).split(",")} <= known
    assert f'Name="{DRIVER_RESOURCE}"' in " ".join(query for _, query in expressions())
    assert STATUSES[0] == "pending"


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({(place["x"], place["y"]) for place in places}) == len(places), "panels lie on each other"
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__all"}
    assert used == variables, "each variable is used, and each that is used is there"
    assert {json.dumps(target["datasource"]) for target, _ in expressions()} == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
