"""`summtune pull`: bring a run's results from a cluster's storage, or an object store, to this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cli.cluster_options import Address, CodeOption, Plaintext, Unauthenticated, connected
from summtune.cluster.parcel import DEFAULT_LIMIT_MB
from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.objects import is_url

if TYPE_CHECKING:
    from summtune.paths import RunPaths


def pull(
    run: Annotated[
        str,
        typer.Argument(help="A run of the cluster, its job, or a run's name (the newest of that name); or s3://bucket/prefix/RUN."),
    ],
    into: Annotated[Path | None, typer.Option(help="Folder of runs here; left out: ./results, or OUTPUT_DIR.", metavar="FOLDER")] = None,
    model: Annotated[bool, typer.Option("--model/--no-model", help="With the best model, or without.")] = True,
    limit_mb: Annotated[float, typer.Option(help="Most that goes through the cluster's log.", min=0)] = DEFAULT_LIMIT_MB,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories in the cluster's storage.")] = None,
    address: Address = None,
    code: CodeOption = None,
    plaintext: Plaintext = False,
    allow_unauthenticated: Unauthenticated = False,
    send: Annotated[bool, typer.Option("--send", hidden=True)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Bring results, report, event log and best model of a run here.

    From the object store that a URL names (general.storage), else from SUMMTUNE_STORAGE where that is seen, else through the cluster.
    """
    from summtune.cli.find import results_folder
    from summtune.cluster import parcel
    from summtune.cluster.agreement import STORAGE_VARIABLE
    from summtune.cluster.inside import current_job

    if send:
        if current_job(os.environ) is None:
            raise RunMistake(Problem("--send is what a cluster's job is told by `pull`.", "Leave it out."))
        found, files = _there(run, output_dir, model=model)
        parcel.send(found, files, sys.stdout, limit_mb)
        return 0
    place = into or results_folder(None)
    if is_url(run):
        if address or output_dir or code:
            raise RunMistake(Problem("options of a cluster mean nothing for a run in an object store.", "Leave them out."))
        return _from_the_store(run, place, model=model, as_json=as_json)
    storage = os.environ.get(STORAGE_VARIABLE, "").strip()
    if storage and address is None:
        found, files = _there(run, str(Path(storage).expanduser() / results_folder(output_dir)), model=model)
        folder = _free(place, found.folder.name)
        if folder.resolve() == found.folder.resolve():
            raise RunMistake(Problem(f"{folder} is the run itself.", "Give another folder with `--into FOLDER`."))
        parcel.copy(found, files, folder)
        count = len(files)
    else:
        folder, count = _through_the_cluster(
            run, place, output_dir, address, code, limit_mb, model=model, plaintext=plaintext, unauthenticated=allow_unauthenticated
        )
    return _pulled(folder, count, as_json=as_json)


def _from_the_store(url: str, place: Path, *, model: bool, as_json: bool) -> int:
    from summtune.tuning.brought_back import bring_results, stored_run

    store = stored_run(url)
    folder = _free(place, store.name)
    return _pulled(folder, bring_results(store, folder, model=model), as_json=as_json)


def _there(run: str, output_dir: str | None, *, model: bool) -> tuple[RunPaths, list[Path]]:
    """The run in the storage, and its files that are worth having."""
    from summtune.cli.find import the_run
    from summtune.cluster.parcel import chosen
    from summtune.reporting.views import best_model, open_run

    found = the_run(run, output_dir)
    state, _ = open_run(found)
    best = best_model(found, state) if model else None
    return found, chosen(found, best.best_model if best else None)


def _through_the_cluster(
    word: str,
    place: Path,
    output_dir: str | None,
    address: str | None,
    code: str | None,
    limit_mb: float,
    *,
    model: bool,
    plaintext: bool,
    unauthenticated: bool,
) -> tuple[Path, int]:
    """Let a short job print the files, and read its log."""
    from summtune.cli.submit import chosen_code
    from summtune.cluster.packing import pack

    package = pack((), chosen_code(code))
    access = connected(address, plaintext=plaintext)
    access.check_authentication(allowed=unauthenticated)
    from summtune.cluster import jobs, parcel
    from summtune.cluster.submission import Submission, further_identity, submit, variables

    job = next((one for one in jobs.listed(access) if one.run and word in (one.id, one.run, one.name)), None)
    run = job.run if job else word
    folder = _free(place, run)
    words = [run, "--send", "--limit-mb", f"{limit_mb:g}", *(() if model else ("--no-model",))]
    there = output_dir or (job.metadata.get("output_dir") if job else None)
    words += ["--output-dir", there] if there else []
    sender = Submission(further_identity("pull", run), "pull", words, job.name if job else run, "", variables(os.environ), {}, {})
    submit(access, sender, package, slot=False)
    ended = jobs.waited_for(access, sender.id)
    log = access.said(lambda client: client.get_job_logs(sender.id))
    if ended.code:
        typer.echo(log, err=True)
        if ended.exit_code == RunMistake.exit_code:
            raise RunMistake(Problem(f"the cluster can't send {run}: see above."))
        raise SurroundingsFailure(f"The cluster didn't send {run}: {ended.message or ended.status}.")
    return folder, parcel.receive(log, folder)


def _free(place: Path, name: str) -> Path:
    """The run's folder here. An earlier pull of the same run is brought up to date; a run that is driven here is left alone."""
    from summtune.paths import RunPaths
    from summtune.tuning.lock import is_held

    folder = place / name
    if folder.exists() and not RunPaths(folder).events.is_file():
        raise RunMistake(Problem(f"{folder} is there, and is no run.", "Give another folder with `--into FOLDER`."))
    if folder.exists() and is_held(RunPaths(folder).lock):
        raise RunMistake(Problem(f"{folder} is driven here: that is the run itself.", "There is nothing to pull."))
    return folder


def _pulled(folder: Path, count: int, *, as_json: bool) -> int:
    from summtune.cli.next_step import called, command
    from summtune.cluster.packing import megabytes
    from summtune.cluster.parcel import size_of
    from summtune.paths import RunPaths

    size = size_of([file for file in folder.rglob("*") if file.is_file()])
    if as_json:
        typer.echo(json.dumps({"run": folder.name, "folder": str(folder), "files": count, "bytes": size}, ensure_ascii=False, indent=2))
        return 0
    typer.echo(f"{folder}: {count} files, {megabytes(size)}")
    typer.echo(f"Next      {command('show', called(RunPaths(folder)))}")
    return 0
