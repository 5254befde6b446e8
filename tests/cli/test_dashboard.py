"""`summtune dashboard`: the pages that a run has, and a real optuna-dashboard on its study."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.config.experiment import load_experiment
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting import study_server
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.tuning import lock, wandb_page
from tests.reporting.test_views import recorded


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    monkeypatch.chdir(tmp_path)
    found = recorded(tmp_path)
    state, _ = read_run(found)
    write_study(found, state)
    write_page(found, state)
    return found


@pytest.fixture
def served(run: RunPaths) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`summtune dashboard` in a process of its own, and where it serves."""
    words = [sys.executable, "-u", "-m", "summtune", "dashboard", "plain", "--serve", "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    said = ""
    while "until Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    found = re.search(r"^Optuna    (http://127\.0\.0\.1:\d+)/dashboard/studies/0$", said, re.MULTILINE)
    assert found is not None, said
    yield process, found[1]
    process.kill()
    process.wait(10)
    process.stdout.close()


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as found:
        return str(found.read().decode())


def test_optuna_dashboard_shows_the_study_and_its_successor_and_ends_with_ctrl_c(
    run: RunPaths, served: tuple[subprocess.Popen[str], str]
) -> None:
    process, url = served
    assert "<title>Optuna Dashboard</title>" in answer(f"{url}/dashboard/studies/0")
    (study,) = json.loads(answer(f"{url}/api/studies"))["study_summaries"]
    assert study["study_name"] == run.folder.name
    assert len(json.loads(answer(f"{url}/api/studies/0"))["trials"]) == 4
    before = sorted(path.name for path in run.folder.iterdir())
    state, _ = read_run(run)
    del state.trials["0003"]
    write_study(run, state)
    assert len(json.loads(answer(f"{url}/api/studies/0"))["trials"]) == 3, "the driver has put another journal there"
    assert sorted(path.name for path in run.folder.iterdir()) == before, "nothing is written in the run's folder"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_without_a_terminal_the_pages_are_printed_and_that_is_all(run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "plain"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Ray       –   (nobody drives the run; of a job on a cluster `--address URL` says it)",
        "W&B       –   (not mirrored)",
        f"Report    {run.report.as_uri()}",
        "Optuna    –   (`--serve` serves it)",
    ]


def test_the_drivers_page_is_told_by_its_lock(run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.held(run.lock):
        assert main(["dashboard", "plain", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["ray"]["remark"] == "its driver has not told yet, or its cluster has no dashboard"
        lock.tell(run.lock, "http://127.0.0.1:8265", "01000000")
        assert main(["dashboard", "plain", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["ray"] == {"url": "http://127.0.0.1:8265/#/jobs/01000000", "remark": "asks for the token: `ray get-auth-token`"}
        assert (found["run"], found["report"]["url"]) == (run.folder.name, run.report.as_uri())
        note = json.loads(run.lock.read_text(encoding="utf-8"))
        run.lock.write_text(json.dumps({**note, "host": "head"}), encoding="utf-8")
        assert main(["dashboard", "plain"]) == 0
        said = "(as seen from head: `ssh -L 8265:127.0.0.1:8265 head`; asks for the token: `ray get-auth-token`)"
        assert capsys.readouterr().out.splitlines()[0] == f"Ray       http://127.0.0.1:8265/#/jobs/01000000   {said}"
    assert lock.driver(run.lock) is None


def test_without_optuna_dashboard_it_says_how_to_install_it(
    run: RunPaths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_server, "installed", lambda: False)
    assert main(["dashboard", "plain", "--serve"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Optuna    –   (optuna-dashboard is not installed: `pip install 'summtune[dashboard]'`)"


def test_a_port_that_is_taken_is_said_where_a_person_named_it(run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["dashboard", "plain", "--serve", "--port", str(port)]) == 2
    said = f"nothing can listen at 127.0.0.1:{port}: Address already in use. Give another with `--port N`; `--port 0` takes a free one.\n"
    assert capsys.readouterr().err == said


def test_a_study_that_is_not_written_yet(run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    run.study.unlink()
    assert main(["dashboard", "plain", "--serve"]) == 0
    assert capsys.readouterr().out.endswith("Optuna    –   (the study is written when the first trial has ended)\n")


@pytest.mark.parametrize(
    ("settings", "environ", "folder", "url", "remark"),
    [
        ({}, {}, "", "", "not mirrored"),
        ({}, {}, "offline-run-1-a", "", "mirrored offline: `wandb sync {wandb}/wandb/offline-run-*` uploads it"),
        ({}, {}, "run-1-a", "https://wandb.ai/home", "project summtune, group {run} of your account"),
        ({}, {"WANDB_ENTITY": "us"}, "run-1-a", "https://wandb.ai/us/summtune/groups/{run}", ""),
        (
            {"wandb": {"entity": "team", "project": "p q", "group": "g"}},
            {"WANDB_BASE_URL": "https://wandb.here/"},
            "run-1-a",
            "https://wandb.here/team/p%20q/groups/g",
            "",
        ),
    ],
)
def test_the_page_in_wandb(
    run: RunPaths, tmp_path: Path, settings: dict[str, object], environ: dict[str, str], folder: str, url: str, remark: str
) -> None:
    if folder:
        (run.wandb / "wandb" / folder).mkdir(parents=True)
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps({"name": "x", "method": "random", "run_cap": 1, "base": "tiny-kobart", "settings": settings,
                                 "parameters": {"learning_rate": {"min": 1e-4, "max": 1e-3}}}), encoding="utf-8")  # fmt: skip
    found = wandb_page.page(run, load_experiment(space, environ={}).base.settings, environ)
    assert found == (url.format(run=run.folder.name), remark.format(run=run.folder.name, wandb=run.wandb))


def test_a_run_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dashboard", "nothing"]) == 2
    assert "there is no run 'nothing' here or in results" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
