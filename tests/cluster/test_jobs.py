"""Jobs as a person asks for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from summtune.cluster.jobs import JobView, folder_seen_here, meant
from summtune.cluster.packing import pack
from summtune.cluster.submission import Submission, further_identity, plain
from summtune.errors import RunMistake
from tests.reporting.test_views import recorded

JOB = JobView(
    "lr-20260102-030405-a1b2", "RUNNING", "lr-20260102-030405-a1b2", "lr", "run", 10.0, None, "Job is running.", None, {}, "python"
)
URL = "http://head:8265"


def test_a_job_is_meant_by_its_id_its_run_or_the_runs_name() -> None:
    older = replace(JOB, id="lr-1", run="lr-1", began=1.0)
    other = replace(JOB, id="raysubmit_x", run="", name="", began=2.0)
    jobs = [JOB, other, older]
    assert meant(jobs, "lr-1", url=URL) is older
    assert meant(jobs, JOB.run, url=URL) is JOB
    assert meant(jobs, "raysubmit_x", url=URL) is other
    assert meant(jobs, "lr", url=URL) is JOB, "the newest"
    over = replace(JOB, status="STOPPED")
    assert meant([over, older], "lr", url=URL) is older, "one that is under way before one that is over"


def test_to_stop_a_run_is_to_stop_the_job_that_goes_on_with_it() -> None:
    first, second = replace(JOB, status="STOPPED"), replace(JOB, id="resume-lr-x", verb="resume", began=20.0)
    assert meant([second, first], first.id, url=URL) is first
    assert meant([second, first], first.id, url=URL, alive=True) is second


def test_a_job_that_brought_a_runs_results_here_is_none_of_the_runs() -> None:
    sender = replace(JOB, id="pull-lr-x", run="", verb="pull", began=30.0)
    assert meant([sender, JOB], "lr", url=URL) is JOB, "its log is the run's, and not an archive"
    assert meant([sender, JOB], "pull-lr-x", url=URL) is sender


def test_a_job_that_there_is_not() -> None:
    with pytest.raises(RunMistake, match=r"the cluster at http://head:8265 has no job 'lrr'\. Did you mean lr\?"):
        meant([JOB], "lrr", url=URL)
    with pytest.raises(RunMistake, match=r"has no job 'lr'\. It has none at all\."):
        meant([], "lr", url=URL)


@pytest.mark.parametrize(
    ("status", "exit_code", "code", "outcome"),
    [
        ("SUCCEEDED", 0, 0, ""),
        ("FAILED", 2, 2, "exit code 2: a mistake in what was given"),
        ("FAILED", 130, 130, "exit code 130: interrupted; it can be resumed"),
        ("FAILED", 127, 127, "exit code 127: the cluster has no such program; `summtune submit --code here` brings its own"),
        ("FAILED", 5, 5, "exit code 5: see its log"),
        ("FAILED", None, 3, "Job supervisor actor died"),
        ("STOPPED", None, 130, ""),
    ],
)
def test_how_a_job_ended_is_its_commands_exit_code(status: str, exit_code: int | None, code: int, outcome: str) -> None:
    job = replace(JOB, status=status, exit_code=exit_code, message="Job supervisor actor died")
    assert job.over
    assert (job.code, job.outcome) == (code, outcome)


def test_a_runs_folder_is_seen_where_the_storage_is(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    job = replace(JOB, run=run.folder.name, metadata={"output_dir": f"./{run.folder.parent.relative_to(tmp_path)}"})
    assert folder_seen_here(job, {}) is None
    assert folder_seen_here(job, {"SUMMTUNE_STORAGE": str(tmp_path / "other")}) is None
    found = folder_seen_here(job, {"SUMMTUNE_STORAGE": str(tmp_path)})
    assert found is not None
    assert found.folder.resolve() == run.folder.resolve()
    run.folder.parent.rename(tmp_path / "results")
    assert folder_seen_here(replace(job, metadata={}), {"SUMMTUNE_STORAGE": str(tmp_path)}) is not None, "by default in ./results"


def test_names_that_every_part_of_ray_takes() -> None:
    assert plain("lr: learning rate/2") == "lr-learning-rate-2"
    assert plain("한국어") == "run"
    assert further_identity("resume", "한국어-20260102-030405-a1b2").startswith("resume-20260102-030405-a1b2-")
    assert plain("..") == "run"


def test_the_command_is_quoted_and_holds_no_variable() -> None:
    words = ["a b.yaml", "--set", "name=$HOME; rm -rf /"]
    job = Submission("id", "run", words, "n", "r", {"SEED": "1"}, {"WANDB_API_KEY": "canary"}, {})
    assert job.command(code_travels=True) == "python -m summtune run 'a b.yaml' --set 'name=$HOME; rm -rf /'"
    assert job.command(code_travels=False).startswith("summtune run ")
    assert pack((), "here").holds_code
    assert not pack((), "installed").holds_code
