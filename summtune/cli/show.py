"""`summtune show`: a run's leaderboard and summary, from its event log."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def show(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), or its folder.")],
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing it while another process drives it, and end as that ends.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; with --follow the event log's lines.")] = False,
) -> int:
    """Print a run's leaderboard again; works while it runs, too. With --follow from any terminal or machine that sees the run's folder."""
    from dataclasses import asdict

    from summtune.cli.find import seen_run
    from summtune.cli.next_step import called, command
    from summtune.cli.screen import print_summary, stream_console
    from summtune.errors import Problem, RunMistake
    from summtune.events import standings
    from summtune.events.copies import copied_from
    from summtune.events.mending import read_run
    from summtune.reporting.leaderboard import figures, rows
    from summtune.reporting.views import best_model, last_iterations, most_trials
    from summtune.tuning.lock import is_held

    found = seen_run(run, output_dir)
    copied = copied_from(found)
    if copied is not None and follow:
        reason = f"{found.folder.name} is a copy that was pulled from {copied.place}: nothing more comes here."
        raise RunMistake(Problem(reason, f"`{copied.how_to_pull}` brings what there is now."))
    if follow:
        from summtune.cli.watching import watch

        return watch(found, as_json=as_json)
    state, warnings = read_run(found)
    for warning in warnings:
        typer.echo(f"note: {warning}", err=True)
    if as_json:
        model = best_model(found, state)
        record = {
            "run": found.folder.name,
            "folder": str(found.folder),
            "status": state.status,
            "copied_from": copied.place if copied else None,
            "objective": state.objective,
            "objectives": [asdict(aim) for aim in state.objectives],
            "front": [point.id for point in standings.front(state)],
            "figures": asdict(figures(state, last_iterations(state), most_trials(state))),
            "warm_start": [lesson.summary for lesson in state.taught],
            "trials": [asdict(row) for row in rows(state)],
            "best_model": str(model.best_model) if model else None,
        }
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return 0
    console = stream_console()
    live = is_held(found.lock)
    status = "not finished: its driver died" if state.status == "running" and not live else state.status
    if copied is not None:
        status = f"{'under way' if state.status == 'running' else state.status} when it was pulled from {copied.place}"
    console.print(f"{found.folder.name}: {status}")
    print_summary(console, found, state)
    if state.status != "finished" and not live:
        following = copied.how_to_pull if copied is not None else command("resume", called(found))
        console.print(f"\nNext      {following}")
    return 0
