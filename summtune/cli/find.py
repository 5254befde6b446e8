"""Finds the run that a person means."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from summtune.cluster.inside import current_job
from summtune.config.settings import General
from summtune.errors import Problem, RunMistake
from summtune.paths import RunPaths, find_run, list_runs, run_title


def results_folder(output_dir: str | None) -> Path:
    """The folder of run directories: as given, else OUTPUT_DIR, else the settings' default; in a cluster's job under its storage.

    Raises:
        RunMistake: in a job, it would not lie there.
    """
    folder = Path(output_dir or os.environ.get("OUTPUT_DIR") or General().output_dir).expanduser()
    job = current_job(os.environ)
    return job.placed(folder) if job else folder


def the_run(name_or_path: str, output_dir: str | None) -> RunPaths:
    """The run meant by a name or a path.

    Raises:
        RunMistake: there is none (the message lists runs that there are), or a job on a cluster has no business there.
    """
    folder = results_folder(output_dir)
    found = find_run(name_or_path, folder)
    if found is not None:
        job = current_job(os.environ)
        if job is not None:
            job.placed(found.folder)
        return found
    names = list(dict.fromkeys(run_title(run.folder) for run in list_runs(folder)))
    close = get_close_matches(name_or_path, names, n=1)
    if close:
        hint = f"Did you mean {close[0]}?"
    elif names:
        hint = f"There are: {', '.join(names)}."
    else:
        hint = f"{folder} holds no runs; say --output-dir if they lie elsewhere."
    raise RunMistake(Problem(f"there is no run {name_or_path!r} here or in {folder}.", hint))
