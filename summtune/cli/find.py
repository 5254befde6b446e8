"""Finds the run that a person means."""

from __future__ import annotations

import os
from pathlib import Path

from summtune.cluster.agreement import STORAGE_VARIABLE
from summtune.cluster.inside import current_job
from summtune.config import run_finder
from summtune.config.experiment import Experiment
from summtune.config.settings import General
from summtune.errors import Problem, RunMistake
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.run_folders import find_run
from summtune.space.naming import Unfit


def results_folder(output_dir: str | None) -> Path:
    """The folder of run directories: as given, else OUTPUT_DIR, else the settings' default; in a cluster's job under its storage.

    Raises:
        RunMistake: in a job, it would not lie there.
    """
    return written_to(output_dir or os.environ.get("OUTPUT_DIR") or General().output_dir, "general.output_dir")


def written_to(path: str | Path, key: str) -> Path:
    """A folder or a file that is to be written to: as given; in a cluster's job under its storage.

    Args:
        path: as a person gave it.
        key: what it was given by.

    Raises:
        RunMistake: in a job, it would not lie there.
    """
    place = Path(path).expanduser()
    job = current_job(os.environ)
    return job.placed(place, key) if job else place


def seen_run(name_or_path: str, output_dir: str | None) -> RunPaths:
    """The run to look at that is meant: of this machine, else of the cluster's storage where SUMMTUNE_STORAGE says that it is seen here.

    Raises:
        RunMistake: there is none (the message lists runs that there are), or a job on a cluster has no business there.
    """
    storage = os.environ.get(STORAGE_VARIABLE, "").strip()
    if storage and find_run(name_or_path, results_folder(output_dir)) is None:
        there = find_run(name_or_path, Path(storage).expanduser() / results_folder(output_dir))
        if there is not None:
            return there
    return the_run(name_or_path, output_dir)


def the_run(name_or_path: str, output_dir: str | None) -> RunPaths:
    """The run meant by a name or a path.

    Raises:
        RunMistake: there is none (the message lists runs that there are), or a job on a cluster has no business there.
    """
    try:
        found = run_finder.the_run(name_or_path, results_folder(output_dir))
    except Unfit as unfit:
        raise RunMistake(Problem(unfit.reason, unfit.remedy)) from None
    job = current_job(os.environ)
    if job is not None:
        job.placed(found.folder)
    return found


def check_store(run: RunPaths) -> None:
    """Refuse in a job to go on with a run whose copy would be kept outside of the cluster's storage: it may have begun elsewhere.

    Raises:
        RunMistake: it would.
    """
    job = current_job(os.environ)
    if job is not None and (opened := read_run(run)[0].opened) is not None:
        job.check_store(Experiment.from_record(opened.experiment).base.settings.general.storage)
