"""Summarises a data file with a model folder that training wrote, the way the model was evaluated.

It must not know of runs: which folder is the best model's is its caller's affair.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from summtune import durable
from summtune.config.metric_file import is_own
from summtune.config.overrides import over_trained, read_overrides
from summtune.config.settings import Settings
from summtune.corpus.dialogues import Split, read_dialogues
from summtune.decoding.evaluation import Evaluator
from summtune.decoding.fitting import BatchSize
from summtune.decoding.generation import generate
from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.families import Loaded
from summtune.paths import cache_dir
from summtune.training.data_facts import cut_to_length, data_facts
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.reopened import reopen, stored_settings

DEFAULT_OUT = "prediction/output.csv"

SHOWN_IDS = 10

HEEDED = (
    *(f"data.{name}" for name in ("dialogue", "summary", "id", "references", "topic", "topic_prefix", "clean")),
    "generation.*",
    "inference.*",
)
"""Settings that may be laid over those that a model was trained with."""


@dataclass(frozen=True)
class Predicted:
    """What was written: where, how many rows, metrics where the file has summaries, the seconds it took, and what to know of it."""

    out: Path
    rows: int
    metrics: dict[str, float] | None
    seconds: float
    notices: tuple[str, ...] = ()


def usual_place(model_folder: Path, assignments: Sequence[str] = ()) -> Path:
    """Where summaries are written where nobody says where: inference.result_path, else prediction/output.csv.

    Raises:
        SettingsMistake: an assignment can't be, or would change nothing.
        RunMistake: the folder is no model of summtune's.
    """
    settings = over_trained(stored_settings(model_folder), model_folder, read_overrides(assignments, HEEDED))
    return Path(settings.inference.result_path or DEFAULT_OUT)


def predict(
    model_folder: Path,
    data_file: Path,
    out: Path | None,
    *,
    device: Literal["auto", "cuda", "cpu"] | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    assignments: Sequence[str] = (),
) -> Predicted:
    """Write `fname,summary` for every dialogue of a file, in the file's order.

    Args:
        model_folder: a best_model folder.
        data_file: a data file of any format, with or without summaries; columns named as in the model's own settings.
        out: the CSV to write, which gets its content at once; None: inference.result_path, else prediction/output.csv.
        device: left out: as in training.
        batch_size: dialogues at a time; left out: inference.batch_size.
        threads: CPU threads for torch.
        assignments: `section.key=value` over the model's own settings: how this file's columns are called, for one.

    Raises:
        SettingsMistake: an assignment can't be, or would change nothing.
        RunMistake: the folder is no model of summtune's, or `out` is no place to write to.
        DataMistake: the data can't be used.
        SurroundingsFailure: `out` can't be written.
    """
    began = time.perf_counter()
    settings = over_trained(stored_settings(model_folder), model_folder, read_overrides(assignments, HEEDED))
    out = out or Path(settings.inference.result_path or DEFAULT_OUT)
    _check_place(out, data_file)
    settings, without = _with_metrics_that_are_there(settings)
    if device is not None:
        settings = settings.model_copy(update={"general": settings.general.model_copy(update={"device": device})})
    split = read_dialogues(data_file, settings.data, with_summaries=False)
    with to_file(None, "error"), restored(threads):
        size = BatchSize(batch_size or settings.inference.batch_size)
        summaries, metrics, notices = _summaries(model_folder, split, settings, size)
    _write(out, split, summaries)
    said = (*(without if metrics is not None else ()), *notices, *filter(None, [size.notice]))
    return Predicted(out, len(summaries), metrics, time.perf_counter() - began, said)


def _with_metrics_that_are_there(settings: Settings) -> tuple[Settings, tuple[str, ...]]:
    """A model travels without its run, in which copies of people's own metrics lie: predictions don't need them."""
    gone = [name for name in settings.evaluation.metrics if is_own(name) and not Path(name).is_file()]
    kept = tuple(name for name in settings.evaluation.metrics if name not in gone)
    evaluation = settings.evaluation.model_copy(update={"metrics": kept})
    notices = tuple(f"the metric {name} is not there any more, and was left out." for name in gone)
    return settings.model_copy(update={"evaluation": evaluation}), notices


def _summaries(
    folder: Path, split: Split, settings: Settings, batch_size: BatchSize
) -> tuple[list[str], dict[str, float] | None, tuple[str, ...]]:
    family, loaded = reopen(folder, settings)
    texts = [dialogue.dialogue for dialogue in split.dialogues]
    scored = split.has_summaries
    summaries = [dialogue.references[0] for dialogue in split.dialogues] if scored else None
    columns: dict[str, list[Any]] = family.encode(loaded.tokenizer, texts, summaries, settings)
    notices = (*_notices(split, columns["cut"], settings), *_unscored(split))
    if scored:
        return *_scored(family, loaded, split, columns, settings, batch_size), notices
    predicted = generate(family, loaded.model, loaded.tokenizer, columns["input_ids"], settings, batch_size=batch_size)
    return predicted, None, notices


def _notices(split: Split, cut: Sequence[int], settings: Settings) -> tuple[str, ...]:
    told = cut_to_length({split.file.name: data_facts(split, (cut, ()), settings)})
    return (f"{told}: the model reads no more than tokenizer.encoder_max_len ({settings.tokenizer.encoder_max_len}).",) if told else ()


def _unscored(split: Split) -> tuple[str, ...]:
    """Why a file that has summaries of some dialogues only isn't scored."""
    missing = [dialogue.id for dialogue in split.dialogues if not dialogue.references]
    if len(missing) in (0, len(split.dialogues)):
        return ()
    more = f" and {len(missing) - SHOWN_IDS} more" if len(missing) > SHOWN_IDS else ""
    has = "has" if len(missing) == 1 else "have"
    return (f"not scored: {len(missing)} of {len(split.dialogues)} rows {has} no summary ({', '.join(missing[:SHOWN_IDS])}{more}).",)


def _scored(
    family: ModuleType,
    loaded: Loaded,
    split: Split,
    columns: Mapping[str, Sequence[Any]],
    settings: Settings,
    batch_size: BatchSize,
) -> tuple[list[str], dict[str, float]]:
    references = [dialogue.references for dialogue in split.dialogues]
    texts = [dialogue.dialogue for dialogue in split.dialogues]
    evaluator = Evaluator(family, loaded.tokenizer, columns, texts, references, settings, cache_dir())
    evaluator.batch_size = batch_size
    evaluated = evaluator.evaluate(loaded.model)
    return evaluated.predictions, evaluated.metrics


def _check_place(out: Path, data_file: Path) -> None:
    """Refuse at once what could be written only after all the decoding, or would destroy the data."""
    if out.is_dir():
        raise RunMistake(Problem(f"{out} is a folder.", "Give a file in it.", key="--out"))
    if out.exists() and data_file.exists() and out.samefile(data_file):
        raise RunMistake(Problem(f"{out} is the data itself, and would be overwritten.", "Give another file.", key="--out"))
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        why = "is not a folder" if not folder.is_dir() else "is not yours to write to"
        raise RunMistake(Problem(f"{out} can't be written: {folder} {why}.", "Give another file.", key="--out"))


def _write(out: Path, split: Split, summaries: Sequence[str]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["fname", "summary"])
    writer.writerows((dialogue.id, summary) for dialogue, summary in zip(split.dialogues, summaries, strict=True))
    try:
        durable.write_text(out, buffer.getvalue())
    except OSError as problem:
        raise SurroundingsFailure(f"{out} can't be written: {problem.strerror or problem}.") from problem
