"""Submits a packed command of ours as a job: with a readable id, metadata by which it is found again, and secrets that stay secret.

Secrets travel by the job's environment, sealed (`sealing`), and nowhere else: Ray shows metadata and the command line to everybody.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shlex
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import summtune
from summtune.cluster.access import Access
from summtune.cluster.agreement import DRIVER_RESOURCE, STOP_WAIT_S, STOP_WAIT_VARIABLE
from summtune.cluster.jobs import JOB_NAME
from summtune.cluster.packing import Package
from summtune.cluster.sealing import HOOK, SEALED, seal
from summtune.config.environment import settings_variables
from summtune.config.logins import hub_token, wandb_key
from summtune.errors import Problem, RunMistake
from summtune.run_folders import folder_name

SECRETS = ("WANDB_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Secrets that go along by themselves where they are set; `--env NAME` adds others."""

_TOLD = ("WANDB_BASE_URL", "HF_ENDPOINT", "HF_HUB_OFFLINE")

_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "RAY_ADDRESS", "RAY_AUTH_TOKEN")


@dataclass(frozen=True)
class Submission:
    """A job to be.

    Attributes:
        id: its submission id.
        verb: of ours.
        words: what follows the verb.
        name: the run's name.
        run: the run's folder name.
        variables: its environment, in clear.
        secrets: its environment, sealed on the way.
        metadata: what else is told of it.
        module: what is executed in place of a verb; it has to travel.
    """

    id: str
    verb: str
    words: Sequence[str]
    name: str
    run: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    metadata: Mapping[str, str]
    module: str = ""

    def command(self, *, code_travels: bool) -> str:
        """Its command line."""
        if self.module:
            return shlex.join(["python", "-m", self.module])
        program = ("python", "-m", "summtune") if code_travels else ("summtune",)
        return shlex.join([*program, self.verb, *self.words])


def new_identity(name: str, now: datetime) -> tuple[str, str]:
    """Id of a job and folder name of its run, which end alike, so that one is known by the other."""
    suffix = f"-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return plain(name) + suffix, folder_name(name) + suffix


def further_identity(verb: str, run: str) -> str:
    """Id of another job for a run."""
    return f"{verb}-{plain(run)}-{secrets.token_hex(3)}"


def plain(name: str) -> str:
    """A name in the letters that addresses, file names and Ray's own names all take."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", folder_name(name)).strip("-.") or "run"


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What acts here and has to act there: the variables that are settings, and where the hub and W&B are."""
    return settings_variables(environ) | {name: environ[name] for name in _TOLD if environ.get(name)}


def sealed_variables(environ: Mapping[str, str], named: Iterable[str]) -> dict[str, str]:
    """Secrets that are set here, logins to W&B and the hub that lie in files here, and what a person names.

    Raises:
        RunMistake: as `named_variables`.
    """
    found = {name: environ[name] for name in SECRETS if environ.get(name)}
    for name, login in (("WANDB_API_KEY", wandb_key(environ)), ("HF_TOKEN", hub_token())):
        if login:
            found.setdefault(name, login)
    return found | named_variables(environ, named)


def named_variables(environ: Mapping[str, str], named: Iterable[str]) -> dict[str, str]:
    """What a person names; whatever is named is taken for a secret.

    Raises:
        RunMistake: one isn't set here, or is not for a job to change.
    """
    found = dict[str, str]()
    for name in named:
        if "=" in name:
            shown = name.partition("=")[0]
            reason = "a value on the command line would stand in your shell's history, and in the list of processes."
            raise RunMistake(Problem(reason, f"Set it first, and name it: `--env {shown}`.", key="--env"))
        if name in _KEPT:
            raise RunMistake(Problem(f"{name} is the cluster's own.", "Leave it out.", key=f"--env {name}"))
        if name not in environ:
            raise RunMistake(Problem("it isn't set here.", f"Set it: `export {name}=…`.", key=f"--env {name}"))
        found[name] = environ[name]
    return found


def described() -> dict[str, str]:
    """Who submits, for those who share a cluster."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return {"summtune": summtune.__version__, "by": f"{user} on {socket.gethostname()}"}


def submit(access: Access, job: Submission, package: Package, *, slot: bool) -> str:
    """Upload the package and submit the job.

    The driver takes no CPU and no GPU, so that trials lose none to it. Where the cluster declares turns it waits for one.

    Returns:
        The id.
    """
    sealed, pad = seal(job.secrets) if job.secrets else ("", b"")
    metadata = {
        **described(),
        **job.metadata,
        JOB_NAME: job.name,
        "run": job.run,
        "verb": job.verb,
        **({"slot": DRIVER_RESOURCE} if slot else {}),
    }
    with tempfile.TemporaryDirectory(prefix="summtune-") as folder:
        environment = {
            "working_dir": str(package.write(Path(folder) / "package.zip", pad)),
            "env_vars": {STOP_WAIT_VARIABLE: str(STOP_WAIT_S), **job.variables, **({SEALED: sealed} if sealed else {})},
            **({"worker_process_setup_hook": HOOK} if sealed else {}),
        }
        return str(
            access.said(
                lambda client: client.submit_job(
                    entrypoint=job.command(code_travels=package.holds_code),
                    submission_id=job.id,
                    runtime_env=environment,
                    metadata=metadata,
                    entrypoint_num_cpus=0,
                    entrypoint_num_gpus=0,
                    entrypoint_resources={DRIVER_RESOURCE: 1} if slot else None,
                )
            )
        )
