import errno
import re
import socket
from pathlib import Path

import httpx
import pytest

from summtune.errors import CheckpointMistake, SurroundingsFailure, TrialFailure
from summtune.paths import AttemptPaths
from summtune.tuning.causes import OF_THE_POINT, PASSING, SURROUNDINGS, UNSEEN
from summtune.tuning.failures import failure_of, read_failure, write_failure


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TrialFailure("diverged", "NaN"), "diverged"),
        (SurroundingsFailure("disk full"), SURROUNDINGS),
        (OSError(errno.ENOSPC, "No space left on device"), SURROUNDINGS),
        (FileNotFoundError(errno.ENOENT, "No such file"), "error"),
        (MemoryError(), "out_of_memory"),
        (ValueError("bad"), "error"),
    ],
)
def test_each_error_has_a_cause(error: Exception, cause: str) -> None:
    assert failure_of(error).cause == cause


def test_what_a_worker_leaves_behind_is_read(tmp_path: Path) -> None:
    write_failure(AttemptPaths(tmp_path), TrialFailure("diverged", "the loss is NaN", "1a2b"))
    read = read_failure(AttemptPaths(tmp_path))
    assert (read.cause, read.message, read.node) == ("diverged", "the loss is NaN", "1a2b")


def test_where_not_even_that_could_be_written_rays_error_tells(tmp_path: Path) -> None:
    nowhere = AttemptPaths(tmp_path / "file" / "folder")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    write_failure(nowhere, TrialFailure(SURROUNDINGS, "disk full"))  # must not raise
    handed_on = RuntimeError("ray's wrapping")
    handed_on.__cause__ = TrialFailure(SURROUNDINGS, "disk full")
    assert read_failure(nowhere, handed_on).cause == SURROUNDINGS
    assert read_failure(nowhere).cause == "worker_lost"


def test_rays_own_wrapping_is_undone(tmp_path: Path) -> None:
    """It is an instance of the class of what it wraps, whose attributes it hides."""
    from ray import cloudpickle
    from ray.exceptions import RayTaskError

    wrapped = RayTaskError("train", "trace", TrialFailure(UNSEEN, "node 1a does not see it", "1a2b")).as_instanceof_cause()
    read = read_failure(AttemptPaths(tmp_path / "nowhere"), cloudpickle.loads(cloudpickle.dumps(wrapped)))
    assert (read.cause, read.message, read.node) == (UNSEEN, "node 1a does not see it", "1a2b")


def unreachable(begun: Exception) -> CheckpointMistake:
    """What is made of the hub's silence on the way to a trial's end."""
    try:
        try:
            raise begun
        except type(begun) as error:
            raise OSError("We couldn't connect to the hub to load the files.") from error
    except OSError as error:
        try:
            raise CheckpointMistake("bart can't be had.") from None
        except CheckpointMistake as mistake:
            mistake.__context__ = error
            return mistake


@pytest.mark.parametrize(
    "begun", [ConnectionResetError("reset"), TimeoutError("10 s"), socket.gaierror("no name"), httpx.ConnectError("no")]
)
def test_a_server_that_does_not_answer_may_answer_later(begun: Exception) -> None:
    failure = failure_of(unreachable(begun))
    assert (failure.cause, failure.message) == ("unreachable", "bart can't be had.")
    assert failure.cause in PASSING


def test_a_server_s_no_is_final() -> None:
    assert failure_of(unreachable(ValueError("404"))).cause == "bad_model"
    assert failure_of(ValueError("of the training, whatever it had tried")).cause == "error"


class Preempted(Exception):
    preempted = True


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Preempted("gone"), "its node was preempted"),
        (Exception("The actor died because its node has died. Node Id: 1"), "its node was lost"),
        (
            Exception("killed due to the node running low on memory"),
            "Ray's memory monitor ended its process, since the node ran low on memory",
        ),
        (Exception("exit code 2"), "the trial's process ended without a word (killed, out of memory, or its node was lost)"),
        (None, "the trial's process ended without a word (killed, out of memory, or its node was lost)"),
    ],
)
def test_what_ray_knows_of_a_lost_process_is_said(error: Exception | None, message: str, tmp_path: Path) -> None:
    failure = read_failure(AttemptPaths(tmp_path), error)
    assert (failure.cause, failure.message) == ("worker_lost", message)


def test_each_cause_that_can_pass_is_one_that_there_is() -> None:
    named = set(re.findall(r"`([a-z_]+)`", str(TrialFailure.__doc__)))
    assert PASSING.keys() | OF_THE_POINT <= named
    assert not PASSING.keys() & OF_THE_POINT
    assert "worker_lost" in PASSING
