"""What holds inside a cluster's job: results lie under the cluster's storage, and nothing leaves it.

A job's own folder is a package that Ray unpacked in a temporary place and will delete; a run there could not be resumed. It must not know
Ray: the variable that Ray sets for the entrypoint of every job, submitted by us or by `ray job submit`, says all that is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from summtune.cluster.agreement import STORAGE_VARIABLE
from summtune.errors import Problem, RunMistake

_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_RUN_SUFFIX = re.compile(r"-\d{8}-\d{6}-[0-9a-f]{4}$")


@dataclass(frozen=True)
class Job:
    """The job that this process is the entrypoint of.

    Attributes:
        id: its submission id.
        storage: the folder that everything lies under that is to outlive it.
    """

    id: str
    storage: Path

    @property
    def run_suffix(self) -> str | None:
        """What the id and the run's folder end with, where `summtune submit` made up both; None for a job of `ray job submit`."""
        found = _RUN_SUFFIX.search(self.id)
        return found[0] if found else None

    def placed(self, path: str | Path, key: str = "general.output_dir") -> Path:
        """What is to be written to, a folder or a file: a relative one lies under the storage.

        Args:
            path: as a person gave it.
            key: what it was given by.

        Raises:
            RunMistake: it leaves the storage.
        """
        place = (self.storage / path).resolve()
        if not place.is_relative_to(self.storage):
            reason = f"{path} lies outside the cluster's storage, {self.storage}, which a job's results may not leave."
            raise RunMistake(Problem(reason, "Give a relative path.", key=key))
        return place

    def check_store(self, url: str | None) -> None:
        """Refuse a folder that stands for an object store where it lies elsewhere.

        Raises:
            RunMistake: it does.
        """
        parts = urlsplit(url or "")
        if parts.scheme == "file" and not Path(unquote(parts.path)).resolve().is_relative_to(self.storage):
            reason = f"{url} lies outside the cluster's storage, {self.storage}, which a job's results may not leave."
            raise RunMistake(Problem(reason, "Name an object store, or a folder below that.", key="general.storage"))


def in_job(environ: Mapping[str, str]) -> bool:
    """Whether this process is, or was started by, the entrypoint of a job."""
    return _JOB in environ


def current_job(environ: Mapping[str, str]) -> Job | None:
    """The job that this process runs in; None where it runs in none.

    Raises:
        RunMistake: it does, and the cluster doesn't say where results lie.
    """
    if not in_job(environ):
        return None
    storage = environ.get(STORAGE_VARIABLE, "").strip()
    if not storage or not Path(storage).is_absolute():
        given = f"{STORAGE_VARIABLE} is {storage!r}, which is no absolute path" if storage else f"{STORAGE_VARIABLE} is not set"
        reason = f"this is a job on a Ray cluster, and {given}: its results would lie where Ray deletes them."
        remedy = (
            f"Before Ray is started, on each node: `export {STORAGE_VARIABLE}=/mnt/shared/summtune`, a folder that all of them see. "
            f"For one job: `{STORAGE_VARIABLE}=/mnt/shared/summtune summtune submit --env {STORAGE_VARIABLE} …`."
        )
        raise RunMistake(Problem(reason, remedy))
    try:
        identity = json.loads(environ[_JOB])["metadata"]["job_submission_id"]
    except (ValueError, KeyError, TypeError):
        identity = ""
    return Job(str(identity), Path(storage).resolve())
