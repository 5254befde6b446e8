"""ROUGE-1, -2 and -L F1 over Korean morphemes (or other words), exact, through an offline `evaluate.Metric` over rouge-score.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). L is over the whole summary (not Lsum).
Means are plain means over dialogues: evaluate's own aggregator is a random bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from summtune.config.settings import Evaluation
from summtune.errors import Problem, SettingsMistake
from summtune.metrics import Scorer, Scores
from summtune.metrics._words import chosen, cutter, remembered_words

PARTS = {"rouge1": "rouge1_f1", "rouge2": "rouge2_f1", "rougeL": "rougeL_f1"}
KEYS = (*PARTS.values(), "rouge_combined_f1")
GOAL = dict.fromkeys(KEYS, "maximize")
UNIT = dict.fromkeys(KEYS, "F1, 0..1")

_WEIGHT_NAMES = {name.lower(): part for part, key in PARTS.items() for name in (part, key, part.removeprefix("rouge"))}


def weights(combined: str | Mapping[str, float]) -> dict[str, float]:
    """Weights of ROUGE-1, -2 and -L in `rouge_combined_f1`.

    Raises:
        SettingsMistake: weights of something else, or none at all.
    """
    if combined == "mean":
        return dict.fromkeys(PARTS, 1 / 3)
    if combined == "sum":
        return dict.fromkeys(PARTS, 1.0)
    assert isinstance(combined, Mapping), "the settings allow nothing else"
    found = dict.fromkeys(PARTS, 0.0)
    for name, weight in combined.items():
        part = _WEIGHT_NAMES.get(name.lower().replace("-", ""))
        if part is None:
            raise SettingsMistake(Problem(f"there is no {name!r} to weigh.", f"Weigh {', '.join(PARTS)}.", key="evaluation.combined"))
        found[part] = weight
    if not any(found.values()):
        raise SettingsMistake(Problem("all weights are zero.", f"Weigh {', '.join(PARTS)}.", key="evaluation.combined"))
    return found


def scorer(references: Sequence[Sequence[str]], evaluation: Evaluation, cache: Path) -> Scorer:
    """A scorer against one or more references per dialogue.

    Args:
        references: per dialogue its references.
        evaluation: tokenizer, what to do with several references, how the combined score is made.
        cache: folder that `evaluate` may write to.
    """
    return RougeScorer(references, evaluation, cache)


class RougeScorer:
    """See `Scorer`."""

    def __init__(self, references: Sequence[Sequence[str]], evaluation: Evaluation, cache: Path) -> None:
        self._references = [list(several) for several in references]
        self._weights = weights(evaluation.combined)
        self._over = evaluation.references
        self._words = chosen(evaluation.rouge_tokenizer, (reference for several in self._references for reference in several))
        self._metric = _metric_class()(cache_dir=str(cache / "evaluate"), keep_in_memory=True, seed=0)
        self.description = {
            "tokenizer": self._words,
            "combined": evaluation.combined if isinstance(evaluation.combined, str) else str(dict(evaluation.combined)),
            "references": evaluation.references,
            "aggregation": "mean over dialogues",
            "rougeL": "whole summary (not Lsum)",
        }

    def score(self, predictions: Sequence[str]) -> Scores:
        """Score predictions in the references' order. Empty ones score 0."""
        assert len(predictions) == len(self._references), "one prediction per dialogue"
        values: dict[str, list[float]] = self._metric.compute(
            predictions=list(predictions), references=self._references, words=self._words, over=self._over
        )
        per_dialogue = {PARTS[part]: values[part] for part in PARTS}
        per_dialogue["rouge_combined_f1"] = [
            sum(weight * values[part][row] for part, weight in self._weights.items()) for row in range(len(predictions))
        ]
        means = {key: sum(column) / len(column) if column else 0.0 for key, column in per_dialogue.items()}
        return Scores(means, per_dialogue)


@cache
def _metric_class() -> Any:
    """The `evaluate.Metric` subclass; made on first use, since `evaluate` takes a second to import."""
    import datasets
    import evaluate

    class KoreanRouge(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
        """F1 of each dialogue, by ROUGE type, over words that summtune cuts."""

        def _info(self) -> Any:
            texts = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))})
            return evaluate.MetricInfo(
                description="ROUGE F1 per dialogue over morphemes", citation="Lin 2004", inputs_description="texts", features=texts
            )

        def _compute(self, predictions: list[str], references: list[list[str]], words: str, over: str) -> dict[str, list[float]]:
            return rouge_f1(predictions, references, words, over)

    return KoreanRouge


def rouge_f1(predictions: Sequence[str], references: Sequence[Sequence[str]], words: str, over: str) -> dict[str, list[float]]:
    """F1 of each dialogue by ROUGE type; over several references the best of each type (`max`) or the mean."""
    from rouge_score.rouge_scorer import RougeScorer as Reference

    tokenizer = _Tokenizer(words)
    engine = Reference(list(PARTS), tokenizer=tokenizer)
    values: dict[str, list[float]] = {part: [] for part in PARTS}
    for prediction, several in zip(predictions, references, strict=True):
        tokenizer.analyse_prediction(prediction)
        found = [engine.score(reference, prediction) for reference in several]
        for part in PARTS:
            column = [score[part].fmeasure for score in found]
            values[part].append(max(column) if over == "max" else sum(column) / len(column))
    return values


class _Tokenizer:
    """What rouge-score wants: an object with `tokenize`. References are remembered per process, the current prediction here."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._prediction: tuple[str, tuple[str, ...]] | None = None

    def analyse_prediction(self, text: str) -> None:
        self._prediction = text, cutter(self._words)(text)

    def tokenize(self, text: str) -> tuple[str, ...]:
        if self._prediction is not None and self._prediction[0] == text:
            return self._prediction[1]
        return remembered_words(self._words, text)
