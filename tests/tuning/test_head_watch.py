"""A head that goes away, seen by who looks after it; no Ray is needed for that."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from summtune.tuning import head_watch
from summtune.tuning.head_watch import HeadWatch


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Something that listens; people wait for it two seconds."""
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")
    monkeypatch.setattr(head_watch, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(head_watch, "END_AFTER", 1e9)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return "{}:{}".format(*server.getsockname())


def test_who_works_with_a_cluster_is_told_once_that_its_head_is_gone(head: socket.socket) -> None:
    watch, calls, told = HeadWatch(address(head)), [], threading.Event()

    def asked() -> None:
        calls.append("asked")
        told.set()

    watch.begin()
    with watch.telling(asked, lambda: None):
        assert not told.wait(0.5)
        assert not watch.gone
        head.close()
        assert told.wait(20)
        assert watch.gone
        time.sleep(0.3)
    watch.over()
    assert calls == ["asked"]


def test_a_head_that_comes_back_in_time_was_not_gone(head: socket.socket) -> None:
    watch, told = HeadWatch(address(head)), threading.Event()
    watch.begin()
    with watch.telling(told.set, lambda: None):
        place = head.getsockname()
        head.close()
        assert not told.wait(0.5)
        with socket.create_server(place):
            assert not told.wait(3)
    watch.over()
    assert not watch.gone


def test_a_process_that_hangs_is_ended_as_where_the_surroundings_gave_way() -> None:
    hangs = (
        "import os, threading\n"
        "os.environ['RAY_gcs_rpc_server_reconnect_timeout_s'] = '1'\n"
        "from summtune.tuning.head_watch import HeadWatch\n"
        "watch = HeadWatch('127.0.0.1:1')\n"
        "watch.begin()\n"
        "with watch.telling(lambda: None, lambda: print('said why', flush=True)):\n"
        "    threading.Event().wait(60)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", hangs.replace("with watch.telling", "if True: #")], capture_output=True, text=True, timeout=120, check=False
    )
    assert (said.returncode, said.stderr) == (3, "the cluster's head is gone. Nothing recorded is lost; `summtune resume` goes on.\n")
    ended = subprocess.run([sys.executable, "-c", hangs], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (3, "said why\n")
