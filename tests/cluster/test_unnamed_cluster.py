"""Verbs that take runs of this machine and jobs of a cluster, where nobody has said which cluster."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.cluster.sealing import PAD, SEALED, seal

VARIABLES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")


@pytest.fixture(autouse=True)
def nobody_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("verb", ["stop", "resume", "dashboard"])
def test_what_listens_where_clusters_are_looked_for_is_asked(
    verb: str, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `submit`, `jobs`, `logs` and `pull` ask it; that the run isn't here, either, is said with what it answers."""
    monkeypatch.setattr("summtune.cluster.addresses.DEFAULT", server)
    assert main([verb, "nobody"]) == 2
    said = capsys.readouterr().err
    assert "there is no run 'nobody' here or in results." in said
    assert f"{server} answers, and is no Ray job server." in said


@pytest.mark.parametrize("verb", ["stop", "resume", "dashboard"])
def test_where_nothing_listens_only_the_run_is_missed(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))  # and doesn't listen
        monkeypatch.setattr("summtune.cluster.addresses.DEFAULT", f"http://127.0.0.1:{bound.getsockname()[1]}")
        assert main([verb, "nobody"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("there is no run 'nobody' here or in results.")
    assert "127.0.0.1" not in said


@pytest.mark.parametrize("verb", ["stop", "resume", "dashboard"])
def test_a_job_has_no_business_with_other_jobs(
    verb: str, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its environment may name the job server, by which it would submit itself again, and again."""
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", server)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "resume-x"}}')
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(tmp_path))
    assert main([verb, "nobody"]) == 2
    said = capsys.readouterr().err
    assert "there is no run 'nobody'" in said
    assert "job server" not in said


def test_a_resume_in_a_job_learns_from_what_came_along_where_runs_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed, pad = seal({"SUMMTUNE_STORAGE": str(tmp_path / "storage")})
    (tmp_path / PAD).write_bytes(pad)
    monkeypatch.setenv(SEALED, sealed)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "resume-x"}}')
    monkeypatch.setenv("SUMMTUNE_STORAGE", "")
    assert main(["resume", "nobody"]) == 2
    assert f"there is no run 'nobody' here or in {tmp_path / 'storage' / 'results'}" in capsys.readouterr().err
