"""`summtune submit`: check and pack search spaces here, and let a Ray cluster run them, a job for each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from summtune.cli.cluster_options import (
    Address,
    CodeOption,
    Environment,
    Follow,
    Plaintext,
    Unauthenticated,
    connected,
    dashboard,
    followed,
    on_cluster,
)
from summtune.cli.space_options import Assignments, Base, Count, Dev, Model, OutputDir, Spaces, Test, Train, WarmStart, strongest
from summtune.cluster.packing import DEFAULT_LIMIT_MB, Code, Package, in_checkout, megabytes, pack
from summtune.errors import Problem, RunMistake, SettingsMistake

if TYPE_CHECKING:
    from summtune.config.experiment import Experiment


_SHOWING_ENDED = 130
"""What a person's Ctrl-C ends following with: the job's own, too, where it was interrupted."""


@dataclass(frozen=True)
class _Ready:
    """A search space that was checked and packed."""

    words: list[str]
    experiment: Experiment
    package: Package
    left: tuple[str, ...]


def submit(
    spaces: Spaces,
    address: Address = None,
    follow: Follow = False,
    code: CodeOption = None,
    visible: Annotated[
        list[str] | None,
        typer.Option("--on-cluster", help="Paths below this folder are there, too: leave them as they are.", metavar="FOLDER"),
    ] = None,
    environment: Environment = None,
    limit_mb: Annotated[float, typer.Option(help="Largest package, before it is compressed.", min=0)] = DEFAULT_LIMIT_MB,
    plaintext: Plaintext = False,
    allow_unauthenticated: Unauthenticated = False,
    count: Count = None,
    base: Base = None,
    model: Model = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    warm_start: WarmStart = None,
    output_dir: OutputDir = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output; a followed log on standard error.")] = False,
) -> int:
    """Submit search spaces to a Ray cluster: checked and packed here, run there."""
    from summtune.cluster.submission import sealed_variables, variables

    assigned = strongest(
        count=count,
        base=base,
        model=model,
        train=train,
        dev=dev,
        test=test,
        warm_start=warm_start,
        output_dir=output_dir,
        assignments=assignments,
    )
    secrets = sealed_variables(os.environ, environment or ())
    given = variables(os.environ)
    ready = [_checked(space, assigned, chosen_code(code), visible or [], limit_mb) for space in spaces]
    access = connected(address, plaintext=plaintext)
    access.check_authentication(allowed=allow_unauthenticated)
    from summtune.cluster import jobs
    from summtune.cluster.submission import Submission, new_identity
    from summtune.cluster.submission import submit as hand_in

    slot = jobs.has_slots(access)
    records = list[dict[str, Any]]()
    result = 0
    try:
        for one in ready:
            name = one.experiment.name
            identity, run = new_identity(name, datetime.now())
            metadata = {"file": Path(one.experiment.file).name, "output_dir": one.experiment.base.settings.general.output_dir}
            hand_in(access, Submission(identity, "run", one.words, name, run, given, secrets, metadata), one.package, slot=slot)
            record = {
                "id": identity,
                "run": run,
                "url": access.url,
                "dashboard": dashboard(access.url, identity),
                "bytes": one.package.size,
                "packed": one.package.lines(),
            }
            records.append({**record, "on_cluster": list(one.left), "variables": sorted(given), "secrets": sorted(secrets), "queued": slot})
            if not as_json:
                typer.echo("\n".join(_said(records[-1], one.experiment.notices, address)))
        for record in records if follow else ():
            ended = followed(access, jobs.get(access, str(record["id"])), address=address, err=as_json)
            result = result or ended
            if ended == _SHOWING_ENDED:
                break
    finally:
        if as_json and records:  # those that were submitted run, whatever became of the others
            typer.echo(json.dumps(records[0] if len(spaces) == 1 else records, ensure_ascii=False, indent=2))
    return result


def chosen_code(given: str | None) -> Code:
    """Whether the code travels. That of a checkout does: it is what the person tried here, and may have changed.

    Raises:
        RunMistake: it is none of the words.
    """
    if given is None:
        return "here" if in_checkout() else "installed"
    if given == "here":
        return "here"
    if given == "installed":
        return "installed"
    raise RunMistake(Problem(f"{given!r} is neither `here` nor `installed`.", key="--code"))


def _checked(space: Path, assigned: list[str], code: Code, visible: list[str], limit_mb: float) -> _Ready:
    """Find every mistake here, where it costs nothing.

    Raises:
        Mistake: there is one.
    """
    from summtune.cluster.contents import contents
    from summtune.config.experiment import load_experiment
    from summtune.config.space_document import located
    from summtune.corpus.check import check_corpus
    from summtune.corpus.dialogues import split_file
    from summtune.tuning import own_metrics

    experiment = load_experiment(space, assignments=assigned, environ=os.environ, all_here=False)
    folder = experiment.base.settings.general.output_dir
    if Path(folder).expanduser().is_absolute() and not any(Path(folder).is_relative_to(prefix) for prefix in visible):
        reason = f"{folder} is absolute; a job's results lie under the cluster's storage."
        problem = Problem(reason, "Give a relative path, or say `--on-cluster FOLDER` if that is the storage.", key="general.output_dir")
        raise SettingsMistake(problem)
    found = contents(experiment, visible)
    settings = experiment.widest_data()
    if all(split_file(settings.data, split).is_file() for split in ("train", "dev")):
        check_corpus(settings)
        own_metrics.try_out(experiment)
    package = pack(found.files, code)
    package.check_size(limit_mb)
    words = [os.path.relpath(located(space)), *(word for assignment in assigned for word in ("--set", assignment))]
    return _Ready(words, experiment, package, found.on_cluster)


def _said(record: dict[str, Any], notices: tuple[str, ...], address: str | None) -> list[str]:
    """What a person should know of a job that was submitted, and what to type next."""
    identity = str(record["id"])
    lines = [f"{identity}: submitted to {record['url']}, {megabytes(record['bytes'])}"]
    lines += [f"  packed     {line}" for line in record["packed"]]
    lines += [f"  on cluster {line}" for line in record["on_cluster"]]
    lines += [f"  variables  {', '.join(record['variables'])}"] if record["variables"] else []
    lines += [f"  secrets    {', '.join(record['secrets'])}: sealed, by the job's environment"] if record["secrets"] else []
    lines += [f"  note: {notice}" for notice in notices]
    if not record["queued"]:
        lines.append("  note: the cluster declares no `summtune_driver`: runs don't wait for their turn, but share what there is.")
    lines += [
        "",
        f"Dashboard  {record['dashboard']}",
        f"Log        {on_cluster('logs', '-f', identity, address=address)}",
        f"Status     {on_cluster('jobs', identity, address=address)}",
        f"Stop       {on_cluster('stop', identity, address=address)}",
        f"Results    {on_cluster('pull', identity, address=address)}",
    ]
    return lines
