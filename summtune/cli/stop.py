"""`summtune stop`: ask a run that is under way to stop: from any terminal and machine that sees its folder, or as a job of a cluster."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cli.cluster_options import Address, Plaintext

if TYPE_CHECKING:
    from summtune.events.copies import Origin
    from summtune.events.fold import RunState
    from summtune.paths import RunPaths

POLL_S = 0.5


def stop(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), its folder, or a job of a cluster.")],
    now: Annotated[bool, typer.Option("--now", help="Leave trials that run as they are, to be resumed, as Ctrl-C does.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the run has stopped.")] = False,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    address: Address = None,
    plaintext: Plaintext = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Begin no new trials: those that run are trained to their end, and the likeliest evaluated in full. `summtune resume` goes on."""
    from summtune.cli.cluster_options import is_a_jobs, nor_here
    from summtune.cli.find import the_run

    if is_a_jobs(run, address, output_dir):
        with nor_here(run, address, output_dir):
            return _stop_job(run, address, plaintext=plaintext, now=now, wait=wait, as_json=as_json)
    return _stop_run(the_run(run, output_dir), now=now, wait=wait, as_json=as_json)


def _stop_run(found: RunPaths, *, now: bool, wait: bool, as_json: bool) -> int:
    """Leave the wish in the run's folder."""
    from summtune.cli.next_step import called, command
    from summtune.errors import Problem, RunMistake
    from summtune.events.copies import copied_from
    from summtune.events.mending import read_run
    from summtune.tuning import lock, stop_request

    state, _ = read_run(found)
    if not lock.is_held(found.lock):
        copied = copied_from(found)
        raise _not_driven(found, state) if copied is None else _a_copy(found, copied)
    driver = lock.holder(found.lock)
    try:
        stop_request.ask(found, stop_request.StopRequest(now, f"process {os.getpid()} on {socket.gethostname()}"))
    except OSError as error:
        reason = f"the wish to stop can't be left there: {error.strerror}."
        raise RunMistake(Problem(reason, "Press Ctrl-C where the run is driven.", file=str(found.stop))) from error
    running = [trial.id for trial in state.trials.values() if trial.status == "running"]
    if not as_json:
        typer.echo(f"{found.folder.name}: asked {driver or 'its driver'} to stop.")
        typer.echo(_what_happens(running, now=now))
        if not wait:
            typer.echo(f"Go on later with:  {command('resume', called(found))}")
    while wait and lock.is_held(found.lock):
        time.sleep(POLL_S)
    state, _ = read_run(found)
    if as_json:
        record = {"run": found.folder.name, "folder": str(found.folder), "now": now, "trials_running": running, "status": state.status}
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
    elif wait:
        typer.echo(f"Stopped: {state.status}{f' ({state.reason})' if state.reason else ''}.")
    return 0


def _stop_job(word: str, address: str | None, *, plaintext: bool, now: bool, wait: bool, as_json: bool) -> int:
    """Stop a cluster's job: by the wish in its run's folder where that is seen from here, else by Ray."""
    from summtune.cli.cluster_options import connected, on_cluster
    from summtune.cli.live_run import told_of
    from summtune.errors import JobMistake, Problem
    from summtune.tuning import lock

    access = connected(address, plaintext=plaintext)
    from summtune.cluster import jobs

    job = jobs.meant(jobs.listed(access), word, url=access.url, alive=True)
    if job.over:
        raise JobMistake(Problem(f"{job.id} is over: {job.status}.", "There is nothing to stop."))
    seen = jobs.folder_seen_here(job, os.environ)
    if seen is not None and job.status == "RUNNING" and lock.is_held(seen.lock):
        return _stop_run(seen, now=now, wait=wait, as_json=as_json)
    access.said(lambda client: client.stop_job(job.id))
    if not as_json:
        typer.echo(f"{job.id}: asked Ray to stop it.")
        if job.status == "PENDING":
            typer.echo("It had not begun.")
        elif job.run or told_of(access.said(lambda client: client.get_job_logs(job.id))):
            typer.echo("It ends within seconds. Trials are left as they are, to go on from their last checkpoint.")
            typer.echo(f"Go on later with:  {on_cluster('resume', job.run or job.id, '--address', access.url, address=None)}")
    if wait:
        job = jobs.waited_for(access, job.id)
    if as_json:
        typer.echo(json.dumps({"job": job.id, "run": job.run, "now": True, "status": job.status}, ensure_ascii=False, indent=2))
    elif wait:
        typer.echo(f"Stopped: {job.status}.")
    return 0


def _what_happens(running: list[str], *, now: bool) -> str:
    trials = ", ".join(running)
    if now:
        left = f"Trials left as they are, to go on from their last checkpoint: {trials}." if running else "No trial runs."
        return f"It ends within seconds. {left}"
    if not running:
        return "No trial runs. Full evaluations that are due are made, decoding ends after what it is at."
    return f"No new trials. Trained to their end first: {trials}. Then the likeliest are evaluated in full where that is due."


def _a_copy(found: RunPaths, copied: Origin) -> Exception:
    from summtune.errors import Problem, RunMistake

    reason = f"{found.folder.name} is a copy that was pulled from {copied.place}."
    return RunMistake(Problem(reason, "Stop the run where it lives: with `--address URL`, or by its folder."))


def _not_driven(found: RunPaths, state: RunState) -> Exception:
    from summtune.cli.next_step import called, command
    from summtune.errors import Problem, RunMistake

    if state.status == "finished":
        return RunMistake(Problem(f"{found.folder.name} is finished: there is nothing to stop."))
    died = "its driver died" if state.status == "running" else f"it is {state.status}"
    remedy = f"`{command('resume', called(found))}` goes on with it."
    return RunMistake(Problem(f"{found.folder.name} is not under way: {died}.", remedy))
