"""`summtune jobs`: which jobs a cluster has, what became of them, and why one waits."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from summtune.cli.cluster_options import Address, Plaintext, connected, on_cluster


def jobs(
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
    from summtune.cluster.jobs import listed, waiting_for

    found = listed(access)
    waiting = {job.id: waiting_for(access, job, found) for job in found}
    if as_json:
        typer.echo(json.dumps([{**asdict(job), "waits": waiting[job.id] or None} for job in found], ensure_ascii=False, indent=2))
        return 0
    if not found:
        typer.echo(f"{access.url} has no jobs.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "what", "status", "since", "by", "why"):
        table.add_column(name, no_wrap=name == "job", overflow="fold")
    now = time.time()
    for job in found:
        since = job.ended or job.began
        what = f"{job.verb} {job.name}" if job.name else job.command
        why = waiting[job.id] or job.outcome
        style = STYLES.get(job.status.lower(), "")
        when = f"{age(max(now - since, 0.0))} ago" if since else ""
        table.add_row(job.id, what, Text(job.status.lower(), style=style), when, job.metadata.get("by", ""), why)
    stream_console().print(table)
    typer.echo(f"\nLog of one:  {on_cluster('logs', '-f', found[0].id, address=address)}")
    return 0
