"""The options of verbs that speak to a cluster, and what those verbs share: the way there, a job's log on the screen, the next commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cluster import addresses

if TYPE_CHECKING:
    from summtune.cluster.access import Access
    from summtune.cluster.jobs import JobView

Address = Annotated[
    str | None,
    typer.Option(
        help="The cluster's job server (its dashboard); left out: RAY_API_SERVER_ADDRESS, RAY_ADDRESS, http://127.0.0.1:8265.",
        metavar="URL",
    ),
]
Plaintext = Annotated[
    bool, typer.Option("--plaintext", help="Speak http to a public address, where anybody on the way can read token and secrets.")
]
Unauthenticated = Annotated[
    bool, typer.Option("--allow-unauthenticated", help="Submit to a cluster that asks for no token, where anybody may run code.")
]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", help="Hand this variable on as a secret (WANDB_API_KEY, HF_TOKEN go by themselves).", metavar="NAME"),
]
CodeOption = Annotated[
    str | None,
    typer.Option(
        help="`here`: this summtune's code travels (default of a checkout); `installed`: the cluster has it (default otherwise).",
        metavar="CODE",
    ),
]
Follow = Annotated[bool, typer.Option("--follow", help="Show the job's log until it ends, and end with its exit code.")]


def connected(address: str | None, *, plaintext: bool) -> Access:
    """The way to the cluster that is meant.

    Raises:
        RunMistake: there is none.
    """
    chosen = addresses.chosen(address, os.environ)
    addresses.check_clear_text(chosen, allowed=plaintext)  # before Ray is imported, which takes seconds
    from summtune.cluster.access import Access

    return Access(chosen, plaintext=plaintext)


def on_cluster(verb: str, *words: str, address: str | None) -> str:
    """A command of ours for this cluster, as a person would type it."""
    from summtune.cli.next_step import command

    return command(verb, *words, *(("--address", address) if address is not None else ()))


def dashboard(url: str, job: str) -> str:
    """The job's page in Ray's dashboard."""
    return f"{url}/#/jobs/{job}"


def followed(access: Access, job: JobView, *, address: str | None, err: bool = False) -> int:
    """Show a job's log until it ends; Ctrl-C ends the showing, not the job.

    Returns:
        The exit code that stands for how it ended.
    """
    from summtune.cluster.jobs import follow

    try:
        ended = follow(access, job, lambda text: typer.echo(text, nl=False, err=err))
    except KeyboardInterrupt:
        typer.echo(f"\nThe job goes on. It is stopped by:  {on_cluster('stop', job.id, address=address)}", err=True)
        return 130
    typer.echo(f"{ended.id}: {ended.status.lower()}{f' ({ended.outcome})' if ended.outcome else ''}", err=True)
    return ended.code
