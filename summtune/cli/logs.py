"""`summtune logs`: what a job has printed so far, or as it prints it."""

from __future__ import annotations

from typing import Annotated

import typer

from summtune.cli.cluster_options import Address, Plaintext, connected, followed


def logs(
    job: Annotated[str, typer.Argument(help="A job, its run, or a run's name (the newest of that name).")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends, and end with its exit code.")] = False,
    address: Address = None,
    plaintext: Plaintext = False,
) -> int:
    """Show the log of a cluster's job."""
    access = connected(address, plaintext=plaintext)
    from summtune.cluster.jobs import listed, meant, reasons_to_wait

    known = listed(access)
    found = meant(known, job, url=access.url)
    if why := reasons_to_wait(access, known).get(found.id):
        typer.echo(f"{found.id} waits: {why}", err=True)
    if follow:
        return followed(access, found, address=address)
    typer.echo(access.said(lambda client: client.get_job_logs(found.id)), nl=False)
    return 0
