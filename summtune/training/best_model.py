"""Writes the best model so far as a folder that `from_pretrained` takes: at once, and without a second copy of the weights on disk.

It must not know how it was found to be the best.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from summtune import __version__, durable
from summtune.config.settings import Settings
from summtune.decoding.evaluation import Evaluated
from summtune.paths import predictions_of
from summtune.training.adapters import ADAPTER_FILES
from summtune.training.checkpoints import MANIFEST
from summtune.training.trainer import MODEL_ONLY_STATE

SETTINGS_FILE = "summtune_settings.json"

DIGITS = 6
"""Of the scores in predictions.csv."""


def write_best_model(
    folder: Path,
    checkpoint: Path,
    settings: Settings,
    record: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    merged: Callable[[Path], None] | None = None,
) -> None:
    """Make `folder` from a sealed checkpoint.

    Args:
        folder: gets its name only when it is complete.
        checkpoint: its model and tokenizer files are hard-linked where the file system can, else copied.
        settings: stored beside the model, for `predict`.
        record: stored with them: iteration, metrics, how they were computed.
        rows: the predictions, for predictions.csv.
        merged: writes the model's weights, where the checkpoint holds adapters alone.
    """
    temporary = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for file in checkpoint.iterdir():
        if file.name in MODEL_ONLY_STATE or file.name == MANIFEST or file.name.startswith("rng_state") or not file.is_file():
            continue
        if merged is not None and file.name in ADAPTER_FILES:
            continue
        try:
            os.link(file, temporary / file.name)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(file, temporary / file.name)
    if merged is not None:
        merged(temporary)
    durable.write_json(temporary / SETTINGS_FILE, {"summtune": __version__, "settings": settings.model_dump(mode="json"), **record})
    write_predictions(predictions_of(temporary), rows)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(temporary, folder)
    durable.sync_folder(folder.parent)


def add_full_metrics(folder: Path, metrics: Mapping[str, float]) -> None:
    """Note in a best model's folder what its full evaluation found, beside the cheap one that it was chosen by."""
    file = folder / SETTINGS_FILE
    record = json.loads(file.read_text(encoding="utf-8"))
    durable.write_json(file, {**record, "full_metrics": dict(metrics)})


def adopt_decoding(folder: Path, generation: Mapping[str, Any], generation_config: str, metrics: Mapping[str, float]) -> None:
    """Let a best model's folder decode otherwise than before: for `from_pretrained(…).generate(…)`, and for us.

    Args:
        folder: a best model's.
        generation: what was scored, as a section of settings: all of it, since before may have been the outcome of another search.
        generation_config: the model's generation_config.json with them.
        metrics: over all of the development set, with them; empty where they are on record already.
    """
    file = folder / SETTINGS_FILE
    record = json.loads(file.read_text(encoding="utf-8"))
    record["settings"] = {**record["settings"], "generation": dict(generation)}
    record |= {"full_metrics": dict(metrics)} if metrics else {}
    durable.write_text(folder / "generation_config.json", generation_config)
    durable.write_json(file, record)


def decodes_with(folder: Path, generation: Mapping[str, Any]) -> bool:
    """Whether a best model's folder decodes with this section of settings."""
    try:
        return bool(json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))["settings"]["generation"] == generation)
    except (OSError, ValueError, KeyError):
        return False


def prediction_rows(ids: Sequence[str], references: Sequence[str], evaluated: Evaluated, objective_name: str) -> list[dict[str, Any]]:
    """The rows of predictions.csv: each dialogue that was summarised, with its value of the objective where it has one.

    Args:
        ids: of all dialogues.
        references: the first of each of them.
        evaluated: what came out.
        objective_name: the metric to show.
    """
    scores = evaluated.per_dialogue.get(objective_name)
    rows: list[dict[str, Any]] = []
    for index, place in enumerate(evaluated.places):
        row: dict[str, Any] = {"fname": ids[place], "summary": evaluated.predictions[index], "reference": references[place]}
        if scores is not None:
            row[objective_name] = round(scores[index], DIGITS)
        rows.append(row)
    return rows


def write_predictions(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV (UTF-8), columns in the first row's order."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]) if rows else ["fname", "summary"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def delete_older(models: Path, keep: Path | None) -> None:
    """Delete every best model of an attempt but `keep`."""
    if models.is_dir() and keep is not None:
        for entry in models.iterdir():
            if entry != keep:
                shutil.rmtree(entry, ignore_errors=True)
