from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from summtune.paths import RunPaths, shipped
from summtune.run_folders import create_run, find_run, list_runs, point_newest, run_title

NOW = datetime(2026, 11, 22, 14, 30, 52)


def opened(output_dir: Path, title: str, now: datetime = NOW) -> RunPaths:
    run = create_run(output_dir, title, now)
    run.events.write_text("", encoding="utf-8")
    return run


def test_a_hundred_runs_of_the_same_second_share_no_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: create_run(tmp_path, "lr search", NOW), range(100)))
    assert len({run.folder for run in runs}) == 100
    assert all(run.folder.name.startswith("lr-search-20261122-143052-") for run in runs)


def test_the_link_always_means_the_newest(tmp_path: Path) -> None:
    first, second = opened(tmp_path, "lr"), opened(tmp_path, "lr", NOW.replace(hour=15))
    point_newest(first, "lr")
    link = point_newest(second, "lr")
    assert link is not None
    assert link == tmp_path / "sweep_lr"
    assert link.resolve() == second.folder
    assert not Path(link.readlink()).is_absolute()


def test_a_folder_of_somebody_else_is_not_replaced_by_the_link(tmp_path: Path) -> None:
    theirs = tmp_path / "sweep_lr"
    theirs.mkdir()
    assert point_newest(opened(tmp_path, "lr"), "lr") is None
    assert not theirs.is_symlink()


@pytest.mark.parametrize("given", ["lr", "sweep_lr", "{name}", "{folder}", "{folder}/tune", "{folder}/", "{output}/sweep_lr"])
def test_a_run_is_found_by_whatever_people_call_it(tmp_path: Path, given: str) -> None:
    opened(tmp_path, "lr")
    run = opened(tmp_path, "lr", NOW.replace(hour=15))
    run.tune.mkdir()
    point_newest(run, "lr")
    found = find_run(given.format(name=run.folder.name, folder=run.folder, output=tmp_path), tmp_path)
    assert found is not None
    assert found.folder == run.folder


def test_a_run_that_was_moved_and_renamed_is_found_by_its_path(tmp_path: Path) -> None:
    run = opened(tmp_path / "results", "lr")
    moved = (tmp_path / "elsewhere").absolute()
    run.folder.rename(moved)
    found = find_run(str(moved), tmp_path / "results")
    assert found is not None
    assert found.folder == moved
    assert run_title(moved) == "elsewhere"


def test_without_the_link_the_newest_of_the_name_is_found(tmp_path: Path) -> None:
    opened(tmp_path, "lr", NOW.replace(hour=23))
    newest = opened(tmp_path, "lr", NOW.replace(day=23))
    opened(tmp_path, "other", NOW.replace(day=24))
    found = find_run("lr", tmp_path)
    assert found is not None
    assert found.folder == newest.folder
    assert [run_title(run.folder) for run in list_runs(tmp_path)] == ["lr", "lr", "other"]


@pytest.mark.parametrize("given", ["nothing", "../nothing", "/", "lr/trials"])
def test_what_is_no_run_is_not_found(tmp_path: Path, given: str) -> None:
    (opened(tmp_path, "lr").folder / "trials").mkdir()
    assert find_run(given, tmp_path) is None


@pytest.mark.parametrize(("kind", "file"), [("data", "train.csv"), ("search_spaces", "lr.yaml"), ("presets", "tiny-kobart.yaml")])
def test_shipped_files_are_there(kind: str, file: str) -> None:
    assert (shipped(kind) / file).is_file()


def test_attempts_are_numbered(tmp_path: Path) -> None:
    trial = RunPaths(tmp_path).trial("0003")
    assert trial.attempt_numbers() == []
    for number in (1, 2, 10):
        trial.attempt(number).folder.mkdir(parents=True)
    assert trial.attempt_numbers() == [1, 2, 10]
