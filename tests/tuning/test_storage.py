"""A run's copy in an object store, without Ray: what is there when, what is deleted when, and what comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import RunMistake, StorageFailure
from summtune.events.copies import Origin, copied_from, mark
from summtune.events.fold import fold
from summtune.events.kinds import Noted, RunResumed
from summtune.events.log import EventLog, read_events
from summtune.objects import ObjectStore
from summtune.paths import AttemptPaths, RunPaths
from summtune.training.checkpoints import seal, verify
from summtune.training.stored import put_folder, stored_folders
from summtune.tuning import storage as module
from summtune.tuning.brought_back import bring_all, bring_results, stored_run
from summtune.tuning.driver import Driver
from summtune.tuning.storage import Storage
from summtune.tuning.uploads import Uploads
from tests.s3 import S3
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import SPACE, drawn, step, worked


class Live:
    """A run with its copy."""

    def __init__(self, folder: Path, store: ObjectStore, space: str = SPACE) -> None:
        self.run = RunPaths(folder)
        _, log = open_driver(folder, space)
        log.close()
        self.log = EventLog(self.run.events)
        state = fold(read_events(self.run.events)[0])
        keep = _.experiment.base.settings.training.keep_checkpoint
        self.storage = Storage(self.run, store, state, keep_checkpoints=keep)
        self.driver = Driver(self.run, _.experiment, self.log, state, lambda event, state: self.storage.heard(event), storage=self.storage)
        self.open = True

    def close(self) -> list[str]:
        if not self.open:
            return []
        self.open = False
        self.log.close()
        return self.storage.close()


Going = Callable[..., Live]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore.at((tmp_path / "store" / "plain-20261122-143052-a1b2").as_uri())


@pytest.fixture
def live(store: ObjectStore) -> Iterator[Going]:
    """Opens a run, or goes on with one, with a copy in the store."""
    with ExitStack() as stack:

        def open_one(folder: Path, space: str = SPACE) -> Live:
            one = Live(folder, store, space)
            stack.callback(one.close)
            return one

        yield open_one


def names(store: ObjectStore) -> set[str]:
    return set(stored_folders(store.sizes()))


def finish(driver: Driver, trial: str, scores: list[float]) -> None:
    best = -1.0
    for score in scores:
        if not step(driver, trial, score, best=score > best):
            break
        best = max(best, score)
    driver.over(trial)


def test_in_the_end_it_is_what_the_run_directory_is(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    (one.run.folder / "tune").mkdir()
    (one.run.folder / "tune" / "state.json").write_text("Ray Tune's own")
    one.run.lock.write_text("")
    trial = drawn(one.driver)
    finish(one.driver, trial, [0.1, 0.3, 0.2, 0.25])
    assert one.close() == []
    assert names(store) == {f"trials/{trial}/checkpoints/checkpoint-40", f"trials/{trial}/models/best_model"}
    there = store.sizes()
    here = {str(file.relative_to(one.run.folder)) for file in one.run.folder.rglob("*") if file.is_file()}
    assert here - there.keys() == {"tune/state.json", one.run.lock.name}
    assert there.keys() - here == {f"trials/{trial}/models/best_model/manifest.json"}
    assert store.read("events.jsonl") == one.run.events.read_bytes()


def test_a_checkpoint_that_is_not_to_stay_does_not_stay_there_either(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run", SPACE.replace("num_train_epochs: 4", "num_train_epochs: 4, keep_checkpoint: false"))
    trial = drawn(one.driver)
    for score in (0.1, 0.2, 0.3, 0.4):
        step(one.driver, trial, score)
    one.storage._round()
    assert f"trials/{trial}/attempts/1/checkpoints/checkpoint-40" in names(store), "while it is under way it has one"
    one.driver.over(trial)
    assert one.close() == []
    assert names(store) == {f"trials/{trial}/models/best_model"}


def test_a_trial_under_way_has_its_newest_checkpoint_and_its_best_model(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    step(one.driver, trial, 0.2, best=False)
    assert one.close() == []
    attempt = f"trials/{trial}/attempts/1"
    assert names(store) == {f"{attempt}/checkpoints/checkpoint-20", f"{attempt}/models/best-1"}


def test_what_workers_stored_is_deleted_once_the_stored_log_names_newer_ones(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    attempt = one.run.trial(trial).attempt(1)
    uploads = Uploads(store.url, one.run.folder)
    step(one.driver, trial, 0.3)
    assert uploads(attempt.checkpoints / "checkpoint-10") == ""
    one.storage._round()
    assert f"trials/{trial}/attempts/1/checkpoints/checkpoint-10" in names(store)
    step(one.driver, trial, 0.4)
    shutil.rmtree(attempt.checkpoints / "checkpoint-10")  # as the worker does once its report has returned
    one.storage._round()
    assert f"trials/{trial}/attempts/1/checkpoints/checkpoint-10" not in names(store)
    assert f"trials/{trial}/attempts/1/checkpoints/checkpoint-20" in names(store)


def test_what_workers_store_before_it_is_recorded_stays(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    """An evaluation's checkpoint and model before its report, and checkpoints between evaluations; as many of these as are kept here."""
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    attempt, name = one.run.trial(trial).attempt(1), f"trials/{trial}/attempts/1"
    uploads = Uploads(store.url, one.run.folder)
    recorded = {f"{name}/checkpoints/checkpoint-10", f"{name}/models/best-1"}
    between = [written(attempt.checkpoints / f"checkpoint-{number}") for number in (12, 14, 16)]
    for folder in between:
        assert uploads(folder) == ""
    one.storage.heard(Noted(trial, "something"))
    one.storage._round()
    assert names(store) == {*recorded, *(f"{name}/checkpoints/{folder.name}" for folder in between)}
    shutil.rmtree(between[0])  # `save_total_limit`
    shutil.rmtree(between[2])  # there, and not seen here yet: the view of a shared folder may be late
    for folder in (written(attempt.checkpoints / "checkpoint-8"), written(attempt.models / "best-2")):
        assert uploads(folder) == ""
    one.storage.heard(Noted(trial, "something"))
    assert one.close() == []
    assert names(store) == {
        *recorded,
        f"{name}/checkpoints/checkpoint-14",
        f"{name}/checkpoints/checkpoint-16",
        f"{name}/models/best-2",
    }


def test_what_was_never_recorded_goes_with_the_next_report_or_the_trial_s_end(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    uploads = Uploads(store.url, one.run.folder)
    uploads(written(one.run.trial(trial).attempt(1).checkpoints / "checkpoint-5"))
    assert one.close() == []
    attempt = f"trials/{trial}/attempts"
    assert names(store) == {f"{attempt}/1/checkpoints/checkpoint-5"}
    again = live(tmp_path / "run")
    assert drawn(again.driver) == trial
    again.storage._round()
    assert names(store) == {f"{attempt}/1/checkpoints/checkpoint-5"}, "the second attempt begins with it"
    step(again.driver, trial, 0.3)
    again.storage._round()
    assert names(store) == {f"{attempt}/2/checkpoints/checkpoint-10", f"{attempt}/2/models/best-1"}
    uploads(written(again.run.trial(trial).attempt(2).checkpoints / "checkpoint-15"))
    again.driver.over(trial)
    assert again.close() == []
    assert names(store) == {f"trials/{trial}/checkpoints/checkpoint-10", f"trials/{trial}/models/best_model"}


def written(folder: Path) -> Path:
    """A folder as a worker leaves it, of which the driver has not heard."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(f"weights of {folder.name}", encoding="utf-8")
    if folder.name.startswith("checkpoint-"):
        seal(folder)
    return folder


def test_a_run_whose_folder_is_gone_goes_on_from_its_last_checkpoint(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    step(one.driver, trial, 0.2, best=False)
    one.close()
    shutil.rmtree(one.run.folder)
    bring_results(store, tmp_path / "run", model=False)
    mark(one.run, Origin(store.url, ("pull", store.url), ("resume", store.url)))
    assert bring_all(store, tmp_path / "run") == []
    assert copied_from(one.run) is None, "the run itself, and no copy any more"
    again = live(tmp_path / "run")
    assert again.driver.waiting == [trial]
    assert drawn(again.driver) == trial
    begun = again.driver.state.trials[trial]
    assert (begun.attempts, begun.iteration) == (2, 2)
    checkpoint = again.run.trial(trial).attempt(1).checkpoints / "checkpoint-20"
    assert verify(checkpoint) == []
    finish(again.driver, trial, [0.25, 0.28])
    assert (again.run.trial(trial).best_model / "config.json").read_text() == "best of 1"


def test_a_torn_upload_is_passed_over(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    one.close()
    attempt = f"trials/{trial}/attempts/1"
    store.put_bytes(b"weights of", f"{attempt}/checkpoints/checkpoint-10/model.safetensors")
    store.delete([f"{attempt}/models/best-1/manifest.json"])
    shutil.rmtree(one.run.folder)
    (told,) = bring_all(store, tmp_path / "run")
    assert told == f"{store.url}/{attempt}/checkpoints/checkpoint-10/model.safetensors is not as it was stored. That folder is passed over."
    again = live(tmp_path / "run")
    drawn(again.driver)
    assert again.driver.state.trials[trial].iteration == 0, "it begins anew"
    assert not (again.run.trial(trial).attempt(1).models / "best-1").exists()


@pytest.mark.parametrize("damage", ["gone", "changed", "gone, and the store still has one of before it was begun anew"])
def test_a_checkpoint_that_is_gone_here_is_brought_back(live: Going, store: ObjectStore, tmp_path: Path, damage: str) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    one.close()
    attempt = one.run.trial(trial).attempt(1)
    if "before" in damage:
        worked(AttemptPaths(tmp_path / "before" / "trial" / "attempts" / "1"), 1, best=False)
        before = next((tmp_path / "before").rglob("checkpoint-10"))
        put_folder(store, before, f"trials/{trial}/checkpoints/checkpoint-10")
    if damage.startswith("gone"):
        shutil.rmtree(attempt.folder)
    else:
        (attempt.checkpoints / "checkpoint-10" / "model.safetensors").write_text("weights of 9")
    again = live(tmp_path / "run")
    drawn(again.driver)
    assert again.driver.state.trials[trial].iteration == 1
    assert verify(attempt.checkpoints / "checkpoint-10") == []
    assert attempt.best_model(1).is_dir()
    said = [event.text for event in read_events(again.run.events)[0] if isinstance(event, Noted)]
    assert said[0] == f"The checkpoint of iteration 1 of {trial} was brought back from {store.url}."
    assert again.close() == []
    assert f"trials/{trial}/attempts/1/checkpoints/checkpoint-10" in names(store)


def test_a_store_that_gives_way_is_said_once_and_caught_up_with(s3_environment: S3, tmp_path: Path) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/plain-20261122-143052-a1b2")
    one = Live(tmp_path / "run", store)
    trial = drawn(one.driver)
    one.storage._round()
    with s3_environment.down():
        uploads = Uploads(store.url, one.run.folder)
        step(one.driver, trial, 0.3)
        checkpoint = one.run.trial(trial).attempt(1).checkpoints / "checkpoint-10"
        assert uploads(checkpoint).startswith(f"What trials write can't always be uploaded to {store.url}")
        assert uploads(checkpoint) == "", "it is left alone for a while"
        assert not one.storage._round()
        assert not one.storage._round()
        why = f"{store.url}: Could not connect to server (NETWORK_CONNECTION)"
        assert one.storage.said() == [f"{why}. The run goes on; what is missing there is uploaded later."]
    finish(one.driver, trial, [0.2])
    assert one.close() == [f"{store.url} answers again, and has all of the run."]
    assert names(store) == {f"trials/{trial}/checkpoints/checkpoint-20", f"trials/{trial}/models/best_model"}


def test_what_could_not_be_uploaded_is_said_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BETWEEN_S", 0.01)
    (tmp_path / "store").write_text("no folder")
    one = Live(tmp_path / "run", ObjectStore.at((tmp_path / "store" / "run").as_uri()))
    finish(one.driver, drawn(one.driver), [0.3])
    *_, said = one.close()
    files = [file for file in one.run.folder.rglob("*") if file.is_file()]
    assert said.startswith(
        f"{len(files)} files of the run (0.0 MB) could not be uploaded: {(tmp_path / 'store').as_uri()}/run: Not a directory"
    )
    assert said.endswith("`summtune resume run` uploads them.")


def test_what_a_promotion_moves_meanwhile_is_stored_in_the_next_round(
    live: Going, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = live(tmp_path / "run")
    trial = drawn(one.driver)
    step(one.driver, trial, 0.3)
    listed = Storage._files_here

    def moved(self: Storage, *args: Any, **more: Any) -> Any:
        monkeypatch.setattr(Storage, "_files_here", listed)
        finish(one.driver, trial, [0.4])
        raise FileNotFoundError

    one.storage._round()
    one.driver.note(trial, "something to store")
    monkeypatch.setattr(Storage, "_files_here", moved)
    one.storage._round()
    assert one.close() == []
    assert names(store) == {f"trials/{trial}/checkpoints/checkpoint-20", f"trials/{trial}/models/best_model"}


def test_what_is_here_and_further_is_not_overwritten(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    one = live(tmp_path / "run")
    drawn(one.driver)
    one.close()
    log = EventLog(one.run.events)
    log.append(RunResumed(3, "rebuild", []))
    log.close()
    before = one.run.events.read_bytes()
    (told,) = bring_all(store, one.run.folder)
    assert "is there, and further than" in told
    assert one.run.events.read_bytes() == before
    with pytest.raises(RunMistake, match="Give another folder with `--into FOLDER`"):
        bring_results(store, one.run.folder, model=True)


def test_another_run_s_folder_is_refused(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    live(tmp_path / "run").close()
    _, log = open_driver(tmp_path / "other", SPACE.replace("plain", "another"))
    log.close()
    with pytest.raises(RunMistake, match="has gone another way than"):
        bring_all(store, tmp_path / "other")
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "file").write_text("")
    with pytest.raises(RunMistake, match="is there, and is no run"):
        bring_all(store, tmp_path / "thing")


def test_a_run_is_found_by_its_name_and_others_are_listed(live: Going, store: ObjectStore, tmp_path: Path) -> None:
    live(tmp_path / "run").close()
    assert stored_run(f"{store.parent.url}/plain") == store
    assert stored_run(store.url) == store
    with pytest.raises(RunMistake, match=r"there is no run file:///.*/plane\. In file:///.*/store there are: plain\."):
        stored_run(f"{store.parent.url}/plane")
    with pytest.raises(RunMistake, match="is no s3://bucket/prefix"):
        stored_run("http://127.0.0.1/plain")


def test_a_store_that_does_not_answer_is_said_with_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageFailure, match=r"s3://nobody/x/RUN.*Credentials and endpoint are the environment's .*AWS_ENDPOINT_URL"):
        stored_run("s3://nobody/x/RUN")
