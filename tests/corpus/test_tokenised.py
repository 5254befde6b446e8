"""Tokenised once, whoever comes first, and again when anything that matters changes."""

import errno
import fcntl
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from summtune.config.settings import Data
from summtune.corpus.dialogues import Dialogue, Split, read_dialogues
from summtune.corpus.tokenised import tokenised
from summtune.errors import SurroundingsFailure
from summtune.training.store import Store


@pytest.fixture
def split(tmp_path: Path) -> Split:
    file = tmp_path / "train.csv"
    file.write_text("fname,dialogue,summary\na,xx,s\nb,yyy,t\n")
    return read_dialogues(file, Data(), with_summaries=True)


def test_made_once_and_mapped(split: Split, tmp_path: Path) -> None:
    calls = []

    def encode(dialogues: Sequence[Dialogue]) -> dict[str, list[Any]]:
        calls.append(len(dialogues))
        return {"length": [len(row.dialogue) for row in dialogues]}

    for digest, expected in (("one", 1), ("one", 1), ("two", 2)):
        rows = tokenised(split, encode, digest, Store(tmp_path / "cache").once)
        assert list(rows["length"]) == [2, 3]
        assert rows.cache_files, "on disk, not in memory"
        assert len(calls) == expected


def _make_slowly(root: str, log: str) -> None:
    def make(folder: Path) -> None:
        with open(log, "a") as stream:
            stream.write("made\n")
        time.sleep(0.3)
        (folder / "thing").write_text("whole")

    folder = Store(Path(root)).once("kind", "key", make)
    assert (folder / "thing").read_text() == "whole"


def test_several_processes_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_make_slowly, args=(str(tmp_path / "cache"), str(tmp_path / "log"))) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def _tokenise(file: str, root: str, log: str) -> None:
    def encode(dialogues: Sequence[Dialogue]) -> dict[str, list[Any]]:
        with open(log, "a") as stream:
            stream.write("encoded\n")
        time.sleep(0.3)
        return {"input_ids": [[ord(letter) for letter in row.dialogue] for row in dialogues], "cut": [0] * len(dialogues)}

    rows = tokenised(read_dialogues(Path(file), Data(), with_summaries=True), encode, "digest", Store(Path(root)).once)
    assert list(rows["input_ids"]) == [[120, 120], [121, 121, 121]]


def test_several_trainings_that_start_at_once_tokenise_once(split: Split, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    given = (str(split.file), str(tmp_path / "cache"), str(tmp_path / "log"))
    processes = [context.Process(target=_tokenise, args=given) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert (tmp_path / "log").read_text() == "encoded\n"
    (made,) = (entry for entry in (tmp_path / "cache" / "tokenised").iterdir() if entry.is_dir())
    assert {entry.suffix for entry in made.iterdir()} == {".arrow", ".json"}


def test_chunks_make_one_dataset(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("summtune.corpus.tokenised.CHUNK", 1)
    sizes = []

    def encode(dialogues: Sequence[Dialogue]) -> dict[str, list[Any]]:
        sizes.append(len(dialogues))
        return {"input_ids": [[7] * len(row.dialogue) for row in dialogues], "length": [len(row.dialogue) for row in dialogues]}

    rows = tokenised(split, encode, "digest", Store(tmp_path / "cache").once)
    assert sizes == [1, 1]
    assert rows[:] == {"input_ids": [[7, 7], [7, 7, 7]], "length": [2, 3]}


def test_a_crash_leaves_no_halves(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def crash(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.once("kind", "key", crash)
    (tmp_path / "kind" / f".key.making-{socket.gethostname()}-{2**22 + 1}-00").mkdir()  # what a kill -9 leaves
    folder = store.once("kind", "key", lambda made: None)
    assert [entry.name for entry in folder.iterdir()] == ["manifest.json"]
    assert sorted(entry.name for entry in (tmp_path / "kind").iterdir()) == [".key.lock", "key"]


def holding(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "thing").write_text(text)

    return make


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(tmp_path: Path, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = Store(tmp_path).once("kind", "key", holding("whole"))
    assert (folder / "thing").read_text() == "whole"


def test_where_locks_do_nothing_two_may_make_it_and_both_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)

    def slowly(made: Path) -> None:
        (made / "thing").write_text("half")
        other = Store(tmp_path).once("kind", "key", holding("the other's"))
        assert (other / "thing").read_text() == "the other's"
        (made / "thing").write_text("mine")

    folder = Store(tmp_path).once("kind", "key", slowly)
    assert (folder / "thing").read_text() == "the other's", "whoever was first, and whose it is others may be reading"
    assert sorted(entry.name for entry in (tmp_path / "kind").iterdir()) == [".key.lock", "key"]


def test_halves_of_others_are_left_to_them_until_they_are_old(tmp_path: Path) -> None:
    (tmp_path / "kind").mkdir()
    mine, ended, again, elsewhere, old, unnamed = (
        tmp_path / "kind" / f".key.making-{name}"
        for name in (
            f"{socket.gethostname()}-{os.getpid()}-00",
            f"{socket.gethostname()}-{2**22 + 1}-00",  # no process has such a number
            f"{socket.gethostname()}-{os.getpid()}-01",
            "node-7-1-00",
            "node-8-1-00",
            "a1b2c3d4",
        )
    )
    for folder in (mine, ended, again, elsewhere, old, unnamed):
        folder.mkdir()
    for folder in (again, old):  # in containers of one host name numbers of processes come again
        os.utime(folder, (time.time() - 2 * 86400,) * 2)
    Store(tmp_path).once("kind", "key", lambda made: None)
    assert [folder.exists() for folder in (mine, ended, again, elsewhere, old, unnamed)] == [True, False, False, True, False, True]


@pytest.mark.parametrize("damage", [lambda file: file.write_text(""), Path.unlink], ids=["emptied", "gone"])
def test_what_a_power_cut_left_without_a_part_is_made_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    made: list[int] = []

    def make(folder: Path) -> None:
        made.append(1)
        (folder / "inner").mkdir()
        (folder / "inner" / "thing").write_text("whole")

    thing = Store(tmp_path).once("kind", "key", make) / "inner" / "thing"
    damage(thing)
    for _ in range(2):
        assert (Store(tmp_path).once("kind", "key", make) / "inner" / "thing").read_text() == "whole"
    assert made == [1, 1]


def test_what_is_made_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    sync, rename = os.fsync, os.rename

    def remember(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    def check(source: Path, target: Path) -> None:
        assert {entry.stat().st_ino for entry in (source, *source.rglob("*"))} <= synced
        rename(source, target)

    monkeypatch.setattr(os, "fsync", remember)
    monkeypatch.setattr(os, "rename", check)
    assert (Store(tmp_path).once("kind", "key", lambda folder: (folder / "thing").touch()) / "thing").is_file()


def test_unwritable_cache_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsFailure, match="set SUMMTUNE_CACHE to another folder"):
        Store(tmp_path / "file").once("kind", "key", lambda folder: None)
