"""`summtune stop`: ask a run that is under way to stop, from any terminal and any machine that sees its folder."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from summtune.events.fold import RunState
    from summtune.paths import RunPaths

POLL_S = 0.5


def stop(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), or its folder.")],
    now: Annotated[bool, typer.Option("--now", help="Leave trials that run as they are, to be resumed, as Ctrl-C does.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the run has stopped.")] = False,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Begin no new trials: those that run are trained to their end, and the likeliest evaluated in full. `summtune resume` goes on."""
    from summtune.cli.find import the_run
    from summtune.cli.next_step import called, command
    from summtune.errors import Problem, RunMistake
    from summtune.reporting.views import open_run
    from summtune.tuning import lock, stop_request

    found = the_run(run, output_dir)
    state, _ = open_run(found)
    if not lock.is_held(found.lock):
        raise _not_driven(found, state)
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
    state, _ = open_run(found)
    if as_json:
        record = {"run": found.folder.name, "folder": str(found.folder), "now": now, "trials_running": running, "status": state.status}
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
    elif wait:
        typer.echo(f"Stopped: {state.status}{f' ({state.reason})' if state.reason else ''}.")
    return 0


def _what_happens(running: list[str], *, now: bool) -> str:
    trials = ", ".join(running)
    if now:
        left = f"Trials left as they are, to go on from their last checkpoint: {trials}." if running else "No trial runs."
        return f"It ends within seconds. {left}"
    if not running:
        return "No trial runs. Full evaluations that are due are made, decoding ends after what it is at."
    return f"No new trials. Trained to their end first: {trials}. Then the likeliest are evaluated in full where that is due."


def _not_driven(found: RunPaths, state: RunState) -> Exception:
    from summtune.cli.next_step import called, command
    from summtune.errors import Problem, RunMistake

    if state.status == "finished":
        return RunMistake(Problem(f"{found.folder.name} is finished: there is nothing to stop."))
    died = "its driver died" if state.status == "running" else f"it is {state.status}"
    remedy = f"`{command('resume', called(found))}` goes on with it."
    return RunMistake(Problem(f"{found.folder.name} is not under way: {died}.", remedy))
