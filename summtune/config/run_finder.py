"""Finds the run that a person means, or says which there are."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from summtune.paths import RunPaths
from summtune.run_folders import find_run, list_runs, run_title
from summtune.space.naming import Unfit


def the_run(name_or_path: str, results: Path, here: Path | None = None) -> RunPaths:
    """The run meant by a name (the newest of that name) or a path.

    Args:
        name_or_path: as the person gave it.
        results: folder of run directories.
        here: what a relative path is relative to; None: the current folder.

    Raises:
        Unfit: there is none; it lists runs that there are.
    """
    try:
        found = find_run(name_or_path, results, here or Path())
    except (OSError, RuntimeError, ValueError):  # what no path may be: the home of nobody, a name too long
        found = None
    if found is not None:
        return found
    names = list(dict.fromkeys(run_title(run.folder) for run in list_runs(results)))
    close = get_close_matches(name_or_path, names, n=1)
    if close:
        hint = f"Did you mean {close[0]}?"
    elif names:
        hint = f"There are: {', '.join(names)}."
    else:
        hint = f"{results} holds no runs; give the run's folder if it lies elsewhere."
    raise Unfit(f"there is no run {name_or_path!r} {'here' if here is None else f'in {here}'} or in {results}.", hint)
