"""`summtune score`: a file of summaries against a file of references, by any metric."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from summtune.config.settings import Evaluation
    from summtune.inference.scoring import ScoredFile


def score(
    predictions: Annotated[Path, typer.Argument(help="Summaries, such as `summtune predict` writes: .csv, .tsv, .json, .jsonl, .parquet.")],
    references: Annotated[Path, typer.Argument(help="The summaries that people wrote, in any of these formats; the order may differ.")],
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="A metric, or a Python file; repeatable. Left out: rouge.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="evaluation.key=value, as in settings.")] = None,
    id_column: Annotated[str, typer.Option("--id", help="Column of the id, in both files.")] = "fname",
    prediction: Annotated[str, typer.Option(help="Column of the summary in PREDICTIONS.")] = "summary",
    reference: Annotated[list[str] | None, typer.Option(help="Column of a reference in REFERENCES; repeatable. Left out: summary.")] = None,
    dialogue: Annotated[str, typer.Option(help="Column of the dialogue in REFERENCES, for metrics that need it.")] = "dialogue",
    per_dialogue: Annotated[bool, typer.Option("--per-dialogue", help="With --json: the value of each dialogue, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Score PREDICTIONS against REFERENCES, matched by id: means with 95 % intervals over dialogues."""
    from summtune.inference.scoring import CONFIDENCE, Columns, score_files

    evaluation = _evaluation(metrics or [], assignments or [])
    columns = Columns(id_column, prediction, tuple(reference or ["summary"]), dialogue)
    done = score_files(predictions, references, columns, evaluation)
    if as_json:
        record: dict[str, Any] = {
            "predictions": str(predictions),
            "references": str(references),
            "dialogues": len(done.ids),
            "confidence": CONFIDENCE,
            "metrics": {figure.key: {name: value for name, value in asdict(figure).items() if name != "key"} for figure in done.figures},
            "scoring": done.description,
        }
        if per_dialogue:
            record["per_dialogue"] = {
                one: {key: column[row] for key, column in done.per_dialogue.items()} for row, one in enumerate(done.ids)
            }
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return 0
    _print(done)
    return 0


def _print(done: ScoredFile) -> None:
    from rich.table import Table

    from summtune.cli.screen import stream_console
    from summtune.inference.scoring import RESAMPLES

    console = stream_console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("metric", "mean", "95 % interval", "better", "what it is"):
        table.add_column(name, justify="right" if name == "mean" else "left", no_wrap=name != "what it is")
    better = {"maximize": "higher", "minimize": "lower", None: "neither"}
    for figure in done.figures:
        between = f"{figure.low:.4f} to {figure.high:.4f}" if figure.low is not None else "–"
        table.add_row(figure.key, f"{figure.mean:.4f}", between, better[figure.goal], figure.unit)
    console.print(table)
    console.print(f"\nn = {len(done.ids)} dialogues; intervals by {RESAMPLES:,} resamplings of them.")
    for metric, how in done.description.items():
        console.print(f"{metric}: {'; '.join(f'{name} {said}' for name, said in how.items())}")


def _evaluation(metrics: list[str], assignments: list[str]) -> Evaluation:
    """What to score by: --set evaluation.… by the rules of settings, and --metric.

    Raises:
        SettingsMistake: one of them can't be.
    """
    from summtune.config.environment import read_assignments
    from summtune.config.settings import Settings
    from summtune.config.validation import metric_problems
    from summtune.errors import Problem, SettingsMistake

    pairs, problems = [], []
    given = [*assignments, *([f"evaluation.metrics=[{', '.join(map(json.dumps, metrics))}]"] if metrics else [])]
    for assignment in given:
        key, equals, value = assignment.partition("=")
        if not equals or not key.startswith("evaluation."):
            problems.append(Problem("it says nothing that matters here.", "Write evaluation.key=value.", key=f"--set {assignment}"))
        else:
            pairs.append((key, value))
    reading = read_assignments(pairs)
    problems += reading.problems
    values = {key.removeprefix("evaluation."): entry.value for key, entry in reading.layer.items()}
    plain = {key: value for key, value in values.items() if "." not in key}
    for key, value in values.items():
        if key.startswith("combined."):  # a mapping's parts may be written with dots
            plain.setdefault("combined", {})[key.removeprefix("combined.")] = value
    settings = Settings.model_validate({"evaluation": plain})
    problems += metric_problems(settings, reading.layer)
    if problems:
        raise SettingsMistake(list(dict.fromkeys(problems)))
    return settings.evaluation
