"""Serves optuna-dashboard on a run's `study.journal`, which the run's driver replaces now and then.

A copy of the journal in memory is served, read anew when the file is another: nothing is written in the run's folder. It must not know who
drives the run.
"""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from optuna.storages import JournalStorage

from summtune.errors import Problem, RunMistake
from summtune.reporting.study_view import Lines

App = Callable[[dict[str, Any], Any], Iterable[bytes]]
MISSING = "optuna-dashboard is not installed: `pip install 'summtune[dashboard]'`"


def installed() -> bool:
    """Whether there is an optuna-dashboard."""
    from importlib.util import find_spec

    return find_spec("optuna_dashboard") is not None


class StudyServer:
    """Listens from its making on, and answers while `serve` runs.

    Args:
        journal: of the run.
        host: where to listen.
        port: 0 for a free one.

    Raises:
        RunMistake: nothing can listen there.
    """

    def __init__(self, journal: Path, host: str, port: int) -> None:
        self._journal = journal
        self._read: tuple[int, int, int] | None = None
        self._app: App | None = None
        self._lock = threading.Lock()
        try:
            self._server = _Server((host, port), _Quiet)
        except OSError as error:
            remedy = "Give another with `--port N`; `--port 0` takes a free one." if error.errno == errno.EADDRINUSE else "Check `--host`."
            raise RunMistake(Problem(f"nothing can listen at {host}:{port}: {error.strerror}.", remedy)) from error
        self._server.set_app(self._answer)
        self.url = f"http://{host}:{self._server.server_port}/dashboard/studies/0"

    def serve(self) -> None:
        """Answer until interrupted."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()

    def close(self) -> None:
        """Listen no more."""
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._current()(environ, start_response)

    def _current(self) -> App:
        """optuna-dashboard over the journal as it is."""
        from optuna_dashboard import wsgi

        with self._lock:
            found = self._journal.stat()  # it is there always: the driver renames the next one over it
            identity = (found.st_ino, found.st_mtime_ns, found.st_size)
            if identity != self._read:
                lines = [json.loads(line) for line in self._journal.read_text(encoding="utf-8").splitlines()]
                self._app, self._read = wsgi(JournalStorage(Lines(lines))), identity
        assert self._app is not None
        return self._app


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a page that is left open must not keep Ctrl-C waiting

    def server_bind(self) -> None:
        """Without WSGIServer's look-up of the host's full name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nobody's business here."""
