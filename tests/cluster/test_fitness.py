"""What is made of a probe's findings: a fit cluster, and each thing that can be wrong with one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from summtune.cluster.fitness import Asked, Finding, judged
from summtune.cluster.probe import PACKAGES

ASKED = Asked("http://127.0.0.1:8265", authenticates=True, clear_text=False, code="installed", version="0.1.0", ray="2.60.0")
Change = Callable[[dict[str, Any]], None]


def node(number: int, **more: Any) -> dict[str, Any]:
    return {
        "address": f"10.0.0.{number}",
        "id": f"n{number}",
        "host": f"h{number}",
        "driver": number == 1,
        "head": number == 1,
        "resources": {"CPU": 8.0, "GPU": 1.0, "accelerator_type:A100": 1.0, **({"summtune_driver": 1.0} if number == 1 else {})},
        "clock": {"ahead": 0.001, "uncertainty": 0.002},
        "python": "3.11.7",
        "versions": {**dict.fromkeys(PACKAGES, "1.0"), "ray": "2.60.0", "torch": "2.13.0", "summtune": "0.1.0"},
        "storage": "/mnt/s",
        "cuda": "",
        "hub": {"address": "https://hub", "fault": ""},
        "wandb": {"address": "https://wandb", "fault": ""},
        **more,
    }


def fit() -> dict[str, Any]:
    seen = {"fault": "", "missed": []}
    storage = {"place": "/mnt/s", "fault": "", "free_gib": 100.0, "nodes": {"n1": dict(seen), "n2": copy.deepcopy(seen)}}
    return {"nodes": [node(1), node(2)], "storage": storage}


def set_on_second(key: str, value: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        *path, last = key.split("/")
        place = record["nodes"][1]
        for one in path:
            place = place[one]
        place[last] = value

    return change


def set_in_storage(key: str, value: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        *path, last = key.split("/")
        place = record["storage"]
        for one in path:
            place = place[one]
        place[last] = value

    return change


def found(change: Change, asked: Asked = ASKED) -> list[Finding]:
    record = fit()
    change(record)
    return [finding for finding in judged(asked, record) if not finding.ok]


def test_a_fit_cluster_has_nothing_against_it() -> None:
    assert found(lambda record: None) == []
    says = {finding.name: finding.says for finding in judged(ASKED, fit())}
    assert says["gpus"] == "1 A100 on 10.0.0.1 (h1), 1 A100 on 10.0.0.2 (h2)"
    plain = fit()
    for one, count in zip(plain["nodes"], (1.0, 2.0), strict=True):
        one["resources"] = {"CPU": 8.0, "GPU": count, "summtune_driver": 1.0}
    assert {one.name: one.says for one in judged(ASKED, plain)}["gpus"] == "1 GPU on 10.0.0.1 (h1), 2 GPUs on 10.0.0.2 (h2)"
    assert says["clocks"] == "within 0.003 s of each other"
    assert says["storage"] == "/mnt/s: each node reads what the others write"


@pytest.mark.parametrize(
    ("change", "name", "says", "remedy"),
    [
        (set_on_second("fault", "no answer within 60 s"), "nodes", "10.0.0.2 (h2): no answer within 60 s", "Look into Ray's logs there"),
        (set_on_second("python", "3.12.1"), "python", "3.11 on 10.0.0.1 (h1); 3.12 on 10.0.0.2 (h2)", "Install the same on all nodes"),
        (set_on_second("versions/ray", "2.59.0"), "ray", "2.60.0 on 10.0.0.1 (h1); 2.59.0 on 10.0.0.2 (h2)", "Install the same"),
        (set_on_second("versions/summtune", None), "summtune", "0.1.0 is needed, as here; installed: 0.1.0 on 10.0.0.1 (h1); none on",
         "Install summtune 0.1.0 on 10.0.0.2 (h2), or submit with `--code here`."),
        (set_on_second("versions/wandb", None), "packages", "10.0.0.2 (h2) lacks wandb", "Install what summtune needs there"),
        (set_on_second("cuda", "The NVIDIA driver is too old"), "gpus",
         "torch can't use them on 10.0.0.2 (h2): The NVIDIA driver is too old", "Install a driver that is new enough"),
        (set_on_second("cuda", {"fault": "no answer within 60 s"}), "gpus",
         "torch can't use them on 10.0.0.2 (h2): no answer within 60 s", "Install a driver"),
        (set_on_second("storage", ""), "storage", "SUMMTUNE_STORAGE is not set on 10.0.0.2 (h2), and /mnt/s on 10.0.0.1", "Before"),
        (set_in_storage("place", ""), "storage", "SUMMTUNE_STORAGE is not set on 10.0.0.1 (h1), where jobs begin", "Before Ray is started"),
        (set_in_storage("place", "s"), "storage", "SUMMTUNE_STORAGE is 's', which is no absolute path, on 10.0.0.1 (h1)", "Before Ray is"),
        (set_in_storage("fault", "Permission denied"), "storage", "/mnt/s can't be written on 10.0.0.1 (h1): Permission denied", "Make or"),
        (set_in_storage("nodes/n2/fault", "No such file or directory"), "storage",
         "10.0.0.2 (h2) can't write into /mnt/s: No such file or directory", "Mount the folder that the others have as /mnt/s there."),
        (set_in_storage("nodes/n2/missed", ["n1"]), "storage", "10.0.0.2 (h2) doesn't see what is written in /mnt/s on 10.0.0.1 (h1)",
         "Mount the folder"),
        (set_in_storage("free_gib", 0.5), "disk", "0.5 GiB free in /mnt/s", "Make room"),
        (set_on_second("clock", {"ahead": -400.0, "uncertainty": 0.01}), "clocks", "10.0.0.2 (h2) is 400.000 ± 0.010 s behind", "Let an"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_named_with_its_remedy(change: Change, name: str, says: str, remedy: str) -> None:
    fatal = [finding for finding in found(change) if finding.fatal]
    assert [finding.name for finding in fatal] == [name]
    assert fatal[0].says.startswith(says)
    assert fatal[0].remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (set_on_second("versions/transformers", "5.1"), "packages", "transformers 1.0 on 10.0.0.1 (h1); 5.1 on 10.0.0.2 (h2): a trial's"),
        (set_on_second("clock", {"ahead": 3.0, "uncertainty": 0.5}), "clocks", "10.0.0.2 (h2) is 3.000 ± 0.500 s ahead"),
        (set_on_second("hub/fault", "timed out"), "hub", "https://hub can't be reached from 10.0.0.2 (h2) (timed out)"),
        (set_on_second("wandb/fault", "timed out"), "W&B", "https://wandb can't be reached from 10.0.0.2 (h2) (timed out)"),
        (lambda record: record["nodes"][0]["resources"].pop("summtune_driver"), "turns", "no node declares summtune_driver"),
        (
            lambda record: [one["resources"].pop("GPU") for one in record["nodes"]],
            "gpus",
            "none now: trials run on CPUs, unless",
        ),
    ],
)
def test_what_runs_can_live_with_is_a_remark(change: Change, name: str, says: str) -> None:
    (finding,) = found(change)
    assert (finding.name, finding.fatal) == (name, False)
    assert finding.says.startswith(says)


def test_clocks_are_not_blamed_for_what_the_measurement_can_not_tell() -> None:
    assert found(set_on_second("clock", {"ahead": 4.0, "uncertainty": 2.5})) == []


def test_code_that_travels_need_not_be_installed() -> None:
    travels = Asked("http://h:8265", authenticates=False, clear_text=True, code="here", version="0.1.0", ray="2.59.0")
    names = {finding.name: finding.fatal for finding in found(set_on_second("versions/summtune", None), travels)}
    assert names == {"token": True, "clear text": False}
    says = {finding.name: finding.says for finding in judged(travels, fit())}
    assert says["summtune"] == "0.1.0 travels with each job (installed: 0.1.0 everywhere)"
    assert says["ray"] == "2.60.0 everywhere, 2.59.0 here"
