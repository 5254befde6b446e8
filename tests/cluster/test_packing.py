"""What travels with a submitted run, and what doesn't."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from summtune.cli.main import main
from summtune.cluster.contents import contents
from summtune.cluster.inside import Job
from summtune.cluster.packing import Package, in_checkout, pack
from summtune.cluster.sealing import SEALED, seal
from summtune.cluster.unpacking import MANIFEST, entered
from summtune.config.experiment import Experiment, load_experiment
from summtune.config.places import PACKED_ROOT
from summtune.errors import RunMistake, SettingsMistake
from summtune.paths import RunPaths
from tests.integration.conftest import TINY, merged

ROWS = "fname,dialogue,summary\n" + "".join(f"d{number},#Person1#: Hello {number}.,A greeting {number}.\n" for number in range(8))
METRIC = 'KEYS = ("words",)\nGOAL = {"words": "maximize"}\nUNIT = {"words": "words"}\ndef score(summaries):\n    return {"words": [1.0]}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder: a search space that names files in every way, with things beside them that must stay at home."""
    root = tmp_path / "me" / "project"
    for name, text in {
        "spaces/base.yaml": "model: {preset: tiny-kobart}\ndata: {dev: ../data/dev.csv}\n",
        "data/train.csv": ROWS,
        "data/dev.csv": ROWS,
        "data/secret.csv": "SECRET",
        "my_metric.py": METRIC,
        "models/bart/config.json": "{}",
        "models/bart/model.safetensors": "weights",
        "models/bart/optimizer.pt": "SECRET",
        "models/bart/.env": "SECRET",
        ".env": "SECRET",
        "results/old/events.jsonl": "SECRET",
        ".venv/lib/x.py": "SECRET",
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.chdir(root)
    return root


def space(project: Path, **changes: Any) -> Path:
    file = project / "spaces" / "tiny.yaml"
    plain = {"base": "base.yaml", "settings": {"data": {"train": "../data/train.csv"}, "model": None, "tokenizer": None}}
    file.write_text(yaml.safe_dump(merged(merged(TINY, plain), changes), sort_keys=False), encoding="utf-8")
    return file


def packed(experiment: Experiment, *on_cluster: str) -> Package:
    return pack(contents(experiment, on_cluster).files, "here")


def own(package: Package) -> list[str]:
    return [member.name for member in package.members if member.name.startswith("files/")]


def test_only_what_is_named_travels(project: Path) -> None:
    changes = {"settings": {"evaluation": {"metrics": ["rouge", "../my_metric.py"]}}}
    found = own(packed(load_experiment(space(project, **changes), environ={})))
    assert found == [
        f"files{project}/{name}" for name in ("data/dev.csv", "data/train.csv", "my_metric.py", "spaces/base.yaml", "spaces/tiny.yaml")
    ]


def test_code_is_the_packages_and_its_sample_data(project: Path) -> None:
    names = {member.name for member in packed(load_experiment(space(project), environ={})).members if not member.name.startswith("files/")}
    assert in_checkout()
    assert {
        "summtune/__main__.py",
        "summtune/presets/kobart.yaml",
        "summtune/reporting/templates/report.html.j2",
        "data/train.csv",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"summtune", "data", "search_spaces"}
    assert not [name for name in names if "__pycache__" in name or Path(name).suffix not in (".py", ".yaml", ".j2", ".csv")]


def test_a_checkpoint_travels_without_what_lies_beside_it(project: Path) -> None:
    drawn = {"learning_rate": {"values": [1e-3, 1e-2]}, "model.checkpoint": {"values": [str(project / "models" / "bart")]}}
    file = space(project, parameters=drawn)
    found = own(packed(load_experiment(file, environ={})))
    assert [name for name in found if "models" in name] == [
        f"files{project}/models/bart/{name}" for name in ("config.json", "model.safetensors")
    ]


def test_files_that_the_command_line_and_the_environment_name_travel(project: Path) -> None:
    experiment = load_experiment(space(project), assignments=["data.test=data/dev.csv"], environ={"SUMMTUNE_DATA__DEV": "data/train.csv"})
    assert f"files{project}/data/dev.csv" in own(packed(experiment))


def test_what_the_cluster_sees_stays_where_it_is(project: Path) -> None:
    experiment = load_experiment(space(project), assignments=["data.train=/mnt/shared/train.csv"], environ={}, all_here=False)
    found = contents(experiment, ["/mnt/shared"])
    assert found.on_cluster == ("/mnt/shared/train.csv",)
    assert project / "data" / "train.csv" not in found.files
    with pytest.raises(SettingsMistake) as mistake:
        contents(experiment, ["/mnt/share"])
    remedy = "If the cluster sees it under this path, say so: `--on-cluster /mnt/shared`."
    assert str(mistake.value) == f"data.train: there is no file /mnt/shared/train.csv here. {remedy}"


def test_a_model_that_only_the_cluster_sees_can_be_named(project: Path) -> None:
    assigned = ["model.checkpoint=/mnt/shared/kobart"]
    experiment = load_experiment(space(project), assignments=assigned, environ={}, all_here=False)
    assert "/mnt/shared/kobart" in contents(experiment, ["/mnt"]).on_cluster
    with pytest.raises(SettingsMistake, match="there is no folder /mnt/shared/kobart here"):
        contents(experiment, [])


def test_an_earlier_run_is_learned_from_there_as_here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = RunPaths(project / "results" / "earlier-20260101-000000-abcd")
    for file in (old.events, old.environment, old.trials / "0000" / "training.log"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    file = space(project, method="bayes")
    assigned = ['warm_start=["earlier", "theirs"]']
    experiment = load_experiment(file, assignments=assigned, environ={}, all_here=False)
    assert experiment.warm_start == (str(old.folder), "theirs")
    found = contents(experiment, [])
    assert [path for path in found.files if path.is_relative_to(old.folder)] == [old.events, old.environment]
    assert found.on_cluster == ("theirs",)

    # In the job: one came along, the other lies in the storage.
    theirs = RunPaths(tmp_path / "storage" / "results" / "theirs-20260101-000000-abcd")
    theirs.folder.mkdir(parents=True)
    theirs.events.write_text("{}", encoding="utf-8")
    there = load_experiment(file, assignments=assigned, environ={}, root=tmp_path / "storage")
    assert there.warm_start == (str(old.folder), str(theirs.folder))
    with pytest.raises(SettingsMistake, match="there is no run 'theirs'"):
        load_experiment(file, assignments=assigned, environ={})


def test_a_package_that_is_too_large_is_refused_with_the_culprits(project: Path) -> None:
    (project / "data" / "train.csv").write_bytes(b"x" * 3_000_000)
    package = packed(load_experiment(space(project), environ={}))
    package.check_size(10)
    with pytest.raises(RunMistake, match=r"the package has [\d.]+ MB, and 3 MB are the limit\. The largest: .*data/train\.csv 3\.0 MB"):
        package.check_size(3)


def test_many_files_of_one_size_are_culprits_all_the_same(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"part{number}.csv").write_bytes(b"x" * 200_000)
    with pytest.raises(RunMistake, match=r"The largest: .*part\d+\.csv 0\.2 MB; .*part\d+\.csv 0\.2 MB"):
        pack(tmp_path.glob("*.csv"), "installed").check_size(3)


def test_the_storage_may_come_along_as_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`submit --env SUMMTUNE_STORAGE`, to a cluster that names none, or another."""
    storage = tmp_path / "storage"
    sealed, pad = seal({"SUMMTUNE_STORAGE": str(storage)})
    with zipfile.ZipFile(pack((), "installed").write(tmp_path / "package.zip", pad)) as archive:
        archive.extractall(tmp_path / "job")
    monkeypatch.chdir(tmp_path / "job")
    for here in ({}, {"SUMMTUNE_STORAGE": "/elsewhere"}):
        environ = {**here, SEALED: sealed, "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"metadata": {"job_submission_id": "x"}}'}
        job = entered(environ)
        assert job is not None
        assert (job.id, job.storage) == ("x", storage)
        assert environ["SUMMTUNE_STORAGE"] == str(storage), "for whatever asks later"
    assert entered({}) is None


def test_the_same_contents_make_the_same_archive(project: Path, tmp_path: Path) -> None:
    package = packed(load_experiment(space(project), environ={}))
    one, other = package.write(tmp_path / "one.zip", b""), package.write(tmp_path / "other.zip", b"")
    assert one.read_bytes() == other.read_bytes()
    os.utime(project / "data" / "train.csv", (0, 0))
    again = packed(load_experiment(space(project), environ={}))
    assert again.write(tmp_path / "again.zip", b"").read_bytes() == one.read_bytes()
    (project / "data" / "train.csv").write_text(ROWS + "d9,a,b\n", encoding="utf-8")
    assert packed(load_experiment(space(project), environ={})).manifest.digest != package.manifest.digest


@pytest.fixture
def job_folder(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The package of the project as a job finds it, on a machine that has none of the person's files."""
    changes = {"settings": {"data": {"dev": str(project / "data" / "dev.csv")}}}
    package = packed(load_experiment(space(project, **changes), environ={}))
    there = tmp_path / "ray"
    zipfile.ZipFile(package.write(tmp_path / "package.zip", b"")).extractall(there)
    project.rename(project.with_name("gone"))
    monkeypatch.chdir(there)
    monkeypatch.setenv(PACKED_ROOT, "")  # so that it is restored afterwards
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "tiny-20260101-000000-abcd"}}')
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(tmp_path / "storage"))
    return Job("tiny-20260101-000000-abcd", tmp_path / "storage")


def test_a_job_reads_the_persons_paths_from_the_storage(job_folder: Job, project: Path) -> None:
    entered(os.environ)
    experiment = load_experiment(Path("spaces/tiny.yaml"), environ={})
    root = Path(os.environ[PACKED_ROOT])
    assert root.parent == job_folder.storage / ".packages"
    assert Path.cwd() == Path(f"{root}{project}")
    data = experiment.base.settings.data
    assert data.train is not None
    assert os.path.normpath(data.train) == f"{root}{project}/data/train.csv"
    assert str(data.dev) == f"{root}{project}/data/dev.csv", "an absolute path of the person's machine"
    assert experiment.base.flat["model.preset"] == "tiny-kobart"


def test_unpacking_twice_is_unpacking_once(job_folder: Job) -> None:
    there = Path.cwd()
    entered(os.environ)
    first = os.environ[PACKED_ROOT]
    before = {file: file.stat().st_mtime_ns for file in Path(first).rglob("*")}
    os.chdir(there)
    entered(os.environ)
    assert os.environ[PACKED_ROOT] == first
    assert {file: file.stat().st_mtime_ns for file in Path(first).rglob("*")} == before


def test_another_version_is_refused(job_folder: Job) -> None:
    manifest = json.loads(Path(MANIFEST).read_text(encoding="utf-8"))
    Path(MANIFEST).write_text(json.dumps({**manifest, "version": "9.9"}), encoding="utf-8")
    with pytest.raises(RunMistake, match=r"the cluster has summtune .*, and 9\.9 submitted this\. Install the same version on both"):
        entered(os.environ)


def test_mistakes_are_found_before_anything_is_asked_of_a_cluster(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = space(project)
    for words, said in (
        (["--set", "learning_rat=1"], "learning_rat"),
        (["--set", "general.output_dir=/tmp/x"], "/tmp/x is absolute; a job's results lie under the cluster's storage."),
        (["--limit-mb", "0.1"], "are the limit. The largest:"),
        (["--env", "NOT_SET_HERE"], "--env NOT_SET_HERE: it isn't set here. Set it: `export NOT_SET_HERE=…`."),
        (["--env", "TOKEN=hunter2"], "Set it first, and name it: `--env TOKEN`."),
        (["--code", "there"], "--code: 'there' is neither `here` nor `installed`."),
        (["--train", "data/secret.csv"], "secret.csv"),
    ):
        assert main(["submit", str(file), "--address", "http://127.0.0.1:9", *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "127.0.0.1:9" not in error
        assert "hunter2" not in error
