import sys
from pathlib import Path

import pytest

from summtune.cli.next_step import called, command, predict_command
from summtune.config.settings import Settings
from summtune.paths import shipped
from tests.reporting.test_views import recorded


def test_the_program_is_called_as_the_person_called_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "summtune"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [".venv/bin/summtune", "run"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert command("resume", "my run") == ".venv/bin/summtune resume 'my run'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert command("resume", "lr") == "summtune resume lr"
    monkeypatch.setattr(sys, "argv", ["-m"])
    assert command("resume", "lr") == "summtune resume lr"


def test_run_and_data_are_named_as_they_can_be_typed_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.chdir(tmp_path)
    run = recorded(tmp_path)
    mine = Settings.model_validate({"data": {"test": str(tmp_path / "t.csv")}})
    assert predict_command(run, mine) == "summtune predict plain t.csv"
    untested = Settings.model_validate({"data": {"train": str(tmp_path / "a.csv"), "dev": str(tmp_path / "b.csv")}})
    assert predict_command(run, untested) == "summtune predict plain TEST.csv", "the sample's have nothing to do with these"
    assert predict_command(run, Settings()) == f"summtune predict plain {shipped('data') / 'test.csv'}"
    monkeypatch.chdir(tmp_path / "results")
    assert predict_command(run, mine) == f"summtune predict {run.folder.name} {tmp_path / 't.csv'}"
    monkeypatch.chdir("/")
    assert called(run) == str(run.folder).removeprefix("/")
