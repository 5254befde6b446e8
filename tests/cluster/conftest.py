"""A Ray head of its own, as a cluster has it: a job server that asks for a token, on loopback, and a storage."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

_OF_A_NODE = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port")
_RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]


@dataclass(frozen=True)
class Head:
    """A head that runs.

    Attributes:
        url: its job server.
        token_file: holds its token.
        storage: SUMMTUNE_STORAGE of its jobs.
        session: Ray's own folder, with all its logs.
        home: a person's folder, from which `summtune` is called.
        gcs: what other nodes join.
    """

    url: str
    token_file: Path
    storage: Path
    session: Path
    home: Path
    gcs: str

    def environment(self, **more: str) -> dict[str, str]:
        """Of a person who has the token."""
        return {**os.environ, "RAY_AUTH_TOKEN_PATH": str(self.token_file), "HOME": str(self.home), **more}

    def summtune(self, *words: str | Path, **more: str) -> tuple[int, str, str]:
        """A command to its end: exit code, output, errors. Variables of the environment are given by name."""
        done = subprocess.run(
            [sys.executable, "-m", "summtune", *map(str, words), "--address", self.url],
            cwd=self.home,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def by_variable(self, *words: str | Path, **more: str) -> tuple[int, str, str]:
        """A command that is told the address by the environment, as whoever has exported it."""
        command, environment = (
            [sys.executable, "-m", "summtune", *map(str, words)],
            self.environment(RAY_API_SERVER_ADDRESS=self.url, **more),
        )
        done = subprocess.run(command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=600, check=False)
        return done.returncode, done.stdout, done.stderr

    def ray(self, *words: str) -> str:
        """Ray's own command line."""
        environment = self.environment(RAY_AUTH_MODE="token", RAY_API_SERVER_ADDRESS=self.url)
        return subprocess.run(
            [*_RAY, *words], cwd=self.home, env=environment, capture_output=True, text=True, timeout=120, check=True
        ).stdout


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@pytest.fixture
def server() -> Iterator[str]:
    """A server that knows nothing, and says so."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head that asks for a token."""
    with running_head("token", answer=401) as found:
        yield found


@contextmanager
def running_head(mode: str, *, answer: int) -> Iterator[Head]:
    """A head with two CPUs, one turn for runs, and packages that Ray forgets within seconds when nobody needs them.

    Args:
        mode: RAY_AUTH_MODE.
        answer: the status that its job server answers with, when it is there, to somebody without a token.
    """
    with closing(_Folder()) as folder:
        root = folder.path
        token = root / "token"
        token.write_text(secrets.token_hex(32), encoding="utf-8")
        for name in ("storage", "home", "bin"):
            (root / name).mkdir()
        for name, words in (("python", sys.executable), ("summtune", f"{sys.executable} -m summtune")):
            command = root / "bin" / name
            command.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
            command.chmod(0o755)
        ports = _ports("port", "dashboard-port", "ray-client-server-port", *_OF_A_NODE)
        environment = {
            **os.environ,
            "RAY_AUTH_MODE": mode,
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S": "8",
            "SUMMTUNE_STORAGE": str(root / "storage"),
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        }
        options = [f"--{name}={port}" for name, port in ports.items()]
        with (root / "head.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*_RAY, "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", "--num-cpus=2",
                 '--resources={"summtune_driver": 1}', f"--temp-dir={root / 'ray'}", "--disable-usage-stats", *options],
                cwd=root / "home", env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{ports['dashboard-port']}"
            _wait(url, process, root / "head.log", answer)
            gcs = f"127.0.0.1:{ports['port']}"
            yield Head(url, token, root / "storage", root / "ray" / "session_latest", root / "home", gcs)
        finally:
            _end(process)


@contextmanager
def joined(head: Head, address: str, **variables: str | None) -> Iterator[None]:
    """Another node of a head's cluster, on this machine too.

    Args:
        head: what it joins.
        address: its own, of the loopback network.
        variables: its environment's; None takes one away.
    """
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(head.token_file),
        "SUMMTUNE_STORAGE": str(head.storage),
    }
    for name, value in variables.items():
        environment.pop(name, None)
        environment.update({name: value} if value is not None else {})
    options = [f"--{name}={port}" for name, port in _ports(*_OF_A_NODE).items()]
    with (head.home / f"{address}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*_RAY, "start", f"--address={head.gcs}", "--block", f"--node-ip-address={address}", "--num-cpus=1",
             "--disable-usage-stats", *options],
            cwd=head.home, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _until(lambda: address in _alive(head), process, head.home / f"{address}.log")
        yield
    finally:
        _end(process)
        _until(lambda: address not in _alive(head))


def _alive(head: Head) -> set[str]:
    """Addresses of the nodes that the head takes for alive."""
    headers = {"Authorization": f"Bearer {head.token_file.read_text(encoding='utf-8')}"}
    asked = {"filter_keys": "state", "filter_predicates": "=", "filter_values": "ALIVE"}
    answer = requests.get(f"{head.url}/api/v0/nodes", params=asked, headers=headers, timeout=30).json()
    return {node["node_ip"] for node in answer["data"]["result"]["result"]}


def _until(reached: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        said = log.read_text(encoding="utf-8") if log else "it never came"
        assert process is None or process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


def _ports(*names: str) -> dict[str, int]:
    return dict(zip(names, _free_ports(len(names)), strict=True))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


class _Folder:
    """A folder with a short path, as Ray's sockets need it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, answer: int, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        try:
            if requests.get(f"{url}/api/version", timeout=5).status_code == answer:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
