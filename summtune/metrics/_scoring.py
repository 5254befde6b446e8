"""Scores summaries by several metrics at once, and holds each of them to what it declares.

Here, and only here, people's own code is run.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import normalize

from summtune import registry
from summtune.config.metric_file import is_own
from summtune.config.metrics import Declaration, declared, problems_together, title
from summtune.config.settings import Evaluation
from summtune.errors import MetricMistake, Problem
from summtune.metrics import Columns, Scorer, Summaries


@dataclass(frozen=True)
class Scores:
    """Means over all dialogues, and the value of each dialogue, both by key."""

    means: dict[str, float]
    per_dialogue: dict[str, list[float]]


class Scoring:
    """The metrics that the settings name.

    Args:
        evaluation: which, and their settings.
        cache: folder that metrics may write to.
        known: what summaries will come with, of `config.metrics.NEEDS`.

    Raises:
        MetricMistake: a metric needs what will not be known, two report the same, or a person's own file can't be run.
    """

    def __init__(self, evaluation: Evaluation, cache: Path, known: Collection[str]) -> None:
        self.declarations = [declared(name) for name in evaluation.metrics]
        problems = problems_together(self.declarations, known)
        if problems:
            raise MetricMistake(problems)
        self._scorers = {one.name: _scorer(one, evaluation, cache) for one in self.declarations}

    @property
    def by_the_clock(self) -> bool:
        """Whether how long summaries take is scored."""
        return any("seconds" in one.needs for one in self.declarations)

    @property
    def description(self) -> dict[str, dict[str, str]]:
        """How each metric computes: stored beside scores."""
        return {title(name): dict(scorer.description) for name, scorer in self._scorers.items()}

    def score(self, summaries: Summaries) -> Scores:
        """Every key of every metric.

        Raises:
            MetricMistake: a person's own metric raised something, or gave what it did not declare.
        """
        per_dialogue: dict[str, list[float]] = {}
        summaries = _composed(summaries)
        for one in self.declarations:
            columns = self._scorers[one.name].score(summaries)
            fault = _fault(one, columns, len(summaries.predictions))
            if fault:
                raise MetricMistake(Problem(fault, "Mend it.", file=one.name if is_own(one.name) else f"the metric {one.name}"))
            per_dialogue |= {key: [float(value) for value in columns[key]] for key in one.keys}
        means = {key: math.fsum(column) / len(column) if column else 0.0 for key, column in per_dialogue.items()}
        return Scores(means, per_dialogue)


def _composed(summaries: Summaries) -> Summaries:
    """The texts in Unicode NFC: Hangul that a file holds as letters (NFD) is Hangul to every metric, and equal to its syllables."""
    compose = partial(normalize, "NFC")
    references = summaries.references and [[compose(text) for text in several] for several in summaries.references]
    dialogues = summaries.dialogues and [*map(compose, summaries.dialogues)]
    return replace(summaries, predictions=[*map(compose, summaries.predictions)], references=references, dialogues=dialogues)


def _scorer(one: Declaration, evaluation: Evaluation, cache: Path) -> Scorer:
    if is_own(one.name):
        return _Own(one, evaluation, cache)
    module = registry.load("metrics", one.name)
    if hasattr(module, "scorer"):
        made: Scorer = module.scorer(evaluation, cache)
        return made
    return _Plain(module.score, str(module.__doc__).splitlines()[0])


@dataclass(frozen=True)
class _Plain:
    """A metric without settings of its own."""

    function: Any
    meaning: str

    @property
    def description(self) -> Mapping[str, str]:
        return {"meaning": self.meaning}

    def score(self, summaries: Summaries) -> Columns:
        columns: Columns = self.function(summaries)
        return columns


class _Own:
    """A person's own metric. Whatever it raises is said with its file and line."""

    def __init__(self, declaration: Declaration, evaluation: Evaluation, cache: Path) -> None:
        self._path = Path(declaration.name)
        self._sha256 = declaration.sha256
        module = self._run(registry.load_file, self._path)
        self._score = self._run(module.scorer, evaluation, cache).score if hasattr(module, "scorer") else module.score

    @property
    def description(self) -> Mapping[str, str]:
        return {"file": self._path.name, "sha256": self._sha256}

    def score(self, summaries: Summaries) -> Columns:
        columns: Columns = self._run(self._score, summaries)
        return columns

    def _run(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # a person's own code: whatever it raises is theirs to mend, and no fault of ours
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self._path)]
            line = frames[-1].lineno if frames else getattr(error, "lineno", None)
            reason = f"{type(error).__name__}: {str(error) or 'without a word'}."
            raise MetricMistake(Problem(reason, "Mend it.", file=str(self._path), line=line)) from error


def _fault(one: Declaration, columns: Any, count: int) -> str:
    """What is wrong with what a metric returned; empty where nothing is."""
    if not isinstance(columns, Mapping):
        return f"it returned {type(columns).__name__}, not a mapping of each key to one value per dialogue."
    if set(columns) != set(one.keys):
        given = ", ".join(map(str, columns)) or "nothing"
        return f"it declares {', '.join(one.keys)}, and returned {given}."
    for key, column in columns.items():
        if isinstance(column, (str, int, float)) or not hasattr(column, "__len__") or len(column) != count:
            size = f"{len(column)} values" if hasattr(column, "__len__") and not isinstance(column, str) else repr(column)
            return f"{key!r} must have one value for each of {count} dialogues, and has {size}."
        for row, value in enumerate(column):
            bad = _bad(value, one.unit[key])
            if bad:
                return f"{key!r} of dialogue {row + 1} {bad}."
    return ""


def _bad(value: Any, unit: str) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return f"is {value!r}, which is no number"
    if not math.isfinite(number):
        return f"is {number}, and has to be finite"
    if unit.endswith("0..1") and not -1e-9 <= number <= 1 + 1e-9:
        return f"is {number:g}, and its unit promises 0..1"
    return ""
