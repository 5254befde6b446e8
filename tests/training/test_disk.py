"""Disks that are full, processes that are killed while they write, and how much is ever on disk."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from summtune import durable
from summtune.errors import SurroundingsFailure
from summtune.training.checkpoints import bytes_on_disk, sealed_checkpoints, verify
from summtune.training.disk import Writing
from summtune.training.resumption import faults_of
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    # Lazily: the traceback of a failed write, which pytest keeps, holds the file open.
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leaving: int) -> Path:
    """A file that leaves so many bytes free."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free
    filler.write_bytes(b"x" * max(free - leaving, 0))
    return filler


@pytest.mark.parametrize("leaving", [0, 8_192, 40_960, 81_920, 122_880, 163_840])
def test_a_full_disk_leaves_the_old_checkpoint_and_says_so(small_disk: Path, tmp_path: Path, leaving: int) -> None:
    """Whatever file of the checkpoint the disk gets full at: tokenizer, weights, optimiser, manifest."""
    settings = small_settings(tmp_path, training={"num_train_epochs": 3})
    asked = job(tmp_path, settings, "full")
    asked = type(asked)(**{**vars(asked), "attempt": type(asked.attempt)(small_disk / "attempt")})

    def report(metrics: dict[str, float | int], checkpoint: Path | None) -> None:
        if metrics["iteration"] == 1:
            fill(small_disk, leaving)

    with pytest.raises(SurroundingsFailure) as failure:
        train(asked, report)
    checkpoints = asked.attempt.checkpoints
    said = str(failure.value)
    assert f"can't be written to {checkpoints}: the disk is full. It takes " in said
    assert "are free there: make room, or keep fewer (training.save_total_limit)." in said
    assert f"{checkpoints / 'checkpoint-4'} is whole." in said
    assert [entry.name for entry in checkpoints.iterdir()] == ["checkpoint-4"], "what was half written is gone"
    assert verify(checkpoints / "checkpoint-4") == []
    assert len(asked.attempt.history.read_text(encoding="utf-8").splitlines()) == 1
    (small_disk / "filler").unlink()
    rest = Reports()
    train(job(tmp_path, settings, "afterwards", resume_from=checkpoints / "checkpoint-4"), rest)
    assert [line["step"] for line in rest.metrics] == [8, 12]


def test_a_full_disk_for_what_follows_a_checkpoint(small_disk: Path) -> None:
    """History and results: no torn line, the old content stays."""
    history, results = small_disk / "history.jsonl", small_disk / "training_results.json"
    durable.append_line(history, {"iteration": 1})
    durable.write_json(results, {"iterations": 1})
    fill(small_disk, 0)
    with pytest.raises(OSError, match="No space left"):
        durable.append_line(history, {"iteration": 2, "padding": "x" * 10_000})
    assert history.read_text(encoding="utf-8") == '{"iteration": 1}\n'
    with pytest.raises(OSError, match="No space left"):
        durable.write_json(results, {"iterations": 2, "padding": "x" * 10_000})
    assert json.loads(results.read_text(encoding="utf-8")) == {"iterations": 1}
    assert {entry.name for entry in small_disk.iterdir()} == {"history.jsonl", "training_results.json", "filler"}


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """Without the right to mount: a limit on the size of files stands in for the full disk, and `summtune train` ends with 3."""
    settings = small_settings(tmp_path)
    base = tmp_path / "base.yaml"
    base.write_text(json.dumps(settings.model_dump(mode="json", include={"model", "tokenizer", "training", "generation", "data"})))
    program = (
        "import sys, resource\nfrom summtune.cli import screen\nfrom summtune.cli.main import main\nsay = screen.Screen.say\n"
        "def said(self, line=''):\n    say(self, line)\n"
        "    line.startswith('epoch 1/') and resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))\n"
        "screen.Screen.say = said\nsys.exit(main(sys.argv[1:]))"
    )
    words = ["train", "--config", str(base), "--output-dir", str(tmp_path / "out"), "--set", "general.device=cpu"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run([sys.executable, "-c", program, *words], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 3, ended.stderr
    (folder,) = (tmp_path / "out" / "experiments").iterdir()
    assert "can't be written to" in ended.stderr
    assert "files may not become that large here. It takes " in ended.stderr
    assert f"Go on     summtune train --resume-from-checkpoint {folder}/checkpoints/checkpoint-4" in ended.stdout
    assert json.loads((folder / "training_results.json").read_text(encoding="utf-8"))["status"] == "failed"
    assert [entry.name for entry in (folder / "checkpoints").iterdir()] == ["checkpoint-4"]
    assert faults_of(folder / "checkpoints" / "checkpoint-4") == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 60_000


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full. It takes 2.0 GB, and "),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up. It takes 2.0 GB, and "),
        (OSError(errno.EROFS, "Read-only file system", "x"), "Read-only file system: 'x'. The one before is whole."),
        (RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"), "file write failed. The one before"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full. It takes 2.0 GB"),
    ],
)
def test_what_a_disk_says_in_whose_words(tmp_path: Path, error: Exception, said: str) -> None:
    with pytest.raises(SurroundingsFailure) as failure, Writing("it", tmp_path, need=2 * 10**9, safe="The one before is whole."):
        raise error
    assert said in str(failure.value)


def test_what_is_not_the_disks_stays_what_it_was(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), Writing("it", tmp_path):
        raise RuntimeError("shapes differ")
    with pytest.raises(KeyboardInterrupt), Writing("it", tmp_path):
        raise KeyboardInterrupt


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_never_more_checkpoints_than_the_limit_and_the_one_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Looked at whenever the disk is fullest: when a checkpoint has just been sealed, and when a best model has been written.

    Between evaluations the last evaluation's and the newest are kept, whatever the limit.
    """
    kept = max(limit, 2)
    settings = small_settings(tmp_path, training={"num_train_epochs": 8, "save_total_limit": limit, "save_steps": 3})
    asked = job(tmp_path, settings)
    counts, sizes = [], []

    def look(folder: Path) -> None:
        if asked.attempt.checkpoints in (folder, *folder.parents):
            counts.append(sum(1 for _ in asked.attempt.checkpoints.rglob("model.safetensors")))
            sizes.append(bytes_on_disk(asked.attempt.folder))

    sync = durable.sync_folder

    def synced(folder: Path) -> None:
        sync(folder)
        look(folder)

    monkeypatch.setattr(durable, "sync_folder", synced)
    train(asked, Reports())
    assert len(counts) > 16
    assert max(counts) == kept + 1
    one = bytes_on_disk(sealed_checkpoints(asked.attempt.checkpoints)[-1])
    weights = (sealed_checkpoints(asked.attempt.checkpoints)[-1] / "model.safetensors").stat().st_size
    # Checkpoints, one being written, and the weights of two best models whose checkpoints have been deleted; logs beside them.
    assert max(sizes) < (kept + 1) * one + 2 * weights + 300_000
    results = json.loads(asked.attempt.results.read_text(encoding="utf-8"))
    assert results["disk"]["checkpoints"] == limit
    assert results["disk"]["bytes"] == bytes_on_disk(asked.attempt.checkpoints, asked.attempt.models)


LIVES = """
import os, sys
from pathlib import Path
import torch, transformers, datasets, evaluate
from tests.small_training import job, small_settings
from summtune.training.train import train
folder = Path(sys.argv[1])
settings = small_settings(folder, training={"num_train_epochs": 1000, "save_steps": 1, "save_total_limit": 2}, evaluation={"every": 1000})
for line in sys.stdin:
    life, *resume_from = line.split()
    child = os.fork()
    if child == 0:
        train(job(folder, settings, life, resume_from=Path(*resume_from) if resume_from else None), lambda metrics, checkpoint: None)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Trains in a new process for every line that it reads: `<attempt> [<checkpoint>]`. Libraries are loaded once for all of them."""


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-c", LIVES, str(tmp_path)]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_killed_at_any_moment_the_newest_sealed_checkpoint_can_be_resumed(tmp_path: Path, lives: subprocess.Popen[str]) -> None:
    """Eight lives, each killed at some moment of writing checkpoints step after step, each going on from what the one before left."""
    assert lives.stdin is not None
    assert lives.stdout is not None
    dice = random.Random(4)
    newest: list[Path] = []
    unfinished = 0
    for life in range(8):
        checkpoints = job(tmp_path, small_settings(tmp_path), str(life)).attempt.checkpoints
        lives.stdin.write(" ".join([str(life), *map(str, newest[-1:])]) + "\n")
        lives.stdin.flush()
        child = int(lives.stdout.readline())
        try:
            deadline = time.monotonic() + 120
            while len(sealed_checkpoints(checkpoints)) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(dice.random() * 0.2)
        finally:
            os.kill(child, signal.SIGKILL)
        assert int(lives.stdout.readline()) == signal.SIGKILL, "it did not end by itself"
        unfinished += (checkpoints / ".unfinished").exists()
        left = sealed_checkpoints(checkpoints)
        assert 1 <= len(left) <= 3
        for folder in left:
            assert faults_of(folder) == []
        newest.append(left[-1])
    steps = [int(folder.name.rpartition("-")[2]) for folder in newest]
    assert steps == sorted(set(steps)), "each life went further than the one before"
    assert unfinished, "at least one was killed while it wrote"
