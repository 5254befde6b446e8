"""`summtune resume RUN --address URL`: a job on the cluster that goes on with a run in the cluster's storage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from summtune.cli.cluster_options import connected, dashboard, followed, on_cluster
from summtune.cli.live_run import told_of
from summtune.cli.submit import chosen_code
from summtune.cluster.addresses import named_anywhere
from summtune.cluster.packing import pack
from summtune.errors import JobMistake, Problem
from summtune.objects import ObjectStore, is_url
from summtune.run_folders import run_title

if TYPE_CHECKING:
    from summtune.cluster.access import Access
    from summtune.cluster.jobs import JobView


def resume_job(
    word: str,
    words: list[str],
    output_dir: str | None,
    address: str | None,
    code: str | None,
    environment: list[str],
    *,
    plaintext: bool,
    allow_unauthenticated: bool,
    follow: bool,
    as_json: bool,
) -> int:
    """Submit it. A run that the cluster has no job of any more (it was started anew, say) is named by its folder's name.

    Raises:
        JobMistake: a job is under way with that run, or the job that is meant drives none.
        RunMistake: nobody has named the cluster, and it has no job of it.
    """
    from summtune.cluster.submission import sealed_variables, variables

    secrets = sealed_variables(os.environ, environment)
    package = pack((), chosen_code(code))
    access = connected(address, plaintext=plaintext)
    access.check_authentication(allowed=allow_unauthenticated)
    from summtune.cluster import jobs
    from summtune.cluster.submission import Submission, further_identity, submit

    known = jobs.listed(access)
    before = next(iter(jobs.called(known, word)), None)
    if before is None and not named_anywhere(address, os.environ):
        jobs.meant(known, word, url=access.url)  # what listens there may be another run's own Ray: it has to know the run
    run, told = _run_of(access, before) if before else (ObjectStore.at(word).name if is_url(word) else word, None)
    if before is not None and (under_way := next((job for job in known if (job.run == run or job is before) and not job.over), None)):
        stop = on_cluster("stop", under_way.id, address=address)
        raise JobMistake(Problem(f"{under_way.id} is {under_way.status.lower()} with that run.", f"Stop it first: `{stop}`."))
    folder = output_dir or told
    arguments = [*words, *((f"--output-dir={folder}",) if folder else ()), "--", word if is_url(word) else run]
    name = before.name if before and before.run else run_title(Path(run))
    metadata = {"output_dir": folder} if folder else {}
    job = Submission(further_identity("resume", run), "resume", arguments, name, run, variables(os.environ), secrets, metadata)
    identity = submit(access, job, package, slot=jobs.has_slots(access))
    if not as_json or follow:
        typer.echo(f"{identity}: submitted to {access.url}", err=as_json)
        typer.echo(f"Log        {on_cluster('logs', '-f', identity, address=address)}", err=as_json)
    result = followed(access, jobs.get(access, identity), address=address, err=as_json) if follow else 0
    if as_json:
        typer.echo(json.dumps({"id": identity, "run": run, "dashboard": dashboard(access.url, identity)}, ensure_ascii=False, indent=2))
    return result


def _run_of(access: Access, job: JobView) -> tuple[str, str | None]:
    """The folder name of a job's run, and the folder that it lies in where that is known; of a job of `ray job submit` its log says both.

    Raises:
        JobMistake: it has said of none.
    """
    if job.run:
        return job.run, job.metadata.get("output_dir")
    folder = told_of(access.said(lambda client: client.get_job_logs(job.id)))
    if folder is None:
        raise JobMistake(Problem(f"{job.id} has opened no run, by its log.", "Name the run: `summtune resume RUN --address URL`."))
    return folder.name, str(folder.parent)
