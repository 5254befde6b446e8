"""What is checked of nodes before a run begins, on clusters of two real nodes on this machine.

Both nodes have this machine's file system; one that doesn't see a folder has another one mounted over it, in a mount namespace of its own.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from summtune.events import standings
from tests.integration.conftest import TINY, merged, state_of
from tests.s3 import S3
from tests.small_training import rows, write_csv

pytestmark = [pytest.mark.ray, pytest.mark.slow]

RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Nodes:
    """A Ray cluster whose nodes come and go.

    Args:
        root: a folder with a short path.
        environment: of each node, and of `summtune`.
    """

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.address = f"127.0.0.1:{free_port()}"
        token = root / "token"
        token.write_text(secrets.token_hex(32), encoding="utf-8")
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        self.environment = {**os.environ, **environment, **secret, "RAY_ADDRESS": self.address}
        self._processes: list[subprocess.Popen[bytes]] = []

    def head(self, cpus: int = 1) -> None:
        self._start("head", ["--head", f"--num-cpus={cpus}", f"--port={self.address.partition(':')[2]}", f"--temp-dir={self.root / 'ray'}",
                             "--include-dashboard=false"], {})  # fmt: skip

    @contextmanager
    def node(self, name: str, *, blind_to: Path | None = None, **environment: str | None) -> Iterator[None]:
        """Another node; a variable that is None is taken from it."""
        process = self._start(name, [f"--address={self.address}", "--num-cpus=1"], environment, blind_to)
        try:
            yield
        finally:
            self._end(process)

    def summtune(self, *words: str | Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "summtune", *map(str, words)]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=280, check=False)
        return done.returncode, done.stdout + done.stderr

    def close(self) -> None:
        for process in reversed(self._processes):
            self._end(process)

    def _start(
        self, name: str, options: list[str], environment: dict[str, str | None] | dict[str, str], blind_to: Path | None = None
    ) -> subprocess.Popen[bytes]:
        command = [*RAY, "start", "--block", "--node-ip-address=127.0.0.1", f"--node-name={name}", "--disable-usage-stats"]
        command += options
        if blind_to is not None:
            inside = f"mount -t tmpfs tmpfs {shlex.quote(str(blind_to))} && exec {shlex.join(command)}"
            command = ["unshare", "--mount", "sh", "-c", inside]
        given = {key: value for key, value in {**self.environment, **environment}.items() if value is not None and key != "RAY_ADDRESS"}
        log = self.root / f"{name}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=self.root, env=given, stdout=stream, stderr=stream, start_new_session=True)
        self._processes.append(process)
        deadline = time.monotonic() + 120
        while b"Ray runtime started" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)


@pytest.fixture
def headless(s3: S3) -> Iterator[Nodes]:
    """A cluster that has no node yet."""
    root = Path(tempfile.mkdtemp(prefix="sn-", dir="/tmp"))  # Ray's sockets need a short path
    cluster = Nodes(root, s3.environment)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def nodes(headless: Nodes) -> Nodes:
    headless.head()
    return headless


def space(folder: Path, **changes: object) -> Path:
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(merged(TINY, changes), sort_keys=False), encoding="utf-8")
    return file


def can_mount() -> bool:
    return shutil.which("unshare") is not None and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace, and so root")
def test_a_node_that_does_not_see_the_folder_is_named(nodes: Nodes) -> None:
    results = nodes.root / "results"
    results.mkdir()
    with nodes.node("second", blind_to=results):
        code, output = nodes.summtune("run", space(nodes.root))
    assert code == 2, output
    assert ", second) does not see what is written to" in output
    assert "general.output_dir" in output
    assert ", head)" not in output
    assert list(results.iterdir()) == [], "nothing was begun, and nothing is left behind"


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace, and so root")
def test_the_only_node_that_takes_trials_is_asked_too(headless: Nodes) -> None:
    """As clusters commonly are: a head without CPUs for trials, and workers elsewhere, of which there is one so far."""
    headless.head(cpus=0)
    results = headless.root / "results"
    results.mkdir()
    with headless.node("second", blind_to=results):
        code, output = headless.summtune("run", space(headless.root))
    assert code == 2, output
    assert ", second) does not see what is written to" in output
    assert list(results.iterdir()) == []


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace, and so root")
def test_a_node_that_lacks_the_data_is_named_with_them(nodes: Nodes) -> None:
    """No trial is spent on it: data that a trial can't read fail it for good."""
    data = nodes.root / "data"
    data.mkdir()
    for split, count in (("train", 16), ("dev", 4)):
        write_csv(data / f"{split}.csv", rows(count, start=0 if split == "train" else 100))
    file = space(nodes.root, data={split: str(data / f"{split}.csv") for split in ("train", "dev")})
    with nodes.node("second", blind_to=data):
        code, output = nodes.summtune("run", file)
    assert code == 2, output
    said = " ".join(output.split())
    for split in ("train", "dev"):
        assert f"data.{split}: node " in said
        assert f", second) has no {data / f'{split}.csv'}, which this machine has." in said
    assert list((nodes.root / "results").iterdir()) == []


def test_a_node_that_can_t_reach_the_store_is_named(nodes: Nodes, s3: S3) -> None:
    file = space(nodes.root, settings={"general": {"storage": f"s3://{s3.bucket()}/runs"}})
    with nodes.node("second", AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}"):
        code, output = nodes.summtune("run", file)
    assert code == 3, output
    assert ", second) can't reach s3://" in output
    assert "Could not connect to server" in output


NOTING = """import os, sys

def note(event, arguments):
    if event == "os.mkdir" and ".making-" in str(arguments[0]):
        with open(os.environ["MADE"], "a") as log:
            log.write(f"{arguments[0]}\\n")

sys.addaudithook(note)
"""
"""Executed by every Python process of a node as it starts: notes each thing that is made to be kept, as often as it is made."""


def test_two_nodes_share_a_run_and_each_tokenises_once(headless: Nodes, s3: S3) -> None:
    bucket, root = s3.bucket(), headless.root
    (root / "sitecustomize.py").write_text(NOTING, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    headless.environment |= {"PYTHONPATH": path, "MADE": str(root / "made"), "SUMMTUNE_CACHE": str(root / "first cache")}
    headless.head()
    with headless.node("second", SUMMTUNE_CACHE=str(root / "second cache")):
        file = space(root, settings={"general": {"storage": f"s3://{bucket}/runs"}, "training": {"num_train_epochs": 3}})
        code, output = headless.summtune("run", file)
    assert code == 0, output
    (folder,) = (root / "results").glob("tiny-*")
    from summtune.paths import RunPaths

    state = state_of(RunPaths(folder))
    assert standings.best(state) is not None
    assert len(state.trials) == 4
    made = {Path(line) for line in (root / "made").read_text(encoding="utf-8").splitlines()}  # each making has a folder of its own
    tokenised = Counter(one.parent for one in made if one.parent.name == "tokenised")
    each = "training and development data, once for all trials of the node"
    assert tokenised == {root / cache / "tokenised": 2 for cache in ("first cache", "second cache")}, each
