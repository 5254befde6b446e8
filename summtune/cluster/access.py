"""The way to a cluster's job server: Ray's own client, with the token that is here, after the checks that keep secrets from leaking.

What goes wrong between here and there is said in words that help. It must not know what jobs are for (`submission`, `jobs`).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from summtune.cluster.addresses import Address, check_clear_text
from summtune.errors import Problem, RunMistake, SurroundingsFailure

_TOKEN, _TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TIMEOUT_S = 10
_T = TypeVar("_T")


class Access:
    """A job server that can be spoken to.

    Args:
        address: where it is.
        plaintext: whether clear text to a public address is allowed.

    Raises:
        RunMistake: nothing listens there, it is no job server, the token is missing or wrong, or the address may not be used.
    """

    def __init__(self, address: Address, *, plaintext: bool = False) -> None:
        check_clear_text(address, allowed=plaintext)
        self.url = address.url
        self._verify: str | bool = os.environ.get("REQUESTS_CA_BUNDLE") or True
        answer = self._get("/api/version", {})
        self.authenticates = answer.status_code in (401, 403)
        self._headers = _headers(os.environ) if self.authenticates else {}
        if self.authenticates:
            self._check_token(self._get("/api/version", self._headers))
        elif not answer.ok or "ray_version" not in answer.text:
            raise RunMistake(Problem(f"{self.url} answers, and is no Ray job server.", "Give the address of Ray's dashboard."))
        self.client = self._client()

    def check_authentication(self, *, allowed: bool) -> None:
        """Refuse to run code on a cluster on which anybody may.

        Raises:
            RunMistake: it authenticates nobody, and that was not allowed.
        """
        if self.authenticates or allowed:
            return
        reason = f"the cluster at {self.url} asks for no token: whoever reaches it can run code there, and read your job's secrets."
        remedy = "Start Ray with RAY_AUTH_MODE=token and a token on every node. `--allow-unauthenticated` submits all the same."
        raise RunMistake(Problem(reason, remedy))

    def said(self, ask: Callable[[JobSubmissionClient], _T]) -> _T:
        """What the client answers, with its errors in our words.

        Raises:
            SurroundingsFailure: the cluster doesn't answer, or refuses.
        """
        with _in_our_words(self.url):
            return ask(self.client)

    def listed(self, kind: str, **filters: str) -> list[dict[str, Any]]:
        """Rows of Ray's state API (`nodes`, `actors`) with their details.

        Raises:
            SurroundingsFailure: it can't say.
        """
        query: list[tuple[str, str]] = [("limit", "1000"), ("detail", "true"), ("timeout", str(TIMEOUT_S))]
        for name, value in filters.items():
            query += [("filter_keys", name), ("filter_predicates", "="), ("filter_values", value)]
        url = f"{self.url}/api/v0/{kind}"
        with _in_our_words(self.url):
            answer = requests.get(url, params=query, headers=self._headers, verify=self._verify, timeout=2 * TIMEOUT_S)
        try:
            rows: list[dict[str, Any]] = answer.json()["data"]["result"]["result"]
        except (ValueError, KeyError, TypeError):
            raise SurroundingsFailure(f"The cluster at {self.url} can't list its {kind}: {answer.text[:200]}") from None
        return rows

    def _get(self, path: str, headers: Mapping[str, str]) -> requests.Response:
        try:
            return requests.get(self.url + path, headers=dict(headers), verify=self._verify, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.exceptions.SSLError as error:
            reason = f"{self.url} has a certificate that isn't trusted here: {_last(error)}."
            raise RunMistake(Problem(reason, "Name the authority's file in REQUESTS_CA_BUNDLE.")) from None
        except requests.RequestException as error:
            remedy = "Is the cluster up, and the tunnel to it (`ssh -L 8265:127.0.0.1:8265 HEAD`)? `--address URL` names another."
            raise RunMistake(Problem(f"nothing answers at {self.url}: {_last(error)}.", remedy)) from None

    def _check_token(self, answer: requests.Response) -> None:
        if answer.ok:
            return
        if not self._headers:
            reason = f"the cluster at {self.url} asks for a token, and there is none here."
            remedy = f"Put the cluster's token into ~/.ray/auth_token, or name its file in {_TOKEN_PATH}."
        else:
            reason = f"the cluster at {self.url} doesn't take this token ({answer.status_code})."
            remedy = f"Compare {_source(os.environ)} with that of the cluster (`ray get-auth-token` on its head)."
        raise RunMistake(Problem(reason, remedy))

    def _client(self) -> JobSubmissionClient:
        for module in ("dashboard_sdk", "job.sdk"):
            logging.getLogger(f"ray.dashboard.modules.{module}").setLevel(logging.WARNING)
        with _only_this(self.url), _in_our_words(self.url):
            return JobSubmissionClient(self.url, headers=dict(self._headers), verify=self._verify)


@contextmanager
def _only_this(url: str) -> Iterator[None]:
    """Keep Ray's variables from overruling an address: its client takes them before its own argument."""
    name = "RAY_API_SERVER_ADDRESS"
    before = os.environ.get(name)
    os.environ[name] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _in_our_words(url: str) -> Iterator[None]:
    try:
        yield
    except AuthenticationError as error:
        raise RunMistake(Problem(f"the cluster at {url} refuses: {_last(error)}", "Check the token.")) from None
    except (requests.RequestException, aiohttp.ClientError, ConnectionError) as error:
        raise SurroundingsFailure(f"The cluster at {url} stopped answering: {_last(error)}. What it runs goes on without us.") from None
    except RuntimeError as error:
        raise SurroundingsFailure(f"The cluster at {url} refuses: {_last(error)}") from None


def _source(environ: Mapping[str, str]) -> str:
    """Where the token comes from, in Ray's own order."""
    return _TOKEN if environ.get(_TOKEN) else environ.get(_TOKEN_PATH) or "~/.ray/auth_token"


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    token = environ.get(_TOKEN, "").strip()
    if not token:
        try:
            token = Path(_source(environ)).expanduser().read_text(encoding="utf-8").strip()
        except OSError:
            return {}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _last(error: Exception) -> str:
    """The one line of an error that says something: of a connection that failed, what the system said."""
    system = re.search(r"\[Errno -?\d+\] ([^\"')]+)", str(error))
    if system is not None:
        return system[1]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
