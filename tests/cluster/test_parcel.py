"""A run's results through a log."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.cluster.parcel import chosen, received, send
from summtune.errors import RunMistake, SurroundingsFailure
from summtune.events.copies import copied_from
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.views import best_model, write_views
from tests.reporting.test_views import recorded


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    monkeypatch.chdir(tmp_path)
    found = recorded(tmp_path)
    state, _ = read_run(found)
    write_views(found, state)
    trial = found.trial("0001")
    for file, text in (
        (trial.log, "log"),
        (trial.best_model / "config.json", "{}"),
        (trial.checkpoints / "checkpoint-1" / "x.pt", "state"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return found


def log_of(run: RunPaths, model: Path | None = None, limit_mb: float = 1) -> str:
    out = io.StringIO()
    send(run, chosen(run, model), out, limit_mb)
    return f"2026 INFO Runtime env is setting up.\nRunning entrypoint\n{out.getvalue()}after\n"


def test_what_is_sent_arrives_and_checkpoints_stay(run: RunPaths, tmp_path: Path) -> None:
    there = tmp_path / "there"
    parcel = received(log_of(run, run.trial("0001").best_model))
    assert parcel.name == run.folder.name
    assert parcel.events == run.events.read_bytes()
    count = parcel.unpack(there)
    found = sorted(str(file.relative_to(there)) for file in there.rglob("*") if file.is_file())
    assert len(found) == count
    assert {"events.jsonl", "sweep_summary.json", "trials/0001/training.log", "trials/0001/models/best_model/config.json"} <= set(found)
    assert not [name for name in found if "checkpoint" in name]
    assert (there / "events.jsonl").read_bytes() == run.events.read_bytes()


def test_a_torn_log_is_noticed(run: RunPaths, tmp_path: Path) -> None:
    log = log_of(run)
    lines = log.splitlines()
    for damaged in ("", "nothing here", "\n".join(lines[:4] + lines[5:])):
        with pytest.raises(SurroundingsFailure, match="What the cluster sent is not whole"):
            received(damaged)


@pytest.mark.parametrize("name", ["../above", "/etc", ".hidden", "--option", "a/b"])
def test_a_name_that_leads_elsewhere_is_refused(run: RunPaths, name: str) -> None:
    """Jobs and their names are those of whoever may submit to the cluster."""
    with pytest.raises(RunMistake, match=r"which is no name of a folder"):
        received(log_of(run).replace(f" {run.folder.name}\n", f" {name}\n"))


def test_what_is_too_much_for_a_log_is_refused(run: RunPaths) -> None:
    with pytest.raises(RunMistake, match=r"are too much for a job's log \(limit 0\.001 MB\); the largest is .*Add `--no-model`"):
        log_of(run, limit_mb=0.001)


def test_pulling_from_a_storage_that_is_seen_here(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(run.folder.parent.parent))
    folder = run.folder.parent.name
    assert main(["pull", "plain", "--output-dir", folder, "--into", "here"]) == 0
    assert capsys.readouterr().out.startswith(f"here/{run.folder.name}: ")
    assert (Path("here") / run.folder.name / "sweep_summary.json").is_file()
    origin = copied_from(RunPaths(Path("here") / run.folder.name))
    assert origin is not None
    assert origin.place == str(run.folder.resolve())
    assert main(["show", run.folder.name, "--output-dir", folder]) == 0, "seen from here, too"
    assert run.folder.name in capsys.readouterr().out
    assert main(["pull", "plain", "--output-dir", folder, "--into", "here"]) == 0, "an earlier pull is brought up to date"
    capsys.readouterr()
    assert main(["pull", "plain", "--output-dir", folder, "--into", folder]) == 2
    assert "is the run itself. Give another folder with `--into FOLDER`." in capsys.readouterr().err


def test_a_run_of_its_own_is_not_called_a_copy_for_what_was_pulled_over_it(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has its checkpoints, and goes on here."""
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(run.folder.parent.parent))
    own = RunPaths(Path("here") / run.folder.name)
    shutil.copytree(run.folder, own.folder)
    for _ in range(2):
        assert main(["pull", "plain", "--output-dir", run.folder.parent.name, "--into", "here"]) == 0
        assert copied_from(own) is None


def test_an_absolute_folder_does_not_lead_out_of_the_storage(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OUTPUT_DIR of this machine means nothing there."""
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(run.folder.parent / "storage"))
    monkeypatch.setenv("OUTPUT_DIR", str(run.folder.parent))
    assert main(["pull", "plain", "--into", "here"]) == 2
    assert "lies outside the cluster's storage" in capsys.readouterr().err


def test_a_model_that_is_too_much_for_a_log_stays_there_unless_it_was_asked_for(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, _ = read_run(run)
    best = best_model(run, state)
    assert best is not None
    weights = best.best_model / "model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(os.urandom(2_000_000))
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "pull-x"}}')
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(run.folder.parent.parent))
    sending = ["pull", "--send", "--limit-mb", "1", f"--output-dir={run.folder.parent.name}"]
    assert main([*sending, "--", "plain"]) == 0
    log = capsys.readouterr().out
    assert log.startswith("note: the best model (2.0 MB) stays there: 1 MB go through a job's log;")
    there = Path("there")
    received(log).unpack(there)
    assert (there / "sweep_summary.json").is_file()
    assert not list(there.rglob("*.safetensors"))
    assert main([*sending, "--model", "--", "plain"]) == 2
    assert "are too much for a job's log (limit 1 MB)" in capsys.readouterr().err
    assert main([*sending, "--limit-mb", "3", "--", "plain"]) == 0
    received(capsys.readouterr().out).unpack(there)
    assert list(there.rglob("*.safetensors"))
