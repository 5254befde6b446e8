"""A run's results through a log."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.cluster.parcel import chosen, receive, send
from summtune.errors import RunMistake, SurroundingsFailure
from summtune.paths import RunPaths
from summtune.reporting.views import open_run, write_views
from tests.reporting.test_views import recorded


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    monkeypatch.chdir(tmp_path)
    found = recorded(tmp_path)
    state, _ = open_run(found)
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
    count = receive(log_of(run, run.trial("0001").best_model), there)
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
            receive(damaged, tmp_path / "there")
    assert not (tmp_path / "there").exists()


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
    assert main(["pull", "plain", "--output-dir", folder, "--into", "here"]) == 0, "an earlier pull is brought up to date"
    capsys.readouterr()
    assert main(["pull", "plain", "--output-dir", folder, "--into", folder]) == 2
    assert "is the run itself. Give another folder with `--into FOLDER`." in capsys.readouterr().err
