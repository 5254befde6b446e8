"""`summtune dashboard`: where a run is seen in a browser: Ray's dashboard, W&B, the report; and optuna-dashboard, served from here."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from summtune.cli.cluster_options import Address, Plaintext
from summtune.cli.cluster_options import dashboard as job_page

if TYPE_CHECKING:
    from summtune.paths import RunPaths
    from summtune.reporting.study_server import StudyServer

DEFAULT_PORT = 8080
"""optuna-dashboard's own."""

LOOPBACK = "127.0.0.1"


LABELS = {"ray": "Ray", "wandb": "W&B", "report": "Report", "study": "Optuna"}


@dataclass(frozen=True)
class Page:
    """Something to look at.

    Attributes:
        key: whose page it is: a key of LABELS.
        url: its address; empty where there is none.
        remark: why there is none, or what it takes to see it.
    """

    key: str
    url: str
    remark: str = ""


def dashboard(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), its folder, or a job of a cluster.")],
    open_pages: Annotated[bool, typer.Option("--open", help="Open the pages in a browser.")] = False,
    port: Annotated[
        int | None,
        typer.Option(help=f"Of optuna-dashboard; 0: a free one. Left out: {DEFAULT_PORT}, or a free one.", min=0, max=65535),
    ] = None,
    host: Annotated[str, typer.Option(help="Where optuna-dashboard listens. It asks nobody who they are.")] = LOOPBACK,
    serve: Annotated[
        bool | None, typer.Option("--serve/--no-serve", help="Serve optuna-dashboard until Ctrl-C; left out: on a terminal.")
    ] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    address: Address = None,
    plaintext: Plaintext = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Say where a run is seen, and serve optuna-dashboard on its study."""
    from summtune.cli.cluster_options import is_a_jobs, nor_here
    from summtune.cli.find import results_folder, the_run
    from summtune.run_folders import find_run

    here = find_run(run, results_folder(output_dir))
    pages, server = [], None
    if is_a_jobs(run, address, output_dir):
        with nor_here(run, address, output_dir):
            pages.append(_of_job(run, address, plaintext=plaintext))
    if here is not None or not pages:
        found = the_run(run, output_dir)
        pages += [*([] if pages else [_of_ray(found)]), _of_wandb(found), _of_report(found)]
        wanted = serve if serve is not None else sys.stdout.isatty() and not as_json
        study, server = _of_study(found, host, port, serve=wanted)
        pages.append(study)
    if as_json:
        record = {page.key: {"url": page.url or None, "remark": page.remark or None} for page in pages}
        typer.echo(json.dumps({"run": run if here is None else here.folder.name, **record}, ensure_ascii=False, indent=2))
    else:
        for page in pages:
            typer.echo(f"{LABELS[page.key]:<10}{page.url or '–'}{f'   ({page.remark})' if page.remark else ''}")
    if server is None:
        _open(pages, wanted=open_pages)
        return 0
    if host != LOOPBACK:
        typer.echo(f"note: whoever reaches {host} sees the study.", err=True)
    typer.echo("\noptuna-dashboard is served until Ctrl-C.", err=as_json)
    _open(pages, wanted=open_pages)
    try:
        server.serve()
    except KeyboardInterrupt:
        typer.echo(err=as_json)
    return 0


def _open(pages: list[Page], *, wanted: bool) -> None:
    import webbrowser

    for page in pages:
        if wanted and page.url and not webbrowser.open_new_tab(page.url):
            typer.echo("note: there is no browser here that could be opened.", err=True)
            return


def _of_job(word: str, address: str | None, *, plaintext: bool) -> Page:
    """A job's page; of several for the same run that of the newest."""
    from summtune.cli.cluster_options import connected

    access = connected(address, plaintext=plaintext)
    from summtune.cluster import jobs

    job = jobs.meant(jobs.listed(access), word, url=access.url, alive=True)
    return Page("ray", job_page(access.url, job.id), f"{job.status.lower()}{'; asks for the token' if access.authenticates else ''}")


def _of_ray(run: RunPaths) -> Page:
    """The page of the process that drives the run."""
    from summtune.tuning import lock

    driver = lock.driver(run.lock)
    if driver is None:
        return Page("ray", "", "nobody drives the run; of a job on a cluster `--address URL` says it")
    if not driver.dashboard:
        return Page("ray", "", "its driver has not told yet, or its cluster has no dashboard")
    remark = "asks for the token: `ray get-auth-token`"
    if driver.host != socket.gethostname():
        port = urlsplit(driver.dashboard).port
        remark = f"as seen from {driver.host}: `ssh -L {port}:{LOOPBACK}:{port} {driver.host}`; {remark}"
    return Page("ray", job_page(driver.dashboard, driver.job), remark)


def _of_wandb(run: RunPaths) -> Page:
    from summtune.config.experiment import Experiment
    from summtune.events.mending import read_run
    from summtune.tuning import wandb_page

    state, _ = read_run(run)
    assert state.opened is not None
    return Page("wandb", *wandb_page.page(run, Experiment.from_record(state.opened.experiment).base.settings))


def _of_report(run: RunPaths) -> Page:
    if run.report.is_file():
        return Page("report", run.report.resolve().as_uri())
    return Page("report", "", "it is written when the first trial has ended")


def _of_study(run: RunPaths, host: str, port: int | None, *, serve: bool) -> tuple[Page, StudyServer | None]:
    """optuna-dashboard, listening already where it is to be served."""
    from summtune.errors import RunMistake
    from summtune.reporting import study_server

    if not run.study.is_file():
        return Page("study", "", "the study is written when the first trial has ended"), None
    if not study_server.installed():
        return Page("study", "", study_server.MISSING), None
    if not serve:
        return Page("study", "", "`--serve` serves it"), None
    try:
        server = study_server.StudyServer(run.study, host, DEFAULT_PORT if port is None else port)
    except RunMistake:
        if port is not None:
            raise
        server = study_server.StudyServer(run.study, host, 0)  # the usual port is somebody else's
    return Page("study", server.url), server
