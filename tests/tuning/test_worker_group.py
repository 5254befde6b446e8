"""Which of several workers' failures is the trial's."""

import pickle

import pytest
import torch
from ray.exceptions import ActorDiedError
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback, WorkerHealthCheckFailedError

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.training.ranks import has_lost_another
from summtune.tuning.worker_group import Smaller, _telling

LOST = WorkerHealthCheckFailedError("A worker health check failed.", ActorDiedError())
GONE = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:25260.")

TOLD_GONE = TrialFailure("worker_lost", "one of its workers was lost (RuntimeError: Connection closed by peer)")
"""What a worker makes of it on its way out."""


def raised(error: Exception) -> Exception:
    """As Ray Train hands on what a worker's function raised."""
    found: Exception = pickle.loads(pickle.dumps(UserExceptionWithTraceback(error, "a traceback")))
    return found


@pytest.mark.parametrize(
    ("failures", "cause", "message"),
    [
        ([LOST], "worker_lost", "the process of one of the trial's workers ended without a word"),
        ([raised(GONE)], "worker_lost", "one of its workers was lost"),
        ([raised(ValueError("odd")), raised(TrialFailure("diverged", "the loss became nan"))], "diverged", "the loss became nan"),
        ([raised(GONE), raised(TrialFailure("out_of_memory", "too large"))], "out_of_memory", "too large"),
        ([raised(ValueError("odd")), LOST], "worker_lost", "the process of one of"),
        ([raised(SurroundingsFailure("the disk is full")), LOST], "surroundings", "the disk is full"),
        ([raised(ValueError("odd"))], "error", "ValueError: odd"),
        ([raised(GONE), raised(ValueError("odd"))], "error", "ValueError: odd"),
        ([raised(TOLD_GONE), raised(TrialFailure("error", "ValueError: odd"))], "error", "ValueError: odd"),
        ([raised(TOLD_GONE), LOST], "worker_lost", "the process of one of the trial's workers ended without a word"),
        ([raised(TOLD_GONE), raised(TrialFailure("diverged", "the loss became nan")), LOST], "diverged", "the loss became nan"),
    ],
)
def test_the_failure_that_says_most(failures: list[Exception], cause: str, message: str) -> None:
    found = _telling(failures)
    assert found.cause == cause
    assert message in str(found)


def test_a_peer_that_is_gone_is_not_one_s_own_fault() -> None:
    assert has_lost_another(GONE)
    assert has_lost_another(torch.distributed.DistNetworkError("recvValue failed"))
    assert not has_lost_another(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not has_lost_another(ValueError("Connection closed by peer"))


def test_what_a_worker_tells_of_its_memory_travels() -> None:
    assert pickle.loads(pickle.dumps(Smaller(4, ("said",)))) == Smaller(4, ("said",))
