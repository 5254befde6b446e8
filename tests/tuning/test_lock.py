import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune.errors import RunMistake, SurroundingsFailure
from summtune.events.kinds import RunClosed
from summtune.events.log import EventLog, read_events
from summtune.tuning import lock

HOLD = """
import sys
from pathlib import Path
from summtune.tuning import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_driver_is_refused_and_a_dead_ones_lock_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / ".driver.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert lock.is_held(path)
        with (
            pytest.raises(
                RunMistake,
                match=rf"the run is being driven by process {holder.pid} on \S+, for \d+ s. Wait for it, or stop it: "
                rf"`summtune stop {tmp_path.name}` \(or Ctrl-C there\)\.$",
            ),
            lock.held(path),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    assert not lock.is_held(path)
    with lock.held(path):
        assert str(os.getpid()) in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (12_300, "3 h 25 min"),
        (90_000, "1 day 1 h"),
        (172_800, "2 days"),
    ],
)
def test_an_age_in_words(seconds: float, words: str) -> None:
    assert lock.age(seconds) == words


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A lock that is held, as it looks when its holder is on another machine."""
    path = tmp_path / ".driver.lock"
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        json.dump({"host": "far", "pid": 7, "since": round(time.time()) - 7500}, stream)
        stream.flush()
        yield path


def silent(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_driver_elsewhere_that_gives_signs_of_life_is_respected(elsewhere: Path) -> None:
    with pytest.raises(RunMistake, match=r"by process 7 on far, for 2 h 5 min\. Wait for it"), lock.held(elsewhere):
        pass
    with pytest.raises(RunMistake, match="by process 7 on far"):
        lock.check_free(elsewhere)
    silent(elsewhere, 300)
    with pytest.raises(RunMistake) as refusal, lock.held(elsewhere):
        pass
    assert "for 2 h 5 min, silent for 5 min." in str(refusal.value)
    assert str(refusal.value).endswith(f"If far is gone for good, delete {elsewhere}.")


def test_a_lock_of_a_machine_that_died_is_taken_over(elsewhere: Path) -> None:
    """On NFS such a lock may never be given back."""
    silent(elsewhere, lock.LOST_S + 1)
    lock.check_free(elsewhere)
    with lock.held(elsewhere) as check:
        check()
        assert lock.is_held(elsewhere)
        assert json.loads(elsewhere.read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_who_goes_on_with_a_run_waits_whether_a_silent_driver_elsewhere_is_dead(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is queued again comes minutes after its node has died."""
    monkeypatch.setattr(lock, "WAIT_S", 0.02)
    silent(elsewhere, lock.LOST_S - 1)
    lock.check_free(elsewhere)
    said: list[str] = []
    with lock.held(elsewhere, said.append) as check:
        check()
        assert json.loads(elsewhere.read_text(encoding="utf-8"))["pid"] == os.getpid()
    (waiting,) = said
    assert waiting.startswith("waiting: the run is being driven by process 7 on far, for 2 h 5 min, silent for ")
    assert waiting.endswith(". It is taken for dead after 10 min of silence.")


def test_a_driver_elsewhere_that_was_only_late_is_respected(elsewhere: Path) -> None:
    silent(elsewhere, 300)

    def lives(said: str) -> None:
        silent(elsewhere, 0)

    with pytest.raises(RunMistake, match="by process 7 on far"), lock.held(elsewhere, lives):
        pass


def test_a_silent_driver_on_this_machine_lives_as_long_as_its_lock_is_held(elsewhere: Path) -> None:
    elsewhere.write_text(json.dumps({"host": socket.gethostname(), "pid": 7, "since": 0}), encoding="utf-8")
    silent(elsewhere, 10 * lock.LOST_S)
    with pytest.raises(RunMistake, match="is being driven by process 7"), lock.held(elsewhere):
        pass


def test_a_driver_whose_run_was_taken_over_writes_nothing_any_more(tmp_path: Path) -> None:
    path = tmp_path / ".driver.lock"
    with lock.held(path) as check:
        log = EventLog(tmp_path / "events.jsonl", check=check)
        log.append(RunClosed("finished"))
        path.unlink()
        with (
            lock.held(path),
            pytest.raises(SurroundingsFailure, match=rf"the run was taken over by process {os.getpid()} on .*leaves it alone"),
        ):
            log.append(RunClosed("failed"))
        log.close()
    assert [event.kind for event in read_events(tmp_path / "events.jsonl")[0]] == ["run_closed"]


def test_a_live_driver_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    path = tmp_path / ".driver.lock"
    with lock.held(path):
        silent(path, 1000)
        wait_for_a_sign(path)


def test_a_sign_of_life_that_failed_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system was away for a moment."""
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    failed = threading.Event()
    touch = os.utime

    def away_once(of: int | Path, times: tuple[float, float] | None = None) -> None:
        if isinstance(of, int) and not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "Input/output error")
        touch(of, times)

    monkeypatch.setattr(os, "utime", away_once)
    path = tmp_path / ".driver.lock"
    with lock.held(path):
        assert failed.wait(5)
        silent(path, 1000)
        wait_for_a_sign(path)


def wait_for_a_sign(path: Path) -> None:
    deadline = time.monotonic() + 5
    while (holder := lock.holder(path)) is None or holder.silent_s > 500:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_is_not_held(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path / ".driver.lock")


def test_whoever_only_looks_keeps_no_driver_away(tmp_path: Path) -> None:
    path = tmp_path / ".driver.lock"
    path.touch()
    with path.open(encoding="utf-8") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        letting_go = threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN))
        letting_go.start()
        with lock.held(path):
            assert lock.is_held(path)
        letting_go.join()


def test_the_note_tells_where_the_run_is_seen_and_a_silent_machine_drives_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".driver.lock"
    assert lock.driver(path) is None
    with lock.held(path):
        lock.tell(path, "http://127.0.0.1:8265", "02000000")
        found = lock.driver(path)
        assert found is not None
        assert (found.pid, found.dashboard, found.job) == (os.getpid(), "http://127.0.0.1:8265", "02000000")
        note = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**note, "host": "elsewhere"}), encoding="utf-8")
        assert lock.driver(path) is not None
        os.utime(path, (0, time.time() - lock.LOST_S - 60))
        assert lock.driver(path) is None


def test_a_folder_that_can_not_be_looked_into_is_not_said_to_be_driven_by_another(tmp_path: Path) -> None:
    folder, aside = tmp_path / "run", tmp_path / "aside"
    folder.mkdir()
    with lock.held(folder / ".driver.lock") as check:
        folder.rename(aside)
        folder.touch()  # where the way to the lock is no folder, as over a network that gave way it can't be asked
        with pytest.raises(SurroundingsFailure, match=r"\.driver\.lock: Not a directory\. Nothing that was recorded is lost"):
            check()
        folder.unlink()
        with pytest.raises(SurroundingsFailure, match="the run was taken over"):
            check()
        aside.rename(folder)
        check()
