"""Moves what an ended trial leaves behind from its attempts to the trial's folder.

Only the driver does this, so a worker that should be dead spoils nothing. Every step can be repeated: a promotion that was cut
off is done again when the run is next opened.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from summtune import durable
from summtune.config.settings import Settings
from summtune.events.fold import RunState
from summtune.events.kinds import Reported
from summtune.events.trial_state import TrialState
from summtune.paths import TrialPaths
from summtune.training.checkpoints import disk_use, is_sealed, sealed_checkpoints, verify
from summtune.training.resumption import Found, read_record
from summtune.tuning.decode_race import decoding_record

ROUNDING = 2e-6
"""predictions.csv has six digits."""

_OF_THE_ATTEMPT = ("device", "precision", "attention", "micro_batch", "data", "scoring", "notices", "differs_from_baseline")
"""What only the worker knows of a training."""


# libyaml's is some five times faster; PyYAML's own is there where it was built without.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write_settings(paths: TrialPaths, settings: Settings) -> None:
    """The trial's complete settings, for the worker and for people."""
    text = yaml.dump(settings.model_dump(mode="json"), Dumper=_Dumper, allow_unicode=True, sort_keys=False)
    durable.write_text(paths.settings, text, synced=False)  # written anew for each attempt


def to_resume(paths: TrialPaths, trial: TrialState) -> tuple[Found, int]:
    """The newest whole checkpoint that a trial can go on from, and its iteration; 0 where none was evaluated before.

    Those of evaluations that the driver has recorded, and those that were written since the last of these. Reads all of a checkpoint.
    Faults are those of the newer ones; that older ones are gone is none, since few are kept.
    """
    for folder in _since(paths, trial):
        if not verify(folder):  # what is damaged here costs less than an evaluation's, and is passed over without a word
            return Found(folder, ()), trial.iteration
    recorded = list(_recorded(paths, trial))
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


def _recorded(paths: TrialPaths, trial: TrialState) -> Iterator[tuple[Path, int]]:
    """Checkpoints that the driver has recorded and that are still there, newest first, each with its iteration."""
    for report in reversed(trial.reports):
        if report.checkpoint is None:
            continue
        written = paths.folder / report.checkpoint
        # As long as it is where the attempt wrote it, what has its name where a promotion moves it to is an earlier one.
        for folder in (written, paths.checkpoints / written.name):
            if folder.is_dir():
                yield folder, report.iteration


def scores_on_record(paths: TrialPaths, objective: str, mean: float) -> list[float] | None:
    """Each dialogue's score by predictions.csv, in the development set's order; None unless they are those of a score on record."""
    try:
        with paths.predictions.open(encoding="utf-8", newline="") as stream:
            scores = [float(row[objective]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, ValueError):
        return None
    return scores if scores and abs(fmean(scores) - mean) < ROUNDING else None


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
    sealed = next((folder for folder, _ in _recorded(paths, trial) if is_sealed(folder)), None)
    if not trial.reports:
        clear_away(paths)
    if trial.status != "failed" and not keep_checkpoint:
        shutil.rmtree(paths.checkpoints, ignore_errors=True)
    elif sealed is not None:
        _promote_checkpoint(paths, sealed)
    kept = _promote_model(paths, trial.best) if trial.best is not None else False
    _join_logs(paths)
    rows = "".join(json.dumps(_history_row(report, state)) + "\n" for report in trial.reports)
    durable.write_text(paths.history, rows, synced=False)
    write_results(paths, trial, state)
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


def is_written(paths: TrialPaths, trial: TrialState) -> bool:
    """Whether the trial's files are there, whole. They are not synced: all in them is elsewhere, too, and a power cut leaves empty ones."""
    files = (paths.settings, paths.results, *([paths.history] if trial.reports else []))
    try:
        return not trial.attempts or all(file.stat().st_size for file in files)
    except FileNotFoundError:
        return False


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
    predictions = paths.best_model / "predictions.csv"
    if predictions.is_file():
        os.replace(predictions, paths.predictions)
    return paths.best_model.is_dir()


def _join_logs(paths: TrialPaths) -> None:
    """One training.log out of the attempts' logs, in order."""
    logs = [paths.attempt(number).log for number in paths.attempt_numbers()]
    durable.write_text(paths.log, "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs if log.is_file()), synced=False)


def _history_row(report: Reported, state: RunState) -> dict[str, float | int | str]:
    return {"attempt": report.attempt, **report.metrics, "evaluation": state.strategy}


def write_results(paths: TrialPaths, trial: TrialState, state: RunState) -> None:
    """training_results.json, of an ended trial."""
    durable.write_json(paths.results, _results(paths, trial, state), synced=False)


def write_decodings(paths: TrialPaths, trial: TrialState) -> None:
    """decodings.jsonl: what came of each setting of generation that was tried."""
    durable.write_text(paths.decodings, "".join(f"{durable.json_line(decoding_record(one))}\n" for one in trial.decoded))


def _results(paths: TrialPaths, trial: TrialState, state: RunState) -> dict[str, object]:
    """What a single training's `training_results.json` says, with the guide's keys."""
    best = trial.best
    return {
        "run_id": trial.id,
        "experiment_id": trial.id,
        "timestamp": datetime.fromtimestamp(trial.ended_at or time.time(), UTC).isoformat(timespec="seconds"),
        "status": trial.status,
        "cause": trial.cause or None,
        "message": trial.message or None,
        "params": trial.point,
        "objective": state.objective,
        "goal": "maximize" if state.maximize else "minimize",
        "iterations": trial.iteration,
        "best_iteration": best.iteration if best else None,
        "evaluation": state.evaluation(trial),
        "best_score": state.metrics(trial).get(state.objective),
        "best_metrics": state.metrics(trial),
        "decoding": trial.decoding.point if trial.decoding is not None else None,
        "proxy_metrics": best.metrics if best is not None and state.by_proxy else None,
        "final_metrics": trial.final,
        "model_path": str(paths.best_model.relative_to(paths.folder)) if paths.best_model.is_dir() else None,
        "attempts": trial.attempts,
        "retried": [{"attempt": one.attempt, "cause": one.cause, "message": one.message} for one in trial.retried],
        "disk": disk_use(paths.checkpoints, paths.best_model),
        **_facts(paths, trial),
    }


def _facts(paths: TrialPaths, trial: TrialState) -> dict[str, object]:
    """What the last attempt found where it ran; nothing where it did not get that far."""
    try:
        found = json.loads(paths.attempt(trial.attempts).results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: found[key] for key in _OF_THE_ATTEMPT if key in found}
