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

from summtune import registry
from summtune.config.settings import Settings
from summtune.decoding.fitting import BatchSize
from summtune.decoding.generation import by_length, generate
from summtune.metrics import Scorer


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
    """Everything about a split that stays the same from evaluation to evaluation: its tokens, and its analysed references."""

    def __init__(
        self,
        family: ModuleType,
        tokenizer: Any,
        columns: Mapping[str, Sequence[Any]],
        references: Sequence[Sequence[str]],
        settings: Settings,
        cache: Path,
    ) -> None:
        """Prepare to evaluate.

        Args:
            family: the model's family.
            tokenizer: the model's.
            columns: `input_ids` and `labels` of each dialogue.
            references: per dialogue its reference summaries.
            settings: for generation, evaluation and batch size.
            cache: folder that metrics may write to.
        """
        self._family = family
        self._tokenizer = tokenizer
        self._columns = columns
        self._settings = settings
        self.batch_size = BatchSize(settings.training.per_device_eval_batch_size)
        self._scorers: dict[str, Scorer] = {
            name: registry.load("metrics", name).scorer(references, settings.evaluation, cache) for name in settings.evaluation.metrics
        }

    @property
    def description(self) -> dict[str, Any]:
        """How each metric computes: stored beside scores."""
        return {name: scorer.description for name, scorer in self._scorers.items()}

    def evaluate(self, model: Any) -> Evaluated:
        """Loss, predictions and metrics of the model as it is now."""
        began = time.perf_counter()
        metrics = {"loss": mean_loss(self._family, model, self._tokenizer, self._columns, self.batch_size)}
        sources = self._columns["input_ids"]
        predictions = generate(self._family, model, self._tokenizer, sources, self._settings, batch_size=self.batch_size)
        per_dialogue: dict[str, list[float]] = {}
        for scorer in self._scorers.values():
            scores = scorer.score(predictions)
            metrics |= scores.means
            per_dialogue |= scores.per_dialogue
        return Evaluated(metrics, per_dialogue, predictions, time.perf_counter() - began)


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
