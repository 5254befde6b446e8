"""`summtune run`: run one search space, or several one after another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer


def run(
    spaces: Annotated[list[Path], typer.Argument(help="Search spaces (YAML).", metavar="FILE...")],
    count: Annotated[int | None, typer.Option(help="Trials, without the baseline.")] = None,
    base: Annotated[str | None, typer.Option(help="Preset or YAML file to start from.")] = None,
    model: Annotated[str | None, typer.Option(help="Checkpoint on the hub, or a local folder.")] = None,
    train: Annotated[Path | None, typer.Option(help="Training data (CSV, TSV, JSON, JSON Lines, Parquet).")] = None,
    dev: Annotated[Path | None, typer.Option(help="Development data, by which trials are scored.")] = None,
    test: Annotated[Path | None, typer.Option(help="Test data.")] = None,
    warm_start: Annotated[list[str] | None, typer.Option(help="An earlier run to learn from; may be given again.", metavar="RUN")] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder for run directories.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, the strongest layer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on standard output; all else on standard error.")] = False,
) -> int:
    """Run search spaces: draw, train, stop, score, and keep the best model."""
    given: dict[str, Any] = {
        "count": count,
        "base": base,
        "model.checkpoint": model,
        "data.train": train,
        "data.dev": dev,
        "data.test": test,
        "general.output_dir": output_dir,
        "warm_start": json.dumps(warm_start, ensure_ascii=False) if warm_start else None,
    }
    strongest = [*(f"{key}={value}" for key, value in given.items() if value is not None), *(assignments or [])]
    results, code = [], 0
    for number, space in enumerate(spaces):
        if number:
            typer.echo(err=as_json)
        result, ended = _run_one(space, strongest, as_json=as_json)
        results.append(result)
        code = code or ended
        if ended == 130:
            break
    if as_json:
        typer.echo(json.dumps(results[0] if len(spaces) == 1 else results, ensure_ascii=False, indent=2))
    return code


def _run_one(space: Path, assignments: list[str], *, as_json: bool) -> tuple[dict[str, Any], int]:
    """One search space, with its mistakes reported here, so that the next one has its turn."""
    from summtune.cli.live_run import LiveRun, command_line
    from summtune.cli.main import report_error, report_fault
    from summtune.cli.screen import Screen, stream_console
    from summtune.config.experiment import load_experiment
    from summtune.errors import Interrupted, SummtuneError

    live = LiveRun(Screen(stream_console(err=as_json)))
    try:
        experiment = load_experiment(space, assignments=assignments, environ=os.environ)
        live.screen.say(f"Checking {space}, then starting Ray …")
        from summtune.tuning.launch import start  # ray and torch: only now that the file is known to be good

        start(experiment, str(Path(experiment.base.settings.general.output_dir).expanduser()), command_line(), live.witness())
        return live.finish(), 0
    except Interrupted as interruption:
        live.interrupted()
        return {"file": str(space), "error": str(interruption)}, interruption.exit_code
    except SummtuneError as error:
        live.screen.end()
        report_error(error)
        return {"file": str(space), "error": str(error)}, error.exit_code
    except Exception as error:  # a fault of ours: it must not cost the next search space its turn
        live.screen.end()
        report_fault(error)
        return {"file": str(space), "error": f"{type(error).__name__}: {error}"}, 1
    finally:
        live.screen.end()
