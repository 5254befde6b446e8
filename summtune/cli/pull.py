"""`summtune pull`: bring a run's results from a cluster's storage, or an object store, to this machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cli.cluster_options import Address, CodeOption, Environment, Plaintext, Unauthenticated, connected
from summtune.cluster.parcel import DEFAULT_LIMIT_MB
from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.events import copies
from summtune.events.copies import Origin
from summtune.objects import is_url

if TYPE_CHECKING:
    from summtune.paths import RunPaths

_NOTE = "note: "
"""What lines of a sending job begin with that are meant for the person."""


def pull(
    run: Annotated[
        str,
        typer.Argument(help="A run of the cluster, its job, or a run's name (the newest of that name); or s3://bucket/prefix/RUN."),
    ],
    into: Annotated[Path | None, typer.Option(help="Folder of runs here; left out: ./results, or OUTPUT_DIR.", metavar="FOLDER")] = None,
    model: Annotated[
        bool | None,
        typer.Option("--model/--no-model", help="With the best model, or without; left out: with it, unless it is too much for a log."),
    ] = None,
    limit_mb: Annotated[float, typer.Option(help="Most that goes through the cluster's log.", min=0)] = DEFAULT_LIMIT_MB,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories in the cluster's storage.")] = None,
    address: Address = None,
    code: CodeOption = None,
    environment: Environment = None,
    plaintext: Plaintext = False,
    allow_unauthenticated: Unauthenticated = False,
    send: Annotated[bool, typer.Option("--send", hidden=True)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Bring results, report, event log and best model of a run here.

    From the object store that a URL names (general.storage), else from SUMMTUNE_STORAGE where that is seen, else through the cluster.
    """
    from summtune.cli.find import results_folder, written_to
    from summtune.cluster import parcel
    from summtune.cluster.agreement import STORAGE_VARIABLE
    from summtune.cluster.inside import Job
    from summtune.cluster.unpacking import entered

    if send:
        job = entered(os.environ)
        if job is None:
            raise RunMistake(Problem("--send is what a cluster's job is told by `pull`.", "Leave it out."))
        parcel.send(*_sent(run, output_dir, limit_mb, model=model), sys.stdout, limit_mb)
        return 0
    place = results_folder(None) if into is None else written_to(into, "--into")
    if is_url(run):
        if address or output_dir or code or environment:
            raise RunMistake(Problem("options of a cluster mean nothing for a run in an object store.", "Leave them out."))
        return _from_the_store(run, place, model=model is not False, as_json=as_json)
    storage = os.environ.get(STORAGE_VARIABLE, "").strip()
    if storage and address is None:
        seen = Job("", Path(storage).expanduser().resolve())
        found, files = _there(run, str(seen.placed(results_folder(output_dir))), model=model is not False)
        folder = place / found.folder.name
        if folder.resolve() == found.folder.resolve():
            raise RunMistake(Problem(f"{folder} is the run itself.", "Give another folder with `--into FOLDER`."))
        _check_free(folder, found.events.read_bytes(), str(found.folder))
        origin = Origin(str(found.folder), ("pull", found.folder.name), ("resume", str(found.folder)))
        return _pulled(folder, lambda: parcel.copy(found, files, folder), origin, as_json=as_json)
    way = _Way(output_dir, address, code, environment or [], limit_mb, plaintext=plaintext, unauthenticated=allow_unauthenticated)
    return _through_the_cluster(run, place, way, model=model, as_json=as_json)


def _from_the_store(url: str, place: Path, *, model: bool, as_json: bool) -> int:
    from summtune.tuning.brought_back import bring_results, stored_run

    store = stored_run(url)
    folder = place / store.name
    _check_not_driven(folder)
    origin = Origin(url, ("pull", url), ("resume", url))
    return _pulled(folder, lambda: bring_results(store, folder, model=model), origin, as_json=as_json)


def _sent(run: str, output_dir: str | None, limit_mb: float, *, model: bool | None) -> tuple[RunPaths, list[Path]]:
    """What a job prints: without the model where that would be too much, and nobody has asked for it."""
    from summtune.cluster.packing import megabytes
    from summtune.cluster.parcel import size_of

    found, files = _there(run, output_dir, model=model is not False)
    if model is None and size_of(files) > limit_mb * 1e6:
        _, without = _there(run, output_dir, model=False)
        left = size_of(files) - size_of(without)
        typer.echo(
            f"{_NOTE}the best model ({megabytes(left)}) stays there: {limit_mb:g} MB go through a job's log; "
            f"`--limit-mb`, or copy it where the storage is seen: {found.folder}",
        )
        files = without
    return found, files


def _there(run: str, output_dir: str | None, *, model: bool) -> tuple[RunPaths, list[Path]]:
    """The run in the storage, and its files that are worth having."""
    from summtune.cli.find import the_run
    from summtune.cluster.parcel import chosen
    from summtune.events.mending import read_run
    from summtune.reporting.views import best_model

    found = the_run(run, output_dir)
    state, _ = read_run(found)
    best = best_model(found, state) if model else None
    return found, chosen(found, best.best_model if best else None)


@dataclass(frozen=True)
class _Way:
    """How the cluster is asked: what the options say."""

    output_dir: str | None
    address: str | None
    code: str | None
    environment: list[str]
    limit_mb: float
    plaintext: bool
    unauthenticated: bool


def _through_the_cluster(word: str, place: Path, way: _Way, *, model: bool | None, as_json: bool) -> int:
    """Let a short job print the files, and read its log."""
    from summtune.cli.submit import chosen_code
    from summtune.cluster.packing import pack
    from summtune.cluster.submission import named_variables

    secrets = named_variables(os.environ, way.environment)
    package = pack((), chosen_code(way.code))
    access = connected(way.address, plaintext=way.plaintext)
    access.check_authentication(allowed=way.unauthenticated)
    from summtune.cluster import jobs, parcel
    from summtune.cluster.submission import Submission, further_identity, submit, variables

    job = next((one for one in jobs.called(jobs.listed(access), word) if one.run), None)
    run = job.run if job else word
    words = ["--send", "--limit-mb", f"{way.limit_mb:g}", *(() if model is None else ("--model" if model else "--no-model",))]
    there = way.output_dir or (job.metadata.get("output_dir") if job else None)
    words += [f"--output-dir={there}"] if there else []
    sender = Submission(further_identity("pull", run), "pull", [*words, "--", run], run, "", variables(os.environ), secrets, {})
    submit(access, sender, package, slot=False)
    ended = jobs.waited_for(access, sender.id)
    log = access.said(lambda client: client.get_job_logs(sender.id))
    if ended.code:
        typer.echo(log, err=True)
        if ended.exit_code == RunMistake.exit_code:
            raise RunMistake(Problem(f"the cluster can't send {run}: see above."))
        raise SurroundingsFailure(f"The cluster didn't send {run}: {ended.message or ended.status}.")
    for line in log.splitlines():
        if line.startswith(_NOTE):
            typer.echo(line, err=True)
    found = parcel.received(log)
    folder = place / found.name
    _check_free(folder, found.events, access.url)
    named = ("--address", access.url)
    origin = Origin(access.url, ("pull", found.name, *named), ("resume", found.name, *named))
    return _pulled(folder, lambda: found.unpack(folder), origin, as_json=as_json)


def _check_free(folder: Path, theirs: bytes, place: str) -> None:
    """Make sure that the run may be brought there. An earlier copy is brought up to date; what has gone on here is left alone."""
    from summtune.paths import RunPaths

    _check_not_driven(folder)
    copies.check_behind(RunPaths(folder), theirs, place)


def _check_not_driven(folder: Path) -> None:
    from summtune.paths import RunPaths
    from summtune.tuning.lock import is_held

    if folder.exists() and is_held(RunPaths(folder).lock):
        raise RunMistake(Problem(f"{folder} is driven here: that is the run itself.", "There is nothing to pull."))


def _pulled(folder: Path, bring: Callable[[], int], origin: Origin, *, as_json: bool) -> int:
    """Bring the files, mark them as a copy unless a run of its own was there, and say what they are."""
    from summtune.cli.next_step import called, command
    from summtune.cluster.packing import megabytes
    from summtune.cluster.parcel import size_of
    from summtune.paths import RunPaths

    run = RunPaths(folder)
    own = run.events.is_file() and copies.copied_from(run) is None
    count = bring()
    if not own:
        copies.mark(run, origin)
    size = size_of([file for file in folder.rglob("*") if file.is_file()])
    if as_json:
        typer.echo(json.dumps({"run": folder.name, "folder": str(folder), "files": count, "bytes": size}, ensure_ascii=False, indent=2))
        return 0
    typer.echo(f"{folder}: {count} files, {megabytes(size)}")
    typer.echo(f"Next      {command('show', called(run))}")
    return 0
