"""Keeps secrets unreadable on the way to a job: half of each travels in the job's environment, the other half in its package.

Ray writes the environment of every job into a log on each node (`runtime_env_agent.log`), shows it to the clients of its API, and
passes it to workers on their command line for a moment. So the environment holds secrets combined with a pad: as many random bytes,
never used twice, which lie in a file of the package. Either half alone is noise (Vernam's one-time pad; C. E. Shannon, Communication
Theory of Secrecy Systems, 1949). Who may read both, as the user whom jobs run as, can read the secrets, as the job itself has to.

It must not import more than the standard library: every worker of the job begins with `open_here`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path

SEALED = "SUMMTUNE_JOB_SECRETS"
PAD = "summtune-pad"
HOOK = f"{__name__}.open_here"


def seal(values: Mapping[str, str]) -> tuple[str, bytes]:
    """Values as a text for the environment, and the pad that opens it."""
    plain = json.dumps(dict(values)).encode()
    pad = secrets.token_bytes(len(plain))
    return base64.b64encode(_combined(plain, pad)).decode(), pad


def opened(text: str, pad: bytes) -> dict[str, str]:
    """What was sealed."""
    found: dict[str, str] = json.loads(_combined(base64.b64decode(text), pad))
    return found


def open_here(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put sealed values, if there are any, into this process's environment: a job's command and, by Ray's hook, each of its workers.

    Raises:
        RuntimeError: the package that the job came with is not there.
    """
    text = environ.get(SEALED)
    if not text:
        return
    folders = [Path.cwd(), *(Path(folder) for folder in environ.get("PYTHONPATH", "").split(os.pathsep) if folder)]
    pad = next((folder / PAD for folder in folders if (folder / PAD).is_file()), None)
    if pad is None:
        raise RuntimeError(f"the job's secrets can't be opened: {PAD} is in none of {', '.join(map(str, folders))}")
    environ.update(opened(text, pad.read_bytes()))


def _combined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
