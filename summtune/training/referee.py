"""The full evaluation of a trained model: the whole development set, decoded as its settings say. Scores that name a winner come from here.

It must not know of runs or trials: it is given a model folder and settings.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.decoding.evaluation import Evaluator
from summtune.training.best_model import prediction_rows
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.reopened import reopen


@dataclass(frozen=True)
class Refereed:
    """What came out.

    Attributes:
        metrics: every metric over all dialogues.
        rows: the predictions, for predictions.csv.
        scoring: how each metric computes.
        seconds: what it took, loading included.
        notices: what a person should know.
    """

    metrics: dict[str, float]
    rows: list[dict[str, Any]]
    scoring: dict[str, dict[str, str]]
    seconds: float
    notices: tuple[str, ...] = ()


def score_in_full(folder: Path, settings: Settings, objective_name: str, cache: Path, threads: int | None = None) -> Refereed:
    """Evaluate the model of a folder on the whole development set.

    Args:
        folder: a best_model folder.
        settings: of the training that wrote it.
        objective_name: the metric that the predictions are shown with.
        cache: folder that metrics may write to.
        threads: CPU threads for torch.

    Raises:
        DataMistake: the data can't be used.
        SettingsMistake: the device isn't there.
        MetricMistake: a metric doesn't do what it declares.
        TrialFailure: not even one dialogue fits into memory, or a metric is no finite number.
    """
    began = time.perf_counter()
    split = read_split(settings.data, "dev")
    texts = [dialogue.dialogue for dialogue in split.dialogues]
    references = [dialogue.references for dialogue in split.dialogues]
    with to_file(None, "error"), restored(threads):
        family, loaded = reopen(folder, settings)
        columns: dict[str, list[Any]] = family.encode(loaded.tokenizer, texts, [several[0] for several in references], settings)
        evaluator = Evaluator(family, loaded.tokenizer, columns, texts, references, settings, cache)
        evaluated = evaluator.evaluate(loaded.model)
    evaluated.check_finite()
    rows = prediction_rows([one.id for one in split.dialogues], [several[0] for several in references], evaluated, objective_name)
    notices = tuple(filter(None, [evaluator.batch_size.notice]))
    return Refereed(evaluated.metrics, rows, evaluator.description, time.perf_counter() - began, notices)
