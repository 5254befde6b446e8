"""Finds the checkpoint that a trial goes on from, by what the driver has recorded of it.

It must not know what a training makes of a checkpoint, nor change anything: what is moved where says `promotion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from summtune.events.trial_state import TrialState
from summtune.paths import TrialPaths
from summtune.training.checkpoints import sealed_checkpoints, verify
from summtune.training.resumption import Found, read_record


def to_resume(paths: TrialPaths, trial: TrialState) -> tuple[Found, int]:
    """The newest whole checkpoint that a trial can go on from, and its iteration; 0 where none was evaluated before.

    Those of evaluations that the driver has recorded, and those that were written since the last of these. Reads all of a checkpoint.
    Faults are those of the newer ones; that older ones are gone is none, since few are kept.
    """
    for folder in _since(paths, trial):
        if not verify(folder):  # what is damaged here costs less than an evaluation's, and is passed over without a word
            return Found(folder, ()), trial.iteration
    recorded = list(recorded_checkpoints(paths, trial))
    newest = next((report for report in reversed(trial.reports) if report.checkpoint is not None), None)
    faults: list[str] = []
    if newest is not None and newest.iteration not in [iteration for _, iteration in recorded]:
        faults.append(f"{paths.folder / str(newest.checkpoint)} is not there.")
    for folder, iteration in recorded:
        wrong = verify(folder)
        if not wrong:
            return Found(folder, tuple(faults)), iteration
        faults += wrong
    return Found(None, tuple(faults)), 0


def recorded_checkpoints(paths: TrialPaths, trial: TrialState) -> Iterator[tuple[Path, int]]:
    """Checkpoints that the driver has recorded and that are still there, newest first, each with its iteration."""
    for report in reversed(trial.reports):
        if report.checkpoint is None:
            continue
        written = paths.folder / report.checkpoint
        # As long as it is where the attempt wrote it, what has its name where a promotion moves it to is an earlier one.
        for folder in (written, paths.checkpoints / written.name):
            if folder.is_dir():
                yield folder, report.iteration


def _since(paths: TrialPaths, trial: TrialState) -> Iterator[Path]:
    """Checkpoints between evaluations that were written after the evaluation that was recorded last, newest first."""
    # An earlier attempt's went on from an evaluation that nobody knows of.
    first = trial.reports[-1].attempt if trial.reports else trial.first_attempt
    for number in reversed([number for number in paths.attempt_numbers() if number >= first]):
        for folder in reversed(sealed_checkpoints(paths.attempt(number).checkpoints)):
            try:
                record = read_record(folder)
                if record["under_way"] is not None and record["standing"]["iteration"] == trial.iteration:
                    yield folder
            except (OSError, ValueError, KeyError, TypeError):
                continue
