"""`summtune predict`: summaries of a data file by a run's best model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summtune.cli.scores import on_a_line

if TYPE_CHECKING:
    from summtune.events.fold import RunState
    from summtune.paths import RunPaths, TrialPaths


def predict(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), its folder, or a model's folder.")],
    data: Annotated[Path, typer.Argument(help="Dialogues (CSV, TSV, JSON, JSON Lines, Parquet), with or without summaries.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The CSV to write; else inference.result_path.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="data.…, generation.… or inference.… key=value.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda or cpu; left out: as in training.")] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    trial: Annotated[str | None, typer.Option(help="This trial's model in place of the best: one of the front, for example.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Write fname,summary for every dialogue of DATA, in its order, by the best model of RUN, or by that of one trial."""
    from summtune.cli.find import the_run, written_to
    from summtune.errors import Problem, RunMistake
    from summtune.inference import predict as inference
    from summtune.training.best_model import SETTINGS_FILE

    if device not in (None, "auto", "cuda", "cpu"):
        raise RunMistake(Problem(f"there is no device {device!r}.", "Take auto, cuda or cpu.", key="--device"))
    target = written_to(out, "--out") if out is not None else None
    folder = Path(run)
    if not (folder / SETTINGS_FILE).is_file():
        from summtune.events.mending import read_run
        from summtune.reporting.views import model_of_trial

        found = the_run(run, output_dir)
        state, warnings = read_run(found)
        for warning in warnings:
            typer.echo(f"note: {warning}", err=True)
        folder = (_of_the_best(found, state) if trial is None else model_of_trial(found, state, trial)).best_model
    elif trial is not None:
        raise RunMistake(Problem(f"{run} is a model already.", "Give a run, or leave it out.", key="--trial"))
    said = assignments or ()
    if target is None:
        target = written_to(inference.usual_place(folder, said), "inference.result_path")
    done = inference.predict(folder, data, target, device=device, assignments=said)  # type: ignore[arg-type]  # checked above
    if as_json:
        record = {
            "model": str(folder),
            "out": str(done.out),
            "rows": done.rows,
            "metrics": done.metrics,
            "seconds": round(done.seconds, 3),
            "notices": list(done.notices),
        }
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return 0
    typer.echo(f"{done.rows} summaries by {folder} in {done.seconds:.1f} s: {done.out}")
    for notice in done.notices:
        typer.echo(f"note: {notice}")
    if done.metrics is not None:
        # Precision and recall stand in --json: a line is for the scores that people compare.
        typer.echo(f"against the file's own summaries: {on_a_line(done.metrics)}")
    return 0


def _of_the_best(run: RunPaths, state: RunState) -> TrialPaths:
    """The folder of the trial whose model the best hands on; says so where that is the best by cheap evaluations alone.

    Raises:
        RunMistake: there is none.
    """
    from summtune.errors import Problem, RunMistake
    from summtune.events import standings
    from summtune.events.copies import copied_from
    from summtune.reporting.views import absent_model, best_model

    model, best = best_model(run, state), standings.best(state)
    if model is None:
        show = f"`summtune show {run.folder.name}`"
        if (absent := absent_model(run, state)) is None:
            raise RunMistake(Problem(f"{run.folder.name} has no model yet.", f"See {show}."))
        reason = f"the model of the best, trial {absent[0]}, is not there: {absent[1]}."
        if (copied := copied_from(run)) is not None:
            raise RunMistake(Problem(reason, f"`{copied.how_to_pull} --model` brings it."))
        raise RunMistake(Problem(reason, f"Bring it back, or take another trial's with --trial; {show} lists them."))
    if best is not None and standings.shown_score(state, best)[0] == "proxy":
        typer.echo(f"note: trial {best.id} is the likeliest by cheap evaluations so far; none has been evaluated in full yet.", err=True)
    return model
