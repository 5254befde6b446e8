"""Moves what an ended trial leaves behind from its attempts to the trial's folder.

Only the driver does this, so a worker that should be dead spoils nothing. Every step can be repeated: a promotion that was cut
off is done again when the run is next opened.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from summtune.events.fold import RunState
from summtune.events.kinds import Reported
from summtune.events.trial_state import TrialState
from summtune.paths import TrialPaths, predictions_of
from summtune.training.checkpoints import is_sealed
from summtune.tuning import trial_files
from summtune.tuning.resuming import recorded_checkpoints


def promote(paths: TrialPaths, trial: TrialState, state: RunState, *, keep_checkpoint: bool) -> int | None:
    """Move the best model, its predictions, the logs and the last checkpoint to the trial's folder, and write its history and results.

    Args:
        paths: of the trial.
        trial: the one that has ended.
        state: the run.
        keep_checkpoint: whether the last checkpoint stays. One that failed keeps it in any case: it may be run again.

    Returns:
        The attempt that the best model came from; None where there is no model.
    """
    sealed = next((folder for folder, _ in recorded_checkpoints(paths, trial) if is_sealed(folder)), None)
    if not trial.reports:
        clear_away(paths)
    if trial.status != "failed" and not keep_checkpoint:
        shutil.rmtree(paths.checkpoints, ignore_errors=True)
    elif sealed is not None:
        _promote_checkpoint(paths, sealed)
    kept = _promote_model(paths, trial.best) if trial.best is not None else False
    trial_files.join_logs(paths)
    trial_files.write_history(paths, trial, state)
    trial_files.write_results(paths, trial, state)
    for number in paths.attempt_numbers():
        shutil.rmtree(paths.attempt(number).checkpoints, ignore_errors=True)
        if kept:
            shutil.rmtree(paths.attempt(number).models, ignore_errors=True)
    return trial.best.attempt if trial.best is not None and kept else None


def clear_away(paths: TrialPaths) -> None:
    """Delete what a promotion has put in the folder of a trial that has come to nothing since: none of it is what its log says."""
    for folder in (paths.checkpoints, paths.best_model):
        shutil.rmtree(folder, ignore_errors=True)
    paths.predictions.unlink(missing_ok=True)


def _promote_checkpoint(paths: TrialPaths, sealed: Path) -> None:
    """Let the trial's folder have this checkpoint alone."""
    target = paths.checkpoints / sealed.name
    paths.checkpoints.mkdir(parents=True, exist_ok=True)
    for folder in paths.checkpoints.iterdir():
        if folder != sealed:
            shutil.rmtree(folder, ignore_errors=True)
    if sealed != target:
        os.replace(sealed, target)


def _promote_model(paths: TrialPaths, best: Reported) -> bool:
    """Move the best model; True if the trial's folder has it afterwards."""
    source = paths.attempt(best.attempt).best_model(best.iteration)
    if source.is_dir():
        paths.best_model.parent.mkdir(parents=True, exist_ok=True)
        if paths.best_model.exists():
            shutil.rmtree(paths.best_model)
        os.replace(source, paths.best_model)
    predictions = predictions_of(paths.best_model)
    if predictions.is_file():
        os.replace(predictions, paths.predictions)
    return paths.best_model.is_dir()
