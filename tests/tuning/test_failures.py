import errno
from pathlib import Path

import pytest

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.paths import AttemptPaths
from summtune.tuning.failures import SURROUNDINGS, failure_of, read_failure, write_failure


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
    write_failure(AttemptPaths(tmp_path), TrialFailure("diverged", "the loss is NaN"))
    read = read_failure(AttemptPaths(tmp_path))
    assert (read.cause, read.message) == ("diverged", "the loss is NaN")


def test_where_not_even_that_could_be_written_rays_error_tells(tmp_path: Path) -> None:
    nowhere = AttemptPaths(tmp_path / "file" / "folder")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    write_failure(nowhere, TrialFailure(SURROUNDINGS, "disk full"))  # must not raise
    handed_on = RuntimeError("ray's wrapping")
    handed_on.__cause__ = TrialFailure(SURROUNDINGS, "disk full")
    assert read_failure(nowhere, handed_on).cause == SURROUNDINGS
    assert read_failure(nowhere).cause == "worker_lost"
