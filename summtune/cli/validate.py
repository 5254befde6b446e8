"""`summtune validate`: check search spaces and the data that they name, and show what they come to, without running anything."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from summtune.cli.main import error_record, report_error
from summtune.cli.space_options import Assignments, Base, Count, Dev, Model, OutputDir, Spaces, Test, Train, WarmStart, strongest
from summtune.config.description import resolved_lines, summary_lines
from summtune.config.experiment import Experiment, load_experiment
from summtune.corpus.check import CorpusFacts, check_corpus
from summtune.errors import CheckpointMistake, DataMistake, RunMistake, SettingsMistake
from summtune.events.kinds import Taught
from summtune.families._checkpoints import check_local, problems_of


def validate(
    spaces: Spaces,
    count: Count = None,
    base: Base = None,
    model: Model = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    warm_start: WarmStart = None,
    output_dir: OutputDir = None,
    assignments: Assignments = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Print the settings, with where each value came from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Check search spaces and their data: all problems at once, or what the space comes to. It takes what says to `run` what is run."""
    given = strongest(
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
    records: list[dict[str, Any]] = []
    code = 0
    for number, space in enumerate(spaces):
        if number and not as_json:
            typer.echo()
        try:
            experiment = load_experiment(space, assignments=given)
            facts = _looked_at(experiment)
            experiment = experiment.with_rows(facts.splits["train"].rows)
            learned = _lessons(experiment, facts.fingerprints)
        except (SettingsMistake, DataMistake, CheckpointMistake, RunMistake) as mistake:
            code = mistake.exit_code
            if not as_json:
                report_error(mistake)
            records.append({"file": str(space), "ok": False, **error_record(mistake)})
            continue
        record = {**_record(experiment, resolved=resolved), "warm_start": [lesson.summary for lesson in learned]}
        records.append({"file": str(space), "ok": True, **record})
        if not as_json:
            typer.echo(f"ok: {experiment.file}")
            typer.echo("\n".join(f"  {line}" for line in summary_lines(experiment)))
            for notice in (*experiment.notices, *(f"warm start: {lesson.text}" for lesson in learned)):
                typer.echo(f"  note: {notice}")
            if resolved:
                typer.echo()
                typer.echo("\n".join(resolved_lines(experiment.base)))
    if as_json:
        typer.echo(json.dumps(records[0] if len(records) == 1 else records, ensure_ascii=False, indent=2))
    return code


def _looked_at(experiment: Experiment) -> CorpusFacts:
    """What there is to know of the data; local models are looked at, too, so that the mistakes of both are said at once.

    Raises:
        Mistake: something can't be used.
    """
    problems = problems_of((resolved.settings for resolved in experiment.beneath), check_local)
    try:
        facts = check_corpus(experiment.widest_data())
    except DataMistake as mistake:
        raise DataMistake([*problems, *mistake.problems]) from None
    if problems:
        raise CheckpointMistake(problems)
    return facts


def _lessons(experiment: Experiment, fingerprints: dict[str, str]) -> list[Taught]:
    """What earlier runs would teach the search."""
    if not experiment.warm_start:
        return []
    from summtune.search.warm_start import lessons  # it loads Optuna, which takes longer than all else here

    return lessons(experiment, fingerprints)


def _record(experiment: Experiment, *, resolved: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": experiment.name,
        "description": experiment.description,
        "method": experiment.method,
        "objective": asdict(experiment.objective),
        "further_objectives": [asdict(one) for one in experiment.further],
        "limits": [str(limit) for limit in experiment.limits],
        "count": experiment.count,
        "baseline": experiment.baseline,
        "points": experiment.space.size(),
        "parameters": {key: parameter.describe() for key, parameter in experiment.space.parameters.items()},
        "rungs": list(experiment.stopping.judged_at(experiment.longest)),
        "resources": asdict(experiment.resources),
        "notices": list(experiment.notices),
    }
    if resolved:
        values = experiment.base.flat
        record["settings"] = {key: {"value": value, **asdict(experiment.base.origin(key))} for key, value in values.items()}
    return record
