"""Where a cluster's job server is, and whether it may be spoken to: not in clear text to a public address.

Ray's tokens authenticate, and encrypt nothing: whoever listens to http sees the token and every secret.
It must not know what is said to the server.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from summtune.errors import Problem, RunMistake

DEFAULT = "http://127.0.0.1:8265"
_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


@dataclass(frozen=True)
class Address:
    """A job server.

    Attributes:
        url: without a slash at the end.
        source: who named it: `--address`, a variable, or `default`.
    """

    url: str
    source: str


def chosen(given: str | None, environ: Mapping[str, str]) -> Address:
    """The address that is meant: as given, else Ray's variables, else a cluster on this machine.

    Raises:
        RunMistake: it is no address of a job server.
    """
    named = [("--address", given), *((name, environ.get(name)) for name in _VARIABLES)]
    source, text = next(((source, text.strip()) for source, text in named if text and text.strip()), ("default", DEFAULT))
    assert text is not None
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        right = False
    if not right:
        reason = f"{text} is not the address of a job server."
        remedy = "Give that of the cluster's dashboard, such as `--address http://127.0.0.1:8265` (through an ssh tunnel) or an https one."
        raise RunMistake(Problem(reason, remedy, key=source if source != "default" else ""))
    if parts.username or parts.password:
        raise RunMistake(Problem("it holds a password.", "Leave it out; a token comes by RAY_AUTH_TOKEN_PATH.", key=source))
    return Address(text.rstrip("/"), source)


def named_anywhere(given: str | None, environ: Mapping[str, str]) -> bool:
    """Whether a person has named a job server: on the command line, or by a variable that can't mean anything else."""
    urls = (environ.get(name, "") for name in _VARIABLES)
    return given is not None or any(url.startswith(("http://", "https://")) for url in urls)


def listens_by_default() -> bool:
    """Whether anything listens where a cluster is looked for that nobody has named: one on this machine, or a tunnel to one."""
    parts = urlsplit(DEFAULT)
    try:
        socket.create_connection((str(parts.hostname), parts.port or 0), timeout=1).close()
    except OSError:
        return False
    return True


def check_clear_text(address: Address, *, allowed: bool) -> None:
    """Refuse to send a token and secrets in clear text through a public network.

    Raises:
        RunMistake: so it would be, or nobody knows that host.
    """
    parts = urlsplit(address.url)
    if parts.scheme == "https" or allowed:
        return
    assert parts.hostname is not None, "checked when it was chosen"
    for number in _numbers(parts.hostname):
        if number.is_global:
            reason = f"{address.url} is a public address ({number}), and http is clear text: who listens reads the token and all secrets."
            remedy = (
                "Use https, or a tunnel (`ssh -L 8265:127.0.0.1:8265 HEAD` and http://127.0.0.1:8265). `--plaintext` sends it all the same."
            )
            raise RunMistake(Problem(reason, remedy))


def is_clear_text(url: str) -> bool:
    """Whether what is said to a server can be read on the way there, beyond this machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname is not None and not all(number.is_loopback for number in _numbers(parts.hostname))


def _numbers(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise RunMistake(Problem(f"there is no host {host}: {error.strerror}.", "Check --address.")) from None
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
