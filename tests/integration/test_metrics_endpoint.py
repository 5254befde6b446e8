"""What a run exports is scraped from Ray's metrics endpoint, as Prometheus would."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from summtune.cluster.agreement import DRIVER_RESOURCE
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import RunOpened
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.tuning.gauges import FIGURES, Gauges
from tests.cluster.shipped import CLUSTER
from tests.integration.conftest import Heard, state_of

Series = dict[tuple[str, ...], float]
PATIENCE_S = 60.0
"""Ray hands metrics on every 10 s."""


def scraped(run: str) -> dict[str, Series]:
    """The series of a run by metric, each by its other tags."""
    import ray

    (node,) = ray.nodes()
    with urllib.request.urlopen(f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    tags = {f"ray_{figure.name}": figure.tags for figure in FIGURES}
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in tags and sample.labels["run"] == run:
                found.setdefault(sample.name, {})[tuple(sample.labels[tag] for tag in tags[sample.name])] = sample.value
    return found


def test_a_run_is_scraped_from_rays_metrics_endpoint(
    tune_here: Callable[..., tuple[RunPaths, Heard]], space_file: Callable[..., Path]
) -> None:
    run, _ = tune_here(space_file(parameters={"learning_rate": {"values": [1e-2, 1e-3]}}))
    state = state_of(run)
    best = standings.best(state)
    assert best is not None
    deadline = time.monotonic() + PATIENCE_S
    while (found := scraped(run.folder.name)).get("ray_summtune_trials", {}).get(("finished",)) != 3:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    assert sum(found["ray_summtune_trials"].values()) == 3, "the baseline and two points"
    assert found["ray_summtune_best_score"] == {(state.objective, "full"): standings.shown_score(state, best)[1]}
    assert found["ray_summtune_tokens_per_second"] == {(): 0.0}, "nothing runs any longer"


@pytest.mark.slow
def test_the_dashboards_queries_are_answered_by_a_prometheus_that_scrapes_ray(cluster: str, tmp_path: Path) -> None:
    """By a real one, with cluster/prometheus.yaml. What needs a GPU, a score or a declared driver resource has no series here."""
    import ray

    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian's package of that name)")
    state = RunState(opened=RunOpened("lr-1", "lr", {"objective": {"name": "rouge_combined_f1", "goal": "maximize"}}, "results", []))
    state.trials["0000"] = TrialState("0000", 0, {}, {}, baseline=True, drawn_at=0.0, status="running")
    Gauges("lr-1", state)
    (node,) = ray.nodes()
    found = tmp_path / "found.json"
    found.write_text(json.dumps([{"targets": [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"]}]), encoding="utf-8")
    config = yaml.safe_load((CLUSTER / "prometheus.yaml").read_text(encoding="utf-8"))
    config["scrape_configs"][0]["file_sd_configs"][0]["files"] = [str(found)]
    config["global"]["scrape_interval"] = "1s"
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = {"config.file": tmp_path / "prometheus.yaml", "storage.tsdb.path": tmp_path / "data", "web.listen-address": address}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen([program, *(f"--{name}={value}" for name, value in options.items())], stdout=output, stderr=output)
    try:
        queries = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
        queries = [query for query in queries if not re.search(f"gram|gpus_utilization|best_score|{DRIVER_RESOURCE}", query)]
        assert len(queries) >= 8
        waiting, deadline = set(queries), time.monotonic() + PATIENCE_S
        while waiting:
            assert time.monotonic() < deadline, waiting
            time.sleep(1)
            waiting = {query for query in waiting if not answered(address, query)}
    finally:
        process.terminate()
        process.wait(30)


def dashboard() -> dict[str, Any]:
    """The dashboard, with all of its variables' values chosen."""
    text = (CLUSTER / "grafana-dashboard.json").read_text(encoding="utf-8")
    return dict(json.loads(text.replace("$run", ".*").replace("$instance", ".*")))


def answered(address: str, query: str) -> bool:
    """Whether Prometheus has a series for a query."""
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=10) as answer:
            return bool(json.load(answer)["data"]["result"])
    except urllib.error.URLError:
        return False  # it is starting
