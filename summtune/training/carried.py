"""What a training that is resumed in a folder of its own brings along of what lies beside the checkpoint: settings, the best model so far.

It looks where the checkpoint lies: in an experiment's folder, a trial's, or an attempt's. It must not know how training goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.paths import AttemptPaths, TrialPaths
from summtune.training.best_model import SETTINGS_FILE, write_best_model
from summtune.training.resumption import read_record


def settings_file(checkpoint: Path) -> Path | None:
    """The settings.yaml of the training that a checkpoint belongs to; None where it was taken out of its folder."""
    return next((TrialPaths(home).settings for home in _homes(checkpoint) if TrialPaths(home).settings.is_file()), None)


def best_model_of(checkpoint: Path) -> Path | None:
    """The best model of the training that a checkpoint belongs to, as it lies there when that is over; None where it doesn't."""
    return next((TrialPaths(home).best_model for home in _homes(checkpoint) if TrialPaths(home).best_model.is_dir()), None)


def carry_best_model(checkpoint: Path, attempt: AttemptPaths, settings: Settings) -> str:
    """Bring the best model so far into the attempt, by hard links where the file system can.

    Returns:
        A sentence where it can't be had any more, so that the best of what follows has to do; else nothing.
    """
    record = read_record(checkpoint)
    standing = record["standing"]
    iteration = standing["best_iteration"]
    if iteration is None:
        return ""
    target = attempt.best_model(iteration)
    for home in _homes(checkpoint):
        for model in (AttemptPaths(home).best_model(iteration), TrialPaths(home).best_model):
            if _iteration(model) == iteration:
                _link_tree(model, target)
                predictions = TrialPaths(home).predictions
                if predictions.is_file() and not (target / predictions.name).exists():
                    shutil.copyfile(predictions, target / predictions.name)
                return ""
    if iteration == standing["iteration"] and record["predictions"] is not None:
        made = {"iteration": iteration, "metrics": record["history"][-1], "scoring": record["scoring"]}
        write_best_model(target, checkpoint, settings, made, record["predictions"])
        return ""
    return f"The best model so far, that of evaluation {iteration}, is not beside {checkpoint.name}: the best of what follows is kept."


def _homes(checkpoint: Path) -> Iterator[Path]:
    """Folders that a checkpoint may belong to: <home>/checkpoints/<checkpoint>, or <home>/attempts/<n>/checkpoints/<checkpoint>."""
    above = checkpoint.absolute().parents
    if len(above) > 1:  # anything may be given, also what lies right below the root
        yield above[1]
    if len(above) > 3 and above[2] == TrialPaths(above[3]).attempts:
        yield above[3]


def _iteration(model: Path) -> Any:
    try:
        return json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8")).get("iteration")
    except (OSError, ValueError):
        return None


def _link_tree(source: Path, target: Path) -> None:
    def link(here: str, there: str) -> None:
        try:
            os.link(here, there)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(here, there)

    shutil.copytree(source, target, copy_function=link)
