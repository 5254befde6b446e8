"""A real S3 server on loopback (moto's), that can be stopped and started again with what it has stored."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.server import ThreadedMotoServer

SECRET = "canary-9f3b-secret-key"
"""AWS_SECRET_ACCESS_KEY in tests: may be in no file of a run."""


class S3:
    """A server that runs, with a bucket of its own for whoever asks."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in order to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "canary-key-id",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{secrets.token_hex(6)}"
        requests.put(f"{self.endpoint}/{name}", timeout=10).raise_for_status()
        return name

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody answers at its port; what was stored is there afterwards."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        """Go on where `stop` was called."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
