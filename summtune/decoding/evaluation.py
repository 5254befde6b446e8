"""Scores a model on dialogues with known summaries: teacher-forced loss, and the metrics over what it generates.

It must not know why: the same numbers serve rungs, final scores and `predict`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune.config.metrics import NEEDS
from summtune.config.settings import Settings
from summtune.decoding.fitting import BatchSize
from summtune.decoding.generation import by_length, generate_watched
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring


@dataclass(frozen=True)
class Evaluated:
    """What came out.

    Attributes:
        metrics: `loss` (mean over target tokens) and every key of every metric.
        per_dialogue: value of each dialogue by key of the metrics.
        predictions: summaries in the dialogues' order.
        evaluation_s: seconds it took.
    """

    metrics: dict[str, float]
    per_dialogue: dict[str, list[float]]
    predictions: list[str]
    evaluation_s: float


class Evaluator:
    """Everything about a split that stays the same from evaluation to evaluation: its tokens, texts and references."""

    def __init__(
        self,
        family: ModuleType,
        tokenizer: Any,
        columns: Mapping[str, Sequence[Any]],
        dialogues: Sequence[str],
        references: Sequence[Sequence[str]],
        settings: Settings,
        cache: Path,
    ) -> None:
        """Prepare to evaluate.

        Args:
            family: the model's family.
            tokenizer: the model's.
            columns: `input_ids` and `labels` of each dialogue.
            dialogues: their texts.
            references: per dialogue its reference summaries.
            settings: for generation, evaluation and batch size.
            cache: folder that metrics may write to.

        Raises:
            MetricMistake: a metric can't be used.
        """
        self._family = family
        self._tokenizer = tokenizer
        self._columns = columns
        self._settings = settings
        self.batch_size = BatchSize(settings.training.per_device_eval_batch_size)
        self._dialogues = dialogues
        self._references = references
        self._scoring = Scoring(settings.evaluation, cache, NEEDS)

    @property
    def description(self) -> dict[str, dict[str, str]]:
        """How each metric computes: stored beside scores."""
        return self._scoring.description

    def evaluate(self, model: Any) -> Evaluated:
        """Loss, predictions and metrics of the model as it is now.

        Raises:
            MetricMistake: a person's own metric doesn't do what it declares.
        """
        began = time.perf_counter()
        loss = mean_loss(self._family, model, self._tokenizer, self._columns, self.batch_size)
        sources = self._columns["input_ids"]
        done = generate_watched(self._family, model, self._tokenizer, sources, self._settings, batch_size=self.batch_size)
        scores = self._scoring.score(Summaries(done.summaries, self._references, self._dialogues, done.seconds, done.finished))
        return Evaluated({"loss": loss, **scores.means}, scores.per_dialogue, done.summaries, time.perf_counter() - began)


def mean_loss(family: ModuleType, model: Any, tokenizer: Any, columns: Mapping[str, Sequence[Any]], batch_size: int | BatchSize) -> float:
    """Mean cross entropy over all target tokens (nats), without label smoothing, so that trials can be compared by it."""
    import torch

    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0

    def add(places: list[int]) -> None:
        nonlocal total, tokens
        rows = [{"input_ids": columns["input_ids"][place], "labels": columns["labels"][place]} for place in places]
        batch = {name: tensor.to(model.device) for name, tensor in family.collate(tokenizer, rows).items()}
        logits, targets = family.logits_and_targets(model, batch)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        tokens += int((targets != -100).sum())
        total += loss.item()

    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)
    try:
        with torch.inference_mode():
            size.work_through([len(source) for source in columns["input_ids"]], by_length, add)
    finally:
        model.train(was_training)
    return total / tokens if tokens else math.nan
