"""Jobs of a cluster as a person asks for them: which there are, which is meant by a word, why one waits, how one ended.

It must not know how jobs are submitted; what `submission` wrote into their metadata it reads.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from summtune.cluster.access import Access
from summtune.cluster.agreement import DRIVER_RESOURCE, STORAGE_VARIABLE
from summtune.config.settings import General
from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.paths import RunPaths

JOB_NAME = "job_name"
"""The key of a job's metadata that Ray's dashboard calls it by."""

POLL_S = 0.5
STARTING_S = 30.0
_OVER = ("STOPPED", "SUCCEEDED", "FAILED")
_NOT_TRIED = 3
_MEANINGS = {
    1: "nothing usable came out, or a fault of ours",
    2: "a mistake in what was given",
    3: "the surroundings gave way; it can be resumed",
    127: "the cluster has no such program; `summtune submit --code here` brings its own",
    130: "interrupted; it can be resumed",
}
_STOPPED = 130


@dataclass(frozen=True)
class JobView:
    """A job.

    Attributes:
        id: its submission id.
        status: Ray's word: PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED.
        run: the run's folder name; empty where only the job knows it.
        name: the run's name; empty for jobs that are none of ours.
        verb: what the job does: `run`, `resume`, or another.
        began: when it was submitted (seconds since 1970); None if unknown.
        ended: when it was over.
        message: what Ray says of its status.
        exit_code: of its command.
        metadata: all of it.
        command: its command line.
    """

    id: str
    status: str
    run: str
    name: str
    verb: str
    began: float | None
    ended: float | None
    message: str
    exit_code: int | None
    metadata: dict[str, str]
    command: str

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in _OVER

    @property
    def outcome(self) -> str:
        """How it failed, or was lost; empty where it did neither."""
        if self.status != "FAILED":
            return ""
        return self.message if self.exit_code is None else f"exit code {self.exit_code}: {_MEANINGS.get(self.exit_code, 'see its log')}"

    @property
    def code(self) -> int:
        """The exit code that stands for how it ended: its command's own, where that came to one."""
        if self.exit_code is not None:
            return self.exit_code
        return {"SUCCEEDED": 0, "STOPPED": _STOPPED}.get(self.status, _NOT_TRIED)


def listed(access: Access) -> list[JobView]:
    """All submitted jobs, the newest first."""
    found = [_view(job) for job in access.said(lambda client: client.list_jobs()) if job.submission_id]
    return sorted(found, key=lambda job: job.began or 0.0, reverse=True)


def get(access: Access, identity: str) -> JobView:
    """A job by its id."""
    return _view(access.said(lambda client: client.get_job_info(identity)))


def called(jobs: Sequence[JobView], word: str) -> list[JobView]:
    """The jobs that have this id; where there is none those of this run; else those of runs of this name. In the order given."""
    for found in (
        [job for job in jobs if job.id == word],
        [job for job in jobs if job.run == word],
        [job for job in jobs if job.run and job.name == word],  # a job that only brings results here is none of the run's
    ):
        if found:
            return found
    return []


def meant(jobs: Sequence[JobView], word: str, *, url: str, alive: bool = False) -> JobView:
    """The job that a person means by its id, its run, or a run's name; of several the newest that isn't over, else the newest.

    Args:
        jobs: those that there are.
        word: what the person said.
        url: the cluster, for the message.
        alive: whether a job that is under way with the same run is meant rather than one that is over.

    Raises:
        RunMistake: there is none.
    """
    if found := called(jobs, word):
        runs = {job.run for job in found if job.run} if alive else set()
        same = [job for job in jobs if job in found or job.run in runs]
        return next((job for job in same if not job.over), found[0])
    known = list(dict.fromkeys(one for job in jobs for one in (job.name if job.run else "", job.run, job.id) if one))
    close = get_close_matches(word, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "`summtune jobs` lists them."
    raise RunMistake(Problem(f"the cluster at {url} has no job {word!r}.", hint if jobs else "It has none at all."))


def of_the_run(jobs: Sequence[JobView], word: str, *, url: str) -> list[JobView]:
    """All jobs of the runs that a word means, as `meant` takes it; of a job without a run, it alone.

    Raises:
        RunMistake: there is none.
    """
    meant(jobs, word, url=url)
    found = called(jobs, word)
    runs = {job.run for job in found if job.run}
    return [job for job in jobs if job in found or job.run in runs]


def folder_seen_here(job: JobView, environ: Mapping[str, str]) -> RunPaths | None:
    """The folder of a job's run, where this machine sees the cluster's storage: SUMMTUNE_STORAGE says so here as there."""
    storage = environ.get(STORAGE_VARIABLE, "").strip()
    if not storage or not job.run:
        return None
    run = RunPaths(Path(storage).expanduser() / (job.metadata.get("output_dir") or General().output_dir) / job.run)
    return run if run.events.is_file() else None


def has_slots(access: Access) -> bool:
    """Whether the cluster declares how many runs may be under way at once.

    Raises:
        SurroundingsFailure: it has no node.
    """
    deadline = time.monotonic() + STARTING_S
    while not (resources := [node["resources_total"] for node in access.listed("nodes", state="ALIVE") if node.get("resources_total")]):
        if time.monotonic() > deadline:  # the job server answers before the head's own node is there
            raise SurroundingsFailure(f"The cluster at {access.url} has no node that is alive. See `ray status` on its head.")
        time.sleep(POLL_S)
    return any(DRIVER_RESOURCE in one for one in resources)


def reasons_to_wait(access: Access, jobs: Sequence[JobView]) -> dict[str, str]:
    """Why each pending job waits, by its id.

    Args:
        access: the way to the cluster.
        jobs: all of the cluster's.
    """
    pending = [job for job in jobs if job.status == "PENDING"]
    if not pending:
        return {}
    takers = _slot_takers(access)
    holders = [job.id for job in jobs if job.status == "RUNNING" and job.id in takers]
    queue = sorted((job for job in pending if job.id in takers), key=lambda job: job.began or 0)
    reasons = {job.id: job.message for job in pending}
    for ahead, job in enumerate(queue if holders else ()):
        before = f"; {ahead} more {'wait' if ahead > 1 else 'waits'} before it" if ahead else ""
        reasons[job.id] = f"for its turn ({DRIVER_RESOURCE}), held by {', '.join(holders)}{before}"
    return reasons


def _slot_takers(access: Access) -> set[str]:
    """Ids of jobs that hold the resource, or ask for it: Ray's actors say, so that jobs of `ray job submit` are among them."""
    prefix = "_ray_internal_job_actor_"
    rows = access.listed("actors", class_name="JobSupervisor")
    return {str(row.get("name", "")).removeprefix(prefix) for row in rows if DRIVER_RESOURCE in (row.get("required_resources") or {})}


def follow(access: Access, job: JobView, say: Callable[[str], None]) -> JobView:
    """Hand on a job's log as it is written, until the job is over.

    Returns:
        The job as it ended.
    """

    async def tail() -> None:
        async for text in access.client.tail_job_logs(job.id):
            say(text)

    access.said(lambda client: asyncio.run(tail()))
    return get(access, job.id)


def waited_for(access: Access, identity: str, timeout_s: float = math.inf) -> JobView:
    """A job once it is over, or the time is."""
    deadline = time.monotonic() + timeout_s
    while not (job := get(access, identity)).over and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return job


def _view(job: Any) -> JobView:
    metadata = dict(job.metadata or {})
    return JobView(
        id=job.submission_id,
        status=str(job.status.value if hasattr(job.status, "value") else job.status),
        run=metadata.get("run", ""),
        name=metadata.get(JOB_NAME, ""),
        verb=metadata.get("verb", ""),
        began=job.start_time / 1000 if job.start_time else None,
        ended=job.end_time / 1000 if job.end_time else None,
        message=(job.message or "").splitlines()[0] if job.message else "",
        exit_code=job.driver_exit_code,
        metadata=metadata,
        command=job.entrypoint,
    )
