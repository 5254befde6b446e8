"""`summtune resume`: go on with a run that was interrupted, killed, or is to have more trials."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from summtune.cli.cluster_options import Address, CodeOption, Environment, Follow, Plaintext, Unauthenticated, is_a_jobs, nor_here
from summtune.cli.find import check_store, results_folder, the_run
from summtune.cluster.unpacking import entered
from summtune.errors import Problem, RunMistake, SummtuneError
from summtune.events import copies
from summtune.objects import ObjectStore, is_url
from summtune.paths import RunPaths


def resume(
    run: Annotated[
        str, typer.Argument(help="The run's name (the newest of that name), its folder, or its tune/ folder; or s3://bucket/prefix/RUN.")
    ],
    count: Annotated[int, typer.Option(help="Add so many trials to what was asked for.", min=0)] = 0,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed",
            help="Run the trials that failed again, too: from their last checkpoint, or anew where they failed for what they are. "
            "Also evaluate in full again what could not be.",
        ),
    ] = False,
    budget: Annotated[
        list[str] | None, typer.Option(help="Another limit of the whole run, what is used up included: hours=2, gpu_hours=8, epochs=none.")
    ] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    address: Address = None,
    follow: Follow = False,
    code: CodeOption = None,
    environment: Environment = None,
    plaintext: Plaintext = False,
    allow_unauthenticated: Unauthenticated = False,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on standard output; all else on standard error.")] = False,
) -> int:
    """Continue a run: finished trials stay, interrupted ones go on from their last checkpoint.

    It goes on to the number of trials that was asked for; --count N adds N to that, --failed runs the failed ones again. With --address
    a job on that cluster goes on with a run that lies in the cluster's storage. A run in an object store (general.storage) is brought
    here first, or there.
    """
    if address is not None or (not is_url(run) and is_a_jobs(run, address, output_dir)):
        from summtune.cli.resume_job import resume_job

        words = [*(("--count", str(count)) if count else ()), *(("--failed",) if failed else ())]
        words += [word for limit in budget or () for word in ("--budget", limit)]
        with nor_here(run, address, output_dir):
            return resume_job(
                run, words, output_dir, address, code, environment or [],
                plaintext=plaintext, allow_unauthenticated=allow_unauthenticated, follow=follow, as_json=as_json,
            )  # fmt: skip
    if follow or code is not None or environment or plaintext or allow_unauthenticated:
        raise RunMistake(Problem("options of a cluster's job mean nothing without a cluster.", "Add `--address URL`."))
    job = entered(os.environ)
    from summtune.cli.live_run import LiveRun, command_line
    from summtune.cli.screen import Screen, stream_console
    from summtune.tuning.lock import check_free

    if is_url(run):
        if job is not None:
            job.check_store(run)
        found, store, brought = _brought(run, output_dir)
    else:
        found, store, brought = the_run(run, output_dir), None, list[str]()
        check_store(found)
        copies.make_it_a_run(found)
    check_free(found.lock)
    live = LiveRun(Screen(stream_console(err=as_json)), found)
    for told in brought:
        live.screen.say(f"note: {told}")
    live.screen.say(f"Opening {found.folder.name}, then starting Ray …")
    from summtune.tuning.launch import resume as go_on

    try:
        go_on(found, command_line(), live.witness(), more=count, failed=failed, budget=budget or (), store=store)
        result, ended = live.finish(), 0
    except SummtuneError as error:
        result, ended = live.ended_by(error), error.exit_code
    finally:
        live.screen.end()
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    return ended


def _brought(url: str, output_dir: str | None) -> tuple[RunPaths, ObjectStore, list[str]]:
    """A run in an object store, brought into the folder of runs here, and what to say of it."""
    from summtune.tuning.brought_back import bring_all, stored_run
    from summtune.tuning.lock import check_free

    store = stored_run(url)
    found = RunPaths(results_folder(output_dir) / store.name)
    if found.folder.exists():
        check_free(found.lock, waits=False)
    told = bring_all(store, found.folder)
    return RunPaths(found.folder.resolve()), store, [*told, f"{store.url} was brought to {found.folder}."]
