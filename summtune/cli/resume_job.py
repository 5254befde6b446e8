"""`summtune resume RUN --address URL`: a job on the cluster that goes on with a run in the cluster's storage."""

from __future__ import annotations

import json
import os
from pathlib import Path

import typer

from summtune.cli.cluster_options import connected, dashboard, followed, on_cluster
from summtune.cli.submit import chosen_code
from summtune.cluster.addresses import named_anywhere
from summtune.cluster.packing import pack
from summtune.errors import JobMistake, Problem
from summtune.objects import ObjectStore, is_url
from summtune.paths import run_title


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
        JobMistake: a job is under way with that run.
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
    before = next((job for job in jobs.called(known, word) if job.run), None)
    if before is None and not named_anywhere(address, os.environ):
        jobs.meant(known, word, url=access.url)  # what listens there may be another run's own Ray: it has to know the run
    if before is not None and (under_way := next((job for job in known if job.run == before.run and not job.over), None)):
        stop = on_cluster("stop", under_way.id, address=address)
        raise JobMistake(Problem(f"{under_way.id} is {under_way.status.lower()} with that run.", f"Stop it first: `{stop}`."))
    run = before.run if before else ObjectStore.at(word).name if is_url(word) else word
    folder = output_dir or (before.metadata.get("output_dir") if before else None)
    arguments = [*words, *((f"--output-dir={folder}",) if folder else ()), "--", word if is_url(word) else run]
    name = before.name if before else run_title(Path(run))
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
