"""Ends a process that drives a run whose cluster's head is gone: in good order where that is possible, and with the right exit code.

Ray by itself ends it after a minute (`gcs_rpc_server_reconnect_timeout_s`), from C++ and with code 1: nothing is said, nothing recorded.
Meanwhile any call of Ray's may hang, so that the main thread can be asked to end, but not be relied upon.

It must not know what a run is: who is told ends it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from summtune.errors import SurroundingsFailure

LOOK_EVERY_S, CONNECT_S = 1.0, 2.0
"""How often the head is looked for, and how long it may take to answer."""

ASK_AFTER, END_AFTER = 0.7, 0.85
"""After which parts of Ray's patience the process is asked to end, and ended. A link that was cut may be there again before."""

HEAD_GONE = "the cluster's head is gone."
GOES_ON = "Nothing recorded is lost; `summtune resume` goes on."

_PATIENCE = "RAY_gcs_rpc_server_reconnect_timeout_s"


def rays_patience_s() -> float:
    """How long Ray lets a head be gone before it ends the process; its setting can be read from the environment alone."""
    return float(os.environ.get(_PATIENCE) or 60)


class HeadWatch:
    """Looks after a cluster's head in a thread of its own.

    Args:
        address: the head's, `host:port`.

    Attributes:
        gone: whether the head has been away for so long that the process is to end.
    """

    def __init__(self, address: str) -> None:
        self.gone = False
        self._address = address
        self._patience_s = rays_patience_s()
        self._over = threading.Event()
        self._asked: Callable[[], None] = _nothing
        self._ended: Callable[[], None] = _say

    def begin(self) -> None:
        """The process has joined the cluster."""
        threading.Thread(target=self._watch, name="head watch", daemon=True).start()

    @contextmanager
    def telling(self, asked: Callable[[], None], ended: Callable[[], None]) -> Iterator[None]:
        """Tell a block that works with the cluster.

        Args:
            asked: called once, in the watch's thread, when the head has been gone for a while: the block is to end.
            ended: called there when it still has not, before the process ends: it says why.
        """
        self._asked, self._ended = asked, ended
        try:
            yield
        finally:
            self._asked, self._ended = _nothing, _say

    def over(self) -> None:
        """The process has left the cluster."""
        self._over.set()

    def _watch(self) -> None:
        since: float | None = None
        while not self._over.wait(LOOK_EVERY_S):
            if not self.gone and self.answers():
                since = None
                continue
            since = time.monotonic() if since is None else since
            gone_s = time.monotonic() - since
            if not self.gone and gone_s > ASK_AFTER * self._patience_s:
                self.gone = True
                self._asked()
            if gone_s > END_AFTER * self._patience_s:
                self._ended()
                os._exit(SurroundingsFailure.exit_code)  # the main thread hangs inside Ray, where nothing else ends it

    def answers(self) -> bool:
        """Whether it can be spoken to now."""
        host, _, port = self._address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S):
                return True
        except OSError:
            return False


def _nothing() -> None:
    """Nobody is to be told."""


def _say() -> None:
    """Tell at least whoever looks at the process: nothing else has been said of its end."""
    print(f"{HEAD_GONE} {GOES_ON}", file=sys.stderr, flush=True)
