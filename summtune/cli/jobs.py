"""`summtune jobs`: which jobs a cluster has, what became of them, and why one waits."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from summtune.cli.cluster_options import Address, Plaintext, connected, on_cluster


def jobs(
    job: Annotated[str | None, typer.Argument(help="A job, a run, or a run's name: only what belongs to it.")] = None,
    address: Address = None,
    plaintext: Plaintext = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """List a cluster's jobs, newest first."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from summtune.cli.screen import STYLES, stream_console
    from summtune.tuning.lock import age

    access = connected(address, plaintext=plaintext)
    from summtune.cluster.jobs import listed, of_the_run, reasons_to_wait

    known = listed(access)
    found = known if job is None else of_the_run(known, job, url=access.url)
    waiting = reasons_to_wait(access, known)
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "waits": waiting.get(one.id) or None} for one in found], ensure_ascii=False, indent=2))
        return 0
    if not found:
        typer.echo(f"{access.url} has no jobs.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "what", "status", "since", "by", "why"):
        table.add_column(name, no_wrap=name == "job", overflow="fold")
    now = time.time()
    for one in found:
        since = one.ended or one.began
        what = f"{one.verb} {one.name}" if one.name else one.command
        when = f"{age(max(now - since, 0.0))} ago" if since else ""
        status = Text(one.status.lower(), style=STYLES.get(one.status.lower(), ""))
        table.add_row(one.id, what, status, when, one.metadata.get("by", ""), waiting.get(one.id) or one.outcome)
    stream_console().print(table)
    typer.echo(f"\nLog of one:  {on_cluster('logs', '-f', found[0].id, address=address)}")
    return 0
