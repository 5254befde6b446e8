"""`summtune runs`: which runs there are, what became of them, and what to type next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from summtune.reporting.overview import Overview


def runs(
    folder: Annotated[Path | None, typer.Argument(help="Folder of run directories; left out: ./results, or OUTPUT_DIR.")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="The same, as other verbs name it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """List runs, newest first."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from summtune.cli.find import results_folder
    from summtune.cli.next_step import called, command
    from summtune.cli.screen import STYLES, stream_console
    from summtune.paths import RunPaths
    from summtune.reporting.overview import overview
    from summtune.run_folders import list_runs
    from summtune.tuning import lock

    place = _named(folder, output_dir) or results_folder(None)
    rows = []
    for run in reversed(list_runs(place)):
        driver = lock.holder(run.lock) if lock.is_held(run.lock) else None
        found = overview(run, live=driver is not None or lock.is_held(run.lock))
        rows.append((found, driver, command(found.next_verb, called(RunPaths(run.folder.resolve()))) if found.next_verb else ""))
    if as_json:
        records = [{**asdict(found), "driver": asdict(driver) if driver else None, "next": line or None} for found, driver, line in rows]
        typer.echo(json.dumps(records, ensure_ascii=False, indent=2))
        return 0
    if not rows:
        typer.echo(f"{place} holds no runs.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "status", "trials", "best", "when", "next"):
        table.add_column(
            name, justify="right" if name in ("trials", "best") else "left", no_wrap=name in ("run", "trials"), overflow="fold"
        )
    for found, driver, line in rows:
        status = f"running: {driver}" if driver else found.status
        when = lock.age(found.idle_s) + " ago" if found.idle_s is not None else ""
        trials = "" if found.asked is None else f"{found.ended}/{found.asked}"
        table.add_row(found.run, Text(status, style=STYLES.get(found.status, "")), trials, _best(found), when, line)
    stream_console().print(table)
    for found, _, _ in rows:
        for note in found.notes:
            typer.echo(f"note: {found.run}: {note}", err=True)
    return 0


def _named(folder: Path | None, output_dir: Path | None) -> Path | None:
    """The folder that a person named, if any.

    Raises:
        RunMistake: they named two, or what is no folder.
    """
    from summtune.errors import Problem, RunMistake

    if folder is not None and output_dir is not None:
        raise RunMistake(Problem(f"{folder} is named already.", "Leave one of them out.", key="--output-dir"))
    named = folder or output_dir
    if named is not None and not named.is_dir():
        reason = f"{named} is a file." if named.exists() else f"there is no folder {named}."
        raise RunMistake(Problem(reason, "Name a folder of run directories."))
    return named


def _best(found: Overview) -> str:
    if found.best is None:
        return "–"
    return f"{found.best:.4f}{' (proxy)' if found.evaluation == 'proxy' else ''}"
