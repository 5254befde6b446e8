"""Writes what a trial's folder says of it to people and programs: settings, history, log, results and decodings.

All of it is made of the event log and of what the attempts left, so that it can be written again at any time. It must not move anything.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import yaml

from summtune import durable
from summtune.config.settings import Settings
from summtune.events.fold import RunState
from summtune.events.kinds import Reported
from summtune.events.trial_state import TrialState
from summtune.paths import TrialPaths
from summtune.training.checkpoints import disk_use
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


def write_history(paths: TrialPaths, trial: TrialState, state: RunState) -> None:
    """history.jsonl: a line for each evaluation."""
    rows = "".join(json.dumps(_history_row(report, state)) + "\n" for report in trial.reports)
    durable.write_text(paths.history, rows, synced=False)


def join_logs(paths: TrialPaths) -> None:
    """One training.log out of the attempts' logs, in order."""
    logs = [paths.attempt(number).log for number in paths.attempt_numbers()]
    durable.write_text(paths.log, "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs if log.is_file()), synced=False)


def write_results(paths: TrialPaths, trial: TrialState, state: RunState) -> None:
    """training_results.json, of an ended trial."""
    durable.write_json(paths.results, _results(paths, trial, state), synced=False)


def write_decodings(paths: TrialPaths, trial: TrialState) -> None:
    """decodings.jsonl: what came of each setting of generation that was tried."""
    durable.write_text(paths.decodings, "".join(f"{durable.json_line(decoding_record(one))}\n" for one in trial.decoded))


def is_written(paths: TrialPaths, trial: TrialState) -> bool:
    """Whether the trial's files are there, whole. They are not synced: all in them is elsewhere, too, and a power cut leaves empty ones."""
    files = (paths.settings, paths.results, *([paths.history] if trial.reports else []))
    try:
        return not trial.attempts or all(file.stat().st_size for file in files)
    except FileNotFoundError:
        return False


def scores_on_record(paths: TrialPaths, objective: str, mean: float) -> list[float] | None:
    """Each dialogue's score by predictions.csv, in the development set's order; None unless they are those of a score on record."""
    try:
        with paths.predictions.open(encoding="utf-8", newline="") as stream:
            scores = [float(row[objective]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, ValueError):
        return None
    return scores if scores and abs(fmean(scores) - mean) < ROUNDING else None


def _history_row(report: Reported, state: RunState) -> dict[str, float | int | str]:
    return {"attempt": report.attempt, **report.metrics, "evaluation": state.strategy}


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
