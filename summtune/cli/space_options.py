"""The options by which `run`, `submit` and `validate` say what is to be run otherwise than the search space does, and what they come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Spaces = Annotated[list[Path], typer.Argument(help="Search spaces (YAML).", metavar="FILE...")]
Count = Annotated[int | None, typer.Option(help="Trials, without the baseline.")]
Base = Annotated[str | None, typer.Option(help="Preset or YAML file to start from.")]
Model = Annotated[str | None, typer.Option(help="Checkpoint on the hub, or a local folder.")]
Train = Annotated[Path | None, typer.Option(help="Training data (CSV, TSV, JSON, JSON Lines, Parquet).")]
Dev = Annotated[Path | None, typer.Option(help="Development data, by which trials are scored.")]
Test = Annotated[Path | None, typer.Option(help="Test data.")]
WarmStart = Annotated[list[str] | None, typer.Option(help="An earlier run to learn from; may be given again.", metavar="RUN")]
OutputDir = Annotated[str | None, typer.Option(help="Folder for run directories.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="section.key=value, the strongest layer.")]


def strongest(
    *,
    count: int | None,
    base: str | None,
    model: str | None,
    train: Path | None,
    dev: Path | None,
    test: Path | None,
    warm_start: list[str] | None,
    output_dir: str | None,
    assignments: list[str] | None,
) -> list[str]:
    """The options as assignments, before those of --set."""
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
    return [*(f"{key}={value}" for key, value in given.items() if value is not None), *(assignments or [])]
