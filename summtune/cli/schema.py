"""`summtune schema`: the JSON schema of a kind of file, or the reference of all keys."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from summtune.config.complaints import one_of
from summtune.errors import Mistake


def schema(
    kind: Annotated[str, typer.Argument(help="space, settings, or reference (Markdown).")] = "space",
) -> int:
    """Print the JSON schema of search spaces or of settings, or the reference of all keys."""
    from summtune.config.reference import reference
    from summtune.config.schema import settings_schema, space_schema

    kinds = {"space": space_schema, "settings": settings_schema}
    if kind == "reference":
        typer.echo(reference(), nl=False)
        return 0
    if kind not in kinds:
        unfit = one_of(kind, [*kinds, "reference"])
        raise Mistake(f"{unfit.reason} {unfit.remedy}".strip())
    typer.echo(json.dumps(kinds[kind](), ensure_ascii=False, indent=1))
    return 0
