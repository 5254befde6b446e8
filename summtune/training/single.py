"""One training by itself: everything checked before its folder is made, and the folder arranged like a trial's when it ends.

It must not know of runs, trials or screens: whoever calls it is told of evaluations, and says when to stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from summtune import durable
from summtune.config.description import resolved_lines
from summtune.config.layers import Resolved
from summtune.config.metrics import LOSS, goals
from summtune.config.objective import Objective
from summtune.config.settings import Settings
from summtune.corpus.check import CorpusFacts, check_corpus
from summtune.errors import Interrupted, Mistake, Problem, RunMistake, SummtuneError, TrialFailure
from summtune.families import checkpoints as availability
from summtune.paths import ExperimentPaths, cache_dir, predictions_of
from summtune.run_folders import create_experiment
from summtune.training.arguments import resolve_hardware
from summtune.training.best_model import add_full_metrics, write_predictions
from summtune.training.carried import best_model_of, carry_best_model
from summtune.training.checkpoints import bytes_on_disk, sealed_checkpoints
from summtune.training.job import Job, Report, StopAsked
from summtune.training.notices import Note
from summtune.training.referee import score_in_full
from summtune.training.resumption import read_record, whole_checkpoint
from summtune.training.terms import differences
from summtune.training.train import train


@dataclass(frozen=True)
class Prepared:
    """A training of which all that can be known beforehand is known to be right.

    Attributes:
        resolved: its settings.
        objective: what the best model is chosen by.
        facts: of the data.
        resume_from: a whole checkpoint.
        notices: what was decided for the person.
    """

    resolved: Resolved
    objective: Objective
    facts: CorpusFacts
    resume_from: Path | None = None
    notices: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return self.resolved.settings


def prepare(resolved: Resolved, resume_from: Path | None, notices: tuple[str, ...] = ()) -> Prepared:
    """Find every mistake before anything is made.

    Raises:
        DataMistake: the data can't be used.
        CheckpointMistake: the model can't be had.
        SettingsMistake: the hardware isn't there.
        RunMistake: the checkpoint to resume from isn't one, or its training can't go on so.
    """
    settings = resolved.settings
    facts = check_corpus(settings)
    if resume_from is None:
        availability.check_available(settings)
    resolve_hardware(settings)
    said = list(notices)
    if settings.wandb.mode in ("online", "offline"):
        said.append("wandb: only runs (`summtune run`) are mirrored so far; this training is recorded in its own folder.")
    if settings.general.storage is not None:
        said.append("general.storage: only runs (`summtune run`) are stored there; this training lies in its own folder.")
    whole, objective = None, _objective(settings)
    if resume_from is not None:
        found = whole_checkpoint(resume_from.expanduser().absolute())
        whole = found.folder
        assert whole is not None, "whole_checkpoint raises where there is none"
        said += [*found.notices, *differences(whole, settings, facts, best_model_of(whole))]
        # A trial's checkpoint knows the best score by the objective of its run.
        objective = Objective(**read_record(whole)["objective"])
    return Prepared(resolved, objective, facts, whole, tuple(dict.fromkeys(said)))


def train_single(prepared: Prepared, paths: ExperimentPaths, report: Report, note: Note, stop_asked: StopAsked) -> dict[str, Any]:
    """Train in a folder that `open_experiment` made, and return what its training_results.json says.

    Raises:
        Mistake: one that shows only once the model is there; where nothing was trained the folder is gone then.
        TrialFailure: the training failed; the folder says how far it came.
        SurroundingsFailure: disk or storage gave way.
        Interrupted: `stop_asked`; there is a checkpoint of the last step.

    Where evaluations on the way are cheap ones the best model is evaluated in full at the end; a failure of that leaves what was trained.
    """
    attempt, settings = paths.itself, prepared.settings
    carried = carry_best_model(prepared.resume_from, attempt, settings) if prepared.resume_from is not None else ""
    job = Job(
        settings=settings,
        objective_name=prepared.objective.name,
        maximize=prepared.objective.maximize,
        attempt=attempt,
        cache=cache_dir(),
        resume_from=prepared.resume_from,
        best_lost=bool(carried),
        notices=(*prepared.notices, *filter(None, [carried])),
    )
    try:
        train(job, report, note, stop_asked)
    except KeyboardInterrupt:
        _close(paths, prepared, "interrupted")
        raise
    except Interrupted:
        _close(paths, prepared, "interrupted")
        raise
    except Mistake:
        if not sealed_checkpoints(attempt.checkpoints):
            shutil.rmtree(paths.folder, ignore_errors=True)
        else:
            _close(paths, prepared, "failed")
        raise
    except Exception as error:  # whatever ended it is put on record, and goes on its way
        cause = error.cause if isinstance(error, TrialFailure) else "surroundings" if isinstance(error, SummtuneError) else "error"
        with contextlib.suppress(OSError):  # a disk that is full will not take this, either
            _close(paths, prepared, "failed", cause, str(error))
        raise
    results = _close(paths, prepared, "finished")
    if settings.evaluation.strategy == "full" or results["model_path"] is None:
        return results
    return _refereed(paths, prepared, results, note)


def open_experiment(prepared: Prepared, output_dir: Path, environment: Mapping[str, Any]) -> ExperimentPaths:
    """Make the folder of a training, and write down what was asked.

    Raises:
        RunMistake: `output_dir` can't be written.
    """
    try:
        paths = create_experiment(output_dir, datetime.now())
        durable.write_text(paths.settings, "\n".join(resolved_lines(prepared.resolved)) + "\n")
        durable.write_json(paths.environment, environment)
    except OSError as error:
        reason = f"{output_dir} can't be written: {error.strerror or error}."
        raise RunMistake(Problem(reason, "Give another with --output-dir FOLDER.", key="general.output_dir")) from error
    return paths


def last_checkpoint(paths: ExperimentPaths) -> Path | None:
    """The newest checkpoint that a training left; None where it came to none."""
    return next(reversed(sealed_checkpoints(paths.checkpoints)), None)


def _close(paths: ExperimentPaths, prepared: Prepared, status: str, cause: str = "", message: str = "") -> dict[str, Any]:
    """Arrange the folder like a trial's, and complete training_results.json."""
    results: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        results = json.loads(paths.results.read_text(encoding="utf-8"))
    best = paths.itself.best_model(results["best_iteration"]) if results.get("best_iteration") else None
    if best is not None and best.is_dir():
        os.replace(best, paths.best_model)
        with contextlib.suppress(FileNotFoundError):
            os.replace(predictions_of(paths.best_model), paths.predictions)
    if status == "finished" and not prepared.settings.training.keep_checkpoint and paths.checkpoints.is_dir():
        shutil.rmtree(paths.checkpoints)
    durable.sync_folder(paths.folder)
    results |= {
        "experiment_id": paths.folder.name,
        "timestamp": datetime.now().astimezone().isoformat(timespec="seconds"),
        "status": status,
        "cause": cause or None,
        "message": message or None,
        "resumed_from": str(prepared.resume_from) if prepared.resume_from is not None else None,
        "best_metrics": results.get("best_metrics"),
        "final_metrics": results.get("final_metrics"),
        "model_path": str(paths.best_model.relative_to(paths.folder)) if paths.best_model.is_dir() else None,
        "notices": results.get("notices", list(prepared.notices)),
        "bytes": bytes_on_disk(paths.folder),
    }
    durable.write_json(paths.results, results)
    return results


def _refereed(paths: ExperimentPaths, prepared: Prepared, results: dict[str, Any], note: Note) -> dict[str, Any]:
    """Evaluate the best model in full, since evaluations on the way were cheap ones; returns the completed results."""
    name = prepared.objective.name
    refereed = score_in_full(paths.best_model, prepared.settings, name, cache_dir())
    for notice in refereed.notices:
        note(notice)
    write_predictions(paths.predictions, refereed.rows)
    add_full_metrics(paths.best_model, refereed.metrics)
    results |= {
        "evaluation": "full",
        "proxy_metrics": results["best_metrics"],
        "best_metrics": refereed.metrics,
        "best_score": refereed.metrics[name],
        "seconds": round(results["seconds"] + refereed.seconds, 3),
        "notices": [*results["notices"], *refereed.notices],
    }
    durable.write_json(paths.results, results)
    return results


def _objective(settings: Settings) -> Objective:
    """What everything is compared by, or, where that isn't computed, the first metric of which one end is better."""
    reported = goals(settings.evaluation.metrics)
    better = {name: goal for name, goal in reported.items() if goal is not None}
    usual = Objective()
    if usual.name in better:
        return usual
    name = next((name for name in better if name != LOSS), LOSS)
    return Objective(name, better[name])
