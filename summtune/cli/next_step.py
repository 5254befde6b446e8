"""The next command to type, so that it works when it is pasted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from summtune.cli.find import results_folder
from summtune.cluster.inside import current_job
from summtune.config.settings import Settings
from summtune.corpus.dialogues import has_test, split_file
from summtune.paths import RunPaths
from summtune.run_folders import find_run, run_title

PLACEHOLDER = "TEST.csv"


def command(*words: str) -> str:
    """A command of ours as this person would type it: by its name where that is found, else by the path that they used."""
    return shlex.join([_program(), *words])


def after(run: RunPaths, settings: Settings) -> str:
    """What to type once a run is finished: summarise with its best model; where it ran as a cluster's job, bring its results first."""
    return predict_command(run, settings) if current_job(os.environ) is None else _at_home("pull", run)


def go_on(run: RunPaths) -> str:
    """How to go on with a run that was stopped."""
    return command("resume", called(run)) if current_job(os.environ) is None else _at_home("resume", run)


def _at_home(verb: str, run: RunPaths) -> str:
    """A command for the person who submitted this job, on their own machine: only they know the address they use."""
    return f"summtune {verb} {run.folder.name} --address URL"


def predict_command(run: RunPaths, settings: Settings) -> str:
    """How to summarise test data with the run's best model."""
    return command("predict", called(run), summarised(settings))


def summarised(settings: Settings) -> str:
    """The test data that belong to what was trained on; a placeholder where nobody has named any."""
    return _short(split_file(settings.data, "test")) if has_test(settings.data) else PLACEHOLDER


def called(run: RunPaths) -> str:
    """The run's name where that finds it from here, else its folder."""
    title = run_title(run.folder)
    found = find_run(title, results_folder(None))
    return title if found is not None and found.folder == run.folder.resolve() else _short(run.folder)


def _program() -> str:
    used = Path(sys.argv[0])
    if used.name != "summtune":
        return "summtune"  # python -m summtune, a test, or a program that calls us
    found = shutil.which("summtune")
    if found is not None and Path(found).resolve() == used.resolve():
        return "summtune"
    return _short(used.absolute())


def _short(path: Path) -> str:
    """Relative to the current folder where it lies below it."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
