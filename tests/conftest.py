"""What all tests share: a cache of their own, and no traces of the person's own environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.s3 import S3

# Nothing of the person who runs the tests may reach them: neither an account nor an override.
for name in [name for name in os.environ if name.startswith(("WANDB_", "SUMMTUNE_", "RAY_"))]:
    del os.environ[name]
for name in ("MODEL_NAME", "OUTPUT_DIR", "BATCH_SIZE", "LEARNING_RATE", "NUM_EPOCHS", "SEED"):
    os.environ.pop(name, None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside each other, and models are tiny
os.environ["NETRC"] = os.devnull

# A shell without job control lets what it starts with `&` ignore Ctrl-C, and what that starts: tests send it to commands.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that the whole session shares and nobody else: made-up models and tokenised data are made once per session."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["SUMMTUNE_CACHE"] = str(folder)
    yield folder
    del os.environ["SUMMTUNE_CACHE"]


@pytest.fixture(autouse=True)
def no_cluster_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody names a cluster one is looked for on this machine; the Ray of another test, or of a person, must not answer."""
    monkeypatch.setattr("summtune.cluster.addresses.DEFAULT", "http://127.0.0.1:1")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server on loopback."""
    from tests.s3 import S3

    server = S3()
    yield server
    server.stop()


@pytest.fixture
def s3_environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The same, with its address and keys in this process's environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-kills", type=int, default=20, help="how often tests/integration/test_chaos.py kills each run's driver")


@pytest.fixture
def chaos_kills(request: pytest.FixtureRequest) -> int:
    """How often the chaos test kills a run's driver."""
    return int(request.config.getoption("--chaos-kills"))
