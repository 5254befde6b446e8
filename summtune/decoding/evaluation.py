"""Scores a model on dialogues with known summaries: teacher-forced loss, and the metrics over what it generates.

It must not know why: the same numbers serve rungs, final scores and `predict`. An evaluation is full, or cheap (`proxy`).
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
from summtune.decoding.generation import Generated, by_length, generate_watched, warm_up
from summtune.decoding.proxy import Proxy, proxy
from summtune.decoding.sharing import Alone, Sharing
from summtune.errors import TrialFailure
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring


@dataclass(frozen=True)
class Evaluated:
    """What came out.

    Attributes:
        metrics: `loss` (mean over target tokens) and every key of every metric.
        places: the dialogues that it is over, ascending: all of them, or the cheap evaluation's.
        predictions: their summaries.
        per_dialogue: value of each of them by key of the metrics.
        evaluation_s: seconds it took.
    """

    metrics: dict[str, float]
    places: list[int]
    predictions: list[str]
    per_dialogue: dict[str, list[float]]
    evaluation_s: float

    def check_finite(self) -> None:
        """Refuse what can't be compared, nor written down as JSON.

        Raises:
            TrialFailure: a value is no finite number.
        """
        for name, value in self.metrics.items():
            if not math.isfinite(value):
                raise TrialFailure("diverged", f"{name} on the development set became {value}; a lower learning rate helps.")


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
        *,
        cheap: bool = False,
        sharing: Sharing | None = None,
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
            cheap: whether to summarise only what stands for all, in the quickest way.
            sharing: with which processes to share the work, where there are several.

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
        self._sharing: Sharing = Alone() if sharing is None else sharing
        self._scoring = Scoring(settings.evaluation, cache, NEEDS)
        self._warm = not self._scoring.by_the_clock
        self._proxy: Proxy | None = proxy(settings, columns["input_ids"], columns["labels"]) if cheap else None

    @property
    def strategy(self) -> str:
        """Which kind of evaluation this is: full or proxy."""
        return "proxy" if self._proxy is not None else "full"

    @property
    def description(self) -> dict[str, dict[str, str]]:
        """How each metric computes, and what a cheap evaluation leaves out: stored beside scores."""
        return self._scoring.description | ({"proxy": self._proxy.description} if self._proxy is not None else {})

    def evaluate(self, model: Any) -> Evaluated:
        """Loss, predictions and metrics of the model as it is now.

        Args:
            model: None in a process that has none to evaluate, and leaves the work to the others.

        Raises:
            MetricMistake: a person's own metric doesn't do what it declares.
        """
        began = time.perf_counter()
        places = list(range(len(self._dialogues))) if self._proxy is None else self._proxy.places
        settings = self._settings if self._proxy is None else self._settings.model_copy(update={"generation": self._proxy.generation})
        mine, losses, done = self._share(places, model), (0.0, 0), Generated([], [], [], [])
        if model is not None:
            losses, done = self._work(model, mine, settings)
        parts = self._sharing.gathered((mine, losses, done))
        self.batch_size.now = min(self._sharing.gathered(self.batch_size.now))
        # The others get the scores alone: whoever writes and reports is rank 0.
        evaluated = self._sharing.told(self._scored(places, parts, began) if self._sharing.rank == 0 else None)
        assert isinstance(evaluated, Evaluated)
        return evaluated

    def _work(self, model: Any, mine: list[int], settings: Settings) -> tuple[tuple[float, int], Generated]:
        """This process's part: the sum of losses and its tokens, and the summaries."""
        columns = {name: [column[place] for place in mine] for name, column in self._columns.items() if name in ("input_ids", "labels")}
        losses = loss_over(self._family, model, self._tokenizer, columns, self.batch_size)
        if not self._warm:
            warm_up(self._family, model, self._tokenizer, columns["input_ids"], settings)
            self._warm = True
        done = generate_watched(self._family, model, self._tokenizer, columns["input_ids"], settings, batch_size=self.batch_size)
        return losses, done

    def _share(self, places: list[int], model: Any) -> list[int]:
        """This process's part of the dialogues: as long as the others' are, so that none waits for another."""
        able = [rank for rank, has_model in enumerate(self._sharing.gathered(model is not None)) if has_model]
        if model is None:
            return []
        lengths = [len(self._columns["input_ids"][place]) for place in places]
        order = sorted(range(len(places)), key=lambda index: (-lengths[index], index))
        return sorted(places[index] for index in order[able.index(self._sharing.rank) :: len(able)])

    def _scored(self, places: list[int], parts: Sequence[tuple[list[int], tuple[float, int], Generated]], began: float) -> Evaluated:
        """The evaluation that all parts make: of each, which dialogues it is over, its sum of losses and tokens, and the summaries."""
        index = {place: number for number, place in enumerate(places)}
        done = Generated([""] * len(places), [0.0] * len(places), [False] * len(places), [0] * len(places))
        for mine, _, part in parts:
            for place, summary, seconds, finished, written in zip(
                mine, part.summaries, part.seconds, part.finished, part.tokens, strict=True
            ):
                number = index[place]
                done.summaries[number], done.seconds[number] = summary, seconds
                done.finished[number], done.tokens[number] = finished, written
        total, tokens = sum(losses[0] for _, losses, _ in parts), sum(losses[1] for _, losses, _ in parts)
        references, dialogues = [self._references[place] for place in places], [self._dialogues[place] for place in places]
        scores = self._scoring.score(Summaries(done.summaries, references, dialogues, done.seconds, done.finished))
        metrics = {"loss": total / tokens if tokens else math.nan, **scores.means}
        return Evaluated(metrics, places, done.summaries, scores.per_dialogue, time.perf_counter() - began)


def loss_over(
    family: ModuleType, model: Any, tokenizer: Any, columns: Mapping[str, Sequence[Any]], batch_size: int | BatchSize
) -> tuple[float, int]:
    """Cross entropy (nats) summed over all target tokens, and their number; without label smoothing, so that trials can be compared."""
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
    return total, tokens
