"""The options of verbs that speak to a cluster, and what those verbs share: the way there, a job's log on the screen, the next commands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cluster import addresses
from summtune.errors import JobMistake, RunMistake

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


def is_a_jobs(word: str, address: str | None, output_dir: str | None) -> bool:
    """Whether a word means a cluster's job, where a verb takes runs of this machine, too.

    It does where a cluster is given. Otherwise a run that is here is meant before a job; what was pulled here is no run, but its copy.
    """
    from summtune.cli.find import results_folder
    from summtune.cluster.inside import in_job
    from summtune.events.copies import copied_from
    from summtune.run_folders import find_run

    if address is not None:
        return True
    if in_job(os.environ):
        return False  # a job has no business with other jobs; its environment may name the job server all the same
    here = find_run(word, results_folder(output_dir))
    if here is not None and copied_from(here) is None:
        return False
    return addresses.named_anywhere(None, os.environ) or addresses.listens_by_default()


@contextmanager
def nor_here(word: str, address: str | None, output_dir: str | None) -> Iterator[None]:
    """Where nobody has named the cluster that doesn't know a job: say that there is no such run here, either.

    Raises:
        RunMistake: with both.
    """
    from summtune.cli.find import the_run

    try:
        yield
    except JobMistake:
        raise  # it was found
    except RunMistake as mistake:
        if addresses.named_anywhere(address, os.environ):
            raise
        try:
            the_run(word, output_dir)
        except RunMistake as neither:
            raise RunMistake([*neither.problems, *mistake.problems]) from None
        raise


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
