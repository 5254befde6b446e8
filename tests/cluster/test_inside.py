"""What a run minds inside a cluster's job."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from summtune import paths
from summtune.cli.main import VERBS, main
from summtune.cluster.inside import Job, current_job
from summtune.cluster.submission import new_identity
from summtune.config.experiment import load_experiment
from summtune.config.settings import Settings
from summtune.errors import RunMistake
from summtune.events.kinds import RunOpened
from summtune.events.log import EventLog
from summtune.run_folders import create_run
from summtune.training.best_model import SETTINGS_FILE

CONFIG = json.dumps({"runtime_env": {}, "metadata": {"job_submission_id": "lr-20260102-030405-a1b2"}})
IN_JOB = {"RAY_JOB_CONFIG_JSON_ENV_VAR": CONFIG}
LR = str(paths.shipped("search_spaces") / "lr.yaml")


def test_rays_variable_has_the_name_that_is_looked_for() -> None:
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR

    assert RAY_JOB_CONFIG_JSON_ENV_VAR in IN_JOB


def test_outside_a_job_nothing_changes() -> None:
    assert current_job({}) is None
    assert current_job({"SUMMTUNE_STORAGE": "/x"}) is None


def test_a_job_knows_its_id_and_the_storage(tmp_path: Path) -> None:
    job = current_job({**IN_JOB, "SUMMTUNE_STORAGE": str(tmp_path)})
    assert job == Job("lr-20260102-030405-a1b2", tmp_path)
    assert job is not None
    assert job.run_suffix == "-20260102-030405-a1b2"
    assert Job("raysubmit_abc", tmp_path).run_suffix is None


@pytest.mark.parametrize("storage", [None, "", "relative/path"])
def test_a_job_without_storage_is_refused_with_the_line_to_add(
    storage: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", CONFIG)
    if storage is not None:
        monkeypatch.setenv("SUMMTUNE_STORAGE", storage)
    assert main(["run", LR]) == 2
    said = capsys.readouterr().err
    assert "this is a job on a Ray cluster, and SUMMTUNE_STORAGE is" in said
    assert "on each node: `export SUMMTUNE_STORAGE=/mnt/shared/summtune`" in said


def test_results_stay_in_the_storage(tmp_path: Path) -> None:
    job = Job("x", tmp_path)
    (tmp_path / "out").symlink_to("/")
    assert job.placed("./results") == tmp_path / "results"
    assert job.placed(tmp_path / "mine") == tmp_path / "mine"
    for place in ("../elsewhere", "results/../../x", "/etc", "out/etc"):
        with pytest.raises(RunMistake, match=r"lies outside the cluster's storage, .* Give a relative path\."):
            job.placed(place)


LEAVING = [
    ["run", LR, "--output-dir", "{here}/elsewhere"],
    ["run", LR, "--output-dir", "../elsewhere"],
    ["resume", "lr", "--output-dir", "../elsewhere"],
    ["show", "lr", "--output-dir", "{here}/elsewhere"],
    ["stop", "lr", "--output-dir", "../elsewhere"],
    ["train", "--config", "tiny-kobart", "--output-dir", "../elsewhere"],
    ["predict", "lr", "dev.csv", "--out", "{here}/elsewhere/output.csv"],
    ["predict", "lr", "dev.csv", "--out", "../elsewhere/output.csv"],
    ["predict", "{here}/model", "dev.csv", "--set", "inference.result_path={here}/elsewhere/output.csv"],
    ["decode", "{here}/model", "--space", LR],
    ["decode", "lr", "--space", LR, "--output-dir", "../elsewhere"],
    ["pull", "lr", "--into", "{here}/elsewhere"],
    ["pull", "lr", "--send", "--output-dir", "../elsewhere"],
]
WRITE_NOTHING = {"runs", "submit", "jobs", "logs", "dashboard", "score", "validate", "settings", "schema", "doctor"}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a job is in, with its storage, and a model's folder that lies in neither."""
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", CONFIG)
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(tmp_path / "storage"))
    (tmp_path / "model").mkdir()
    record = {"settings": Settings().model_dump(mode="json")}
    (tmp_path / "model" / SETTINGS_FILE).write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    return tmp_path


@pytest.mark.parametrize("words", LEAVING, ids=" ".join)
def test_no_verb_leaves_the_storage(words: list[str], inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(inside.rglob("*"))
    assert main([word.format(here=inside) for word in words]) == 2
    assert "lies outside the cluster's storage" in capsys.readouterr().err
    assert [file for file in sorted(inside.rglob("*")) if not file.is_relative_to(inside / "storage")] == before


def test_all_verbs_that_write_are_among_them() -> None:
    assert {words[0] for words in LEAVING} >= set(VERBS) - WRITE_NOTHING
    assert set(VERBS) >= WRITE_NOTHING


def test_a_run_elsewhere_is_not_a_jobs_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = create_run(tmp_path / "other", "lr", datetime(2026, 1, 1))
    outside.events.write_text("", encoding="utf-8")
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", CONFIG)
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(tmp_path / "storage"))
    (tmp_path / "storage" / "results").mkdir(parents=True)
    for word in (str(outside.folder), f"../../other/{outside.folder.name}"):
        assert main(["stop", word]) == 2
        assert "lies outside the cluster's storage" in capsys.readouterr().err


def test_a_run_that_began_elsewhere_keeps_no_copy_outside(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was brought into the storage by hand, and its settings name a folder of the machine that it began on."""
    experiment = load_experiment(Path(LR), assignments=[f"general.storage={(inside / 'elsewhere').as_uri()}"], environ={})
    run = create_run(inside / "storage" / "results", "lr", datetime(2026, 1, 1))
    log = EventLog(run.events)
    log.append(RunOpened(run.folder.name, "lr", experiment.to_record(), "results", ["run"], str(run.folder)))
    log.close()
    for words in (["resume", "lr"], ["decode", "lr", "--space", LR]):
        assert main(words) == 2
        assert "/elsewhere lies outside the cluster's storage" in capsys.readouterr().err
    assert not (inside / "elsewhere").exists()


def test_a_folder_that_stands_for_a_store_stays_in_the_storage_too(tmp_path: Path) -> None:
    job = Job("lr", tmp_path.resolve())
    for url in (None, "s3://bucket/runs", f"{tmp_path.resolve().as_uri()}/backup"):
        job.check_store(url)
    for url in ("file:///elsewhere", f"{tmp_path.resolve().as_uri()}/%2e%2e/elsewhere"):
        with pytest.raises(RunMistake, match="which a job's results may not leave"):
            job.check_store(url)


def test_a_jobs_id_and_its_run_end_alike(tmp_path: Path) -> None:
    identity, run = new_identity("한국어 lr", datetime(2026, 1, 2, 3, 4, 5))
    suffix = Job(identity, tmp_path).run_suffix
    assert suffix is not None
    assert identity == f"lr{suffix}"
    assert create_run(tmp_path, "한국어 lr", datetime.now(), suffix).folder.name == run == f"한국어-lr{suffix}"
    again = create_run(tmp_path, "한국어 lr", datetime(2026, 1, 2, 3, 4, 5), suffix)
    assert again.folder.name != run, "nothing is overwritten"
