"""`summtune run`: run one search space, or several one after another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from summtune.cli.space_options import Assignments, Base, Count, Dev, Model, OutputDir, Spaces, Test, Train, WarmStart, strongest
from summtune.cluster.inside import Job
from summtune.cluster.unpacking import entered


def run(
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
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on standard output; all else on standard error.")] = False,
) -> int:
    """Run search spaces: draw, train, stop, score, and keep the best model."""
    job = entered(os.environ)
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
    results, code = [], 0
    for number, space in enumerate(spaces):
        if number:
            typer.echo(err=as_json)
        result, ended = _run_one(space, assigned, job, as_json=as_json)
        results.append(result)
        code = code or ended
        if ended == 130:
            break
    if as_json:
        typer.echo(json.dumps(results[0] if len(spaces) == 1 else results, ensure_ascii=False, indent=2))
    return code


def _run_one(space: Path, assignments: list[str], job: Job | None, *, as_json: bool) -> tuple[dict[str, Any], int]:
    """One search space, with its mistakes reported here, so that the next one has its turn."""
    from summtune.cli.live_run import LiveRun, command_line
    from summtune.cli.main import report_fault
    from summtune.cli.screen import Screen, stream_console
    from summtune.config.experiment import load_experiment
    from summtune.errors import SummtuneError

    live = LiveRun(Screen(stream_console(err=as_json)))
    try:
        experiment = load_experiment(space, assignments=assignments, environ=os.environ, root=job.storage if job else Path())
        live.screen.say(f"Checking {space}, then starting Ray …")
        from summtune.tuning.launch import start  # ray and torch: only now that the file is known to be good

        output_dir = str(Path(experiment.base.settings.general.output_dir).expanduser())
        if job is None:
            start(experiment, output_dir, command_line(), live.witness())
        else:
            job.placed(output_dir)
            job.check_store(experiment.base.settings.general.storage)
            start(experiment, output_dir, command_line(), live.witness(), root=job.storage, suffix=job.run_suffix)
        return live.finish(), 0
    except SummtuneError as error:
        return {"file": str(space), **live.ended_by(error)}, error.exit_code
    except Exception as error:  # a fault of ours: it must not cost the next search space its turn
        live.screen.end()
        return {"file": str(space), **report_fault(error), **live.where()}, 1
    finally:
        live.screen.end()
