"""`summtune doctor --address`: a real cluster of two nodes, one of them with something wrong; and addresses that lead nowhere."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

import summtune
from summtune.cli.main import main
from summtune.cluster.probe import PACKAGES
from tests.cluster.conftest import Head, joined

OTHER = "127.0.0.2"


def of(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [finding for finding in record["findings"] if finding["name"] == name]


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_of_two_nodes_that_is_fit_and_then_is_not(head: Head, server: str) -> None:
    other_storage = head.home / "other"
    with joined(head, OTHER):
        code, out, err = head.summtune("doctor", "--json", HF_ENDPOINT=server, HF_HUB_OFFLINE="0", WANDB_BASE_URL="http://127.0.0.1:9")
        record = json.loads(out)
        assert (code, record["fit"]) == (0, True), out + err
        (head_node, other) = sorted(record["nodes"], key=lambda node: not node["head"])
        assert (other["address"], head_node["driver"], other["driver"]) == (OTHER, True, False)
        for node in record["nodes"]:
            assert all(node["versions"][name] for name in PACKAGES)
            assert node["storage"] == str(head.storage)
            assert abs(node["clock"]["ahead"]) <= node["clock"]["uncertainty"] + 0.05, "it is the same clock"
            assert node["clock"]["uncertainty"] < 5
        assert {node["resources"]["CPU"] for node in record["nodes"]} == {1.0, 2.0}
        assert [(one["ok"], one["says"]) for one in of(record, "storage")] == [
            (True, f"{head.storage}: each node reads what the others write")
        ]
        assert of(record, "hub")[0]["says"] == f"{server} answers on every node"
        assert of(record, "W&B")[0]["says"].startswith("http://127.0.0.1:9 can't be reached from any node ([Errno 111] Connection refused)")
        assert of(record, "turns")[0]["ok"]
        assert of(record, "token")[0]["ok"]
        assert f"{summtune.__version__} travels with each job" in of(record, "summtune")[0]["says"]
        assert not list(head.storage.glob(".summtune-doctor*")), "nothing is left behind"
    with joined(head, OTHER, SUMMTUNE_STORAGE=str(other_storage)):
        code, out, err = head.summtune("doctor", HF_ENDPOINT=server)
        assert code == 3, err
        lines = out.splitlines()
        assert lines, err
        assert lines[0].split()[:4] == ["node", "Python", "Ray", "torch"]
        (bad,) = [line for line in lines if line.startswith("BAD")]
        assert f"SUMMTUNE_STORAGE is {other_storage} on {OTHER} (" in bad
        assert lines[lines.index(bad) + 1].strip().startswith("Before Ray is started, on each node: `export SUMMTUNE_STORAGE=FOLDER`")
        assert lines[-1] == "Not fit for runs: mend what is BAD."


@pytest.mark.ray
@pytest.mark.slow
def test_a_token_that_is_wrong_or_not_there_is_said(head: Head, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text(secrets.token_hex(32), encoding="utf-8")
    code, _, err = head.summtune("doctor", RAY_AUTH_TOKEN_PATH=str(wrong))
    assert code == 2
    assert f"the cluster at {head.url} doesn't take this token (40" in err
    code, _, err = head.summtune("doctor", RAY_AUTH_TOKEN_PATH=str(tmp_path / "none"))
    assert code == 2
    assert f"the cluster at {head.url} asks for a token, and there is none here." in err


def test_an_address_where_nobody_listens_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--address", "http://127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.startswith(
        "nothing answers at http://127.0.0.1:9: Connection refused. Is the cluster up, and the tunnel"
    )


def test_options_of_a_cluster_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--code", "installed"]) == 2
    assert capsys.readouterr().err == "options of a cluster mean nothing without a cluster. Add `--address URL`.\n"
