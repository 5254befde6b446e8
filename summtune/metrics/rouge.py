"""ROUGE-1, -2, -L and -Lsum over Korean morphemes (or other words), exact, through an offline `evaluate.Metric`.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). ROUGE-L takes the whole summary as one sequence of words.
ROUGE-Lsum goes sentence by sentence of the reference and takes the union of what each shares with any sentence of the summary; sentences
end at line breaks, and at . ! ? … before white space (`_text.sentences`). The two differ by points: both are reported, by their names.
Means are plain means over dialogues: evaluate's own aggregator is a random bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from summtune.config.settings import Evaluation
from summtune.errors import Problem, SettingsMistake
from summtune.metrics import Columns, Scorer, Summaries
from summtune.metrics._engines import Engine, Triple, fastest
from summtune.metrics._words import analysed, chosen, described, remembered

TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
COMBINED = "rouge_combined_f1"
_MEASURES = ("f1", "precision", "recall")
KEYS = (*(f"{kind}_f1" for kind in TYPES), COMBINED, *(f"{kind}_{part}" for kind in TYPES for part in _MEASURES[1:]))
GOAL = dict.fromkeys(KEYS, "maximize")
UNIT = {key: f"{'F1' if key.endswith('f1') else key.rpartition('_')[2]}, 0..1" for key in KEYS}
UNIT[COMBINED] = "F1 of ROUGE-1, -2 and -L, combined as evaluation.combined says"
NEEDS = ("references",)

_MEANT = ("rouge1", "rouge2", "rougeL")
_WEIGHT_NAMES = {name.lower(): kind for kind in TYPES for name in (kind, f"{kind}_f1", kind.removeprefix("rouge"))}


def weights(combined: str | Mapping[str, float]) -> dict[str, float]:
    """Weights of the types in `rouge_combined_f1`; `mean` and `sum` are of ROUGE-1, -2 and -L.

    Raises:
        SettingsMistake: weights of something else, or none at all.
    """
    if combined in ("mean", "sum"):
        return dict.fromkeys(_MEANT, 1 / len(_MEANT) if combined == "mean" else 1.0)
    assert isinstance(combined, Mapping), "the settings allow nothing else"
    found: dict[str, float] = {}
    for name, weight in combined.items():
        kind = _WEIGHT_NAMES.get(name.lower().replace("-", ""))
        if kind is None:
            raise SettingsMistake(Problem(f"there is no {name!r} to weigh.", f"Weigh {', '.join(TYPES)}.", key="evaluation.combined"))
        if kind in found:
            raise SettingsMistake(Problem(f"{kind} is weighed twice.", "Remove one of them.", key="evaluation.combined"))
        found[kind] = weight
    if not any(found.values()):
        raise SettingsMistake(Problem("all weights are zero.", f"Weigh {', '.join(TYPES)}.", key="evaluation.combined"))
    return found


def check(evaluation: Evaluation) -> None:
    """Whether the combined score can be made.

    Raises:
        SettingsMistake: as `weights`.
    """
    weights(evaluation.combined)


def scorer(evaluation: Evaluation, cache: Path) -> Scorer:
    """A scorer by the settings' tokenizer, with the fastest engine that is installed; `evaluate` may write to `cache`."""
    return Rouge(evaluation, cache, fastest())


class Rouge:
    """See `Scorer`.

    Args:
        evaluation: tokenizer, what to do with several references, how the combined score is made.
        cache: folder that `evaluate` may write to.
        engine: of `_engines.PACKAGES`.
    """

    def __init__(self, evaluation: Evaluation, cache: Path, engine: str) -> None:
        self._evaluation = evaluation
        self._weights = weights(evaluation.combined)
        self._engine = Engine(engine, TYPES)
        self._metric = _metric_class()(cache_dir=str(cache / "evaluate"), keep_in_memory=True, seed=0)
        self._tokenizer: str | None = None

    @property
    def description(self) -> dict[str, str]:
        combined = self._evaluation.combined
        weighed = ", ".join(f"{kind} {weight:g}" for kind, weight in self._weights.items())
        named = self._tokenizer or self._evaluation.rouge_tokenizer
        return {
            "tokenizer": described(named),
            "engine": self._engine.description,
            "references": f"{self._evaluation.references} over the references of a dialogue, by F1 of each type",
            "combined": combined if isinstance(combined, str) else weighed,
            "aggregation": "mean over dialogues",
            "rougeL": "longest common subsequence of whole summaries",
            "rougeLsum": "union of longest common subsequences, sentence by sentence",
        }

    def score(self, summaries: Summaries) -> Columns:
        """One value per dialogue. Empty predictions score 0."""
        assert summaries.references is not None, "declared under NEEDS"
        if self._tokenizer is None:
            several = (reference for references in summaries.references for reference in references)
            self._tokenizer = chosen(self._evaluation.rouge_tokenizer, several)
        columns: dict[str, list[float]] = self._metric.compute(
            predictions=list(summaries.predictions),
            references=[list(references) for references in summaries.references],
            tokenizer=self._tokenizer,
            over=self._evaluation.references,
            engine=self._engine,
        )
        count = len(summaries.predictions)
        columns[COMBINED] = [sum(weight * columns[f"{kind}_f1"][row] for kind, weight in self._weights.items()) for row in range(count)]
        return columns


@cache
def _metric_class() -> Any:
    """The `evaluate.Metric` subclass; made on first use, since `evaluate` takes a second to import."""
    import datasets
    import evaluate

    class KoreanRouge(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
        """Every measure of each dialogue, over words that summtune cuts."""

        def _info(self) -> Any:
            texts = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))})
            return evaluate.MetricInfo(
                description="ROUGE per dialogue over morphemes", citation="Lin 2004", inputs_description="texts", features=texts
            )

        def _compute(
            self, predictions: list[str], references: list[list[str]], tokenizer: str, over: str, engine: Engine
        ) -> dict[str, list[float]]:
            return rouge(predictions, references, tokenizer, over, engine)

    return KoreanRouge


def rouge(
    predictions: Sequence[str], references: Sequence[Sequence[str]], tokenizer: str, over: str, engine: Engine
) -> dict[str, list[float]]:
    """Every measure of each dialogue.

    Over several references the one with the best F1 of a type gives all three measures of that type (`max`), or each measure is the mean.
    """
    columns: dict[str, list[float]] = {f"{kind}_{part}": [] for kind in TYPES for part in _MEASURES}
    for prediction, several in zip(predictions, references, strict=True):
        guess = analysed(prediction, tokenizer)
        found = [engine.score(remembered(reference, tokenizer), guess) for reference in several]
        for kind in TYPES:
            values = [score[kind] for score in found]
            kept = max(values, key=lambda value: value.f1) if over == "max" else _mean(values)
            for part in _MEASURES:
                columns[f"{kind}_{part}"].append(getattr(kept, part))
    return columns


def _mean(values: Sequence[Triple]) -> Triple:
    return Triple(*(sum(part) / len(part) for part in zip(*values, strict=True)))
