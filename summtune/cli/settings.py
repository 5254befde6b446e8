"""`summtune settings`: every setting, its value and where it came from; or what differs between two."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from summtune.config.complete import Complete, load_settings
from summtune.config.description import difference_lines, resolved_lines


def settings(
    file: Annotated[str, typer.Argument(help="Settings or a search space (YAML), or a preset's name.", metavar="FILE")],
    diff: Annotated[str | None, typer.Option("--diff", help="Show only what differs in OTHER.", metavar="OTHER")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, the strongest layer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Print complete settings, with the layer of every value; with --diff what differs between two."""
    one = load_settings(file, assignments=assignments or ())
    other = load_settings(diff, assignments=assignments or ()) if diff is not None else None
    if as_json:
        typer.echo(json.dumps(_record(one, other), ensure_ascii=False, indent=2))
        return 0
    for notice in dict.fromkeys([*one.notices, *(other.notices if other else ())]):
        typer.echo(f"note: {notice}", err=True)
    if other is None:
        typer.echo("\n".join(resolved_lines(one.resolved)))
        return 0
    lines = difference_lines(one.resolved, other.resolved)
    typer.echo("\n".join(lines) if lines else f"{file} and {diff} come to the same settings.")
    return 0


def _record(one: Complete, other: Complete | None) -> dict[str, Any]:
    mine, theirs = _values(one), _values(other) if other is not None else {}
    if other is None:
        return mine
    keys = [key for key in {**mine, **theirs} if mine.get(key, {}).get("value") != theirs.get(key, {}).get("value")]
    return {key: {one.name: mine.get(key), other.name: theirs.get(key)} for key in keys}


def _values(complete: Complete) -> dict[str, Any]:
    found = {}
    for key, value in complete.resolved.flat.items():
        origin = complete.resolved.origin(key)
        found[key] = {"value": value, "layer": origin.layer, "file": origin.file, "line": origin.line}
    return found
