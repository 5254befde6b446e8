"""Makes the folders of runs, and finds those that people mean by a name or a path. What lies in one is called, `paths` says."""

from __future__ import annotations

import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from summtune.paths import ExperimentPaths, RunPaths

_RUN_NAME = re.compile(r"^(?P<name>.+)-\d{8}-\d{6}-[0-9a-f]{4}$")


def folder_name(title: str) -> str:
    """A title as it appears in folder names: white space becomes `-`."""
    return re.sub(r"\s+", "-", title.strip())


def create_run(output_dir: Path, title: str, now: datetime, suffix: str | None = None) -> RunPaths:
    """Make a new run directory; two runs never share one, however close together they start.

    Args:
        output_dir: folder of run directories.
        title: the run's name.
        now: the time in the folder's name.
        suffix: stamp and hex that the folder's name is to end with, where that is still free; by default made up here.

    Raises:
        OSError: `output_dir` can't be written.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    while True:
        folder = output_dir / f"{folder_name(title)}{suffix or f'-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}'}"
        try:
            folder.mkdir()
        except FileExistsError:
            suffix = None
            continue
        return RunPaths(folder)


def create_experiment(output_dir: Path, now: datetime) -> ExperimentPaths:
    """Make a folder for a training by itself; two never share one.

    Raises:
        OSError: `output_dir` can't be written.
    """
    experiments = output_dir / "experiments"
    experiments.mkdir(parents=True, exist_ok=True)
    while True:
        folder = experiments / f"{now:%Y%m%d_%H%M%S}_{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return ExperimentPaths(folder)


def point_newest(run: RunPaths, title: str) -> Path | None:
    """Let `sweep_<name>` mean this run, at once (link under a temporary name, rename).

    Returns:
        The link; None where something that is no link has that name, which is left alone.
    """
    link = run.folder.parent / f"sweep_{folder_name(title)}"
    if link.exists() and not link.is_symlink():
        return None
    temporary = run.folder.parent / f".sweep-{secrets.token_hex(4)}"
    temporary.symlink_to(run.folder.name, target_is_directory=True)
    os.replace(temporary, link)
    return link


def find_run(name_or_path: str, output_dir: Path, here: Path = Path()) -> RunPaths | None:
    """The run meant by a path from `here` (the run's folder, its `tune/` folder, a `sweep_` link) or by a name, newest first.

    Returns:
        None where there is no such run.
    """
    given = Path(name_or_path).expanduser()
    for candidate in (here / given, output_dir / given, output_dir / f"sweep_{folder_name(name_or_path)}"):
        for folder in (candidate, candidate.parent):
            # The parent is asked too, since people give Ray Tune's folder, as Tuner.restore wants it.
            if RunPaths(folder).events.is_file() and (folder == candidate or candidate.name == RunPaths(folder).tune.name):
                return RunPaths(folder.resolve())
    named = [folder for folder in _runs_in(output_dir) if run_title(folder) == folder_name(name_or_path)]
    return RunPaths(named[-1].resolve()) if named else None


def list_runs(output_dir: Path) -> list[RunPaths]:
    """Runs in a results folder, oldest first."""
    return [RunPaths(folder) for folder in _runs_in(output_dir)]


def run_title(folder: Path) -> str:
    """The `<name>` of a run's folder name, or all of it where a person renamed the folder."""
    match = _RUN_NAME.match(folder.name)
    return match["name"] if match else folder.name


def _runs_in(output_dir: Path) -> list[Path]:
    if not output_dir.is_dir():
        return []
    runs = [entry for entry in output_dir.iterdir() if not entry.is_symlink() and RunPaths(entry).events.is_file()]
    return sorted(runs, key=lambda folder: folder.name[-20:])
