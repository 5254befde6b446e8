"""Scores one file of summaries against another, matched by id, with intervals that say how much the choice of dialogues matters.

It must not know where the summaries came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from summtune.config.metrics import declared
from summtune.config.settings import Evaluation
from summtune.corpus.cells import Reader, dialogue_text, name_text, plain_text
from summtune.corpus.reading import read_table
from summtune.corpus.table import Record, Table
from summtune.errors import DataMistake, Problem
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring
from summtune.paths import cache_dir

RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 0
SHOWN_IDS = 10


@dataclass(frozen=True)
class Columns:
    """What columns are called.

    Attributes:
        id: of the id, in both files.
        prediction: of the summary in the file of predictions.
        references: of the summaries in the file of references.
        dialogue: of the dialogue there; metrics that need none do without it.
    """

    id: str = "fname"
    prediction: str = "summary"
    references: tuple[str, ...] = ("summary",)
    dialogue: str = "dialogue"


@dataclass(frozen=True)
class Figure:
    """One key's mean over dialogues with its interval (None for a single dialogue), and what the number is."""

    key: str
    mean: float
    low: float | None
    high: float | None
    goal: str | None
    unit: str


@dataclass(frozen=True)
class ScoredFile:
    """What came out: figures in the order of the metrics, the value of each dialogue, and how it was computed."""

    ids: list[str]
    figures: list[Figure]
    per_dialogue: dict[str, list[float]]
    description: dict[str, dict[str, str]]


def score_files(predictions: Path, references: Path, columns: Columns, evaluation: Evaluation) -> ScoredFile:
    """Score every dialogue of one file by the references of another; their order may differ.

    Raises:
        DataMistake: a file can't be used, or the two don't hold the same ids.
        MetricMistake: a metric needs what these files don't have, or a person's own doesn't work.
        SettingsMistake: a tokenizer that is not installed.
    """
    guesses = _read(predictions, columns.id, {columns.prediction: plain_text}, {})
    compared = any("references" in declared(name).needs for name in evaluation.metrics)
    wanted, filled = dict.fromkeys(columns.references, plain_text), columns.references if compared else ()
    targets = _read(references, columns.id, wanted, {columns.dialogue: dialogue_text}, filled)
    problems = [*guesses.problems, *targets.problems] or _unmatched(guesses, targets)
    if problems:
        raise DataMistake(problems)
    ids = list(targets.rows)
    known = ("references", "dialogues") if columns.dialogue in targets.header else ("references",)
    scoring = Scoring(evaluation, cache_dir(), known)
    scores = scoring.score(
        Summaries(
            [guesses.rows[one][columns.prediction] for one in ids],
            [[text for column in columns.references if (text := targets.rows[one][column]).strip()] for one in ids],
            [targets.rows[one][columns.dialogue] for one in ids] if "dialogues" in known else None,
        )
    )
    figures = []
    for name in evaluation.metrics:
        declaration = declared(name)
        for key in declaration.keys:
            low, high = interval(scores.per_dialogue[key])
            figures.append(Figure(key, scores.means[key], low, high, declaration.goal[key], declaration.unit[key]))
    return ScoredFile(ids, figures, scores.per_dialogue, scoring.description)


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """A 95 % percentile bootstrap interval of the mean over dialogues, the same at every call; None, None for fewer than two."""
    if len(values) < 2:
        return None, None
    import numpy as np
    from scipy.stats import bootstrap

    found = bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, 4_000_000 // len(values)),  # 32 MB at a time
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


@dataclass(frozen=True)
class _File:
    path: Path
    header: tuple[str, ...]
    rows: dict[str, dict[str, str]]
    problems: list[Problem]


def _read(path: Path, id_column: str, wanted: Mapping[str, Reader], welcome: Mapping[str, Reader], filled: Sequence[str] = ()) -> _File:
    """A file's rows by id: the wanted columns, and the welcome ones that it has, each by how it is read.

    Each row has something in one of the columns that are to be `filled`.
    """
    table = read_table(path)
    problems = _header_problems(table, (id_column, *wanted), path)
    rows: dict[str, dict[str, str]] = {}
    if problems:
        return _File(path, table.header, rows, problems)
    problems = [problem for _, problem in table.problems]
    readers = {column: reader for column, reader in {**wanted, **welcome}.items() if column in table.header}
    first: dict[str, int] = {}
    for record in table.records:
        one = _cell(table, record, id_column, name_text, problems).strip()
        if not one:
            problems.append(table.problem(record, "is empty.", "Fill it in.", id_column))
        elif one in first:
            reason = f"{one!r} was already the id of {table.called(first[one])}."
            problems.append(table.problem(record, reason, "Ids must differ.", id_column))
        else:
            first[one] = record.number
            found = len(problems)
            rows[one] = {column: _cell(table, record, column, reader, problems) for column, reader in readers.items()}
            if filled and len(problems) == found and not any(rows[one][column].strip() for column in filled):
                problems.append(table.problem(record, *_nothing_in(filled), filled[0]))
    if not rows and not problems:
        problems.append(Problem("there is a header, but no row.", "There is nothing to score.", file=str(path)))
    return _File(path, table.header, rows, problems)


def _cell(table: Table, record: Record, column: str, reader: Reader, problems: list[Problem]) -> str:
    """A cell's text; an absent one is empty."""
    value = record.cells.get(column)
    try:
        return reader(value) if value is not None else ""
    except ValueError as problem:
        problems.append(table.problem(record, str(problem), "", column))
        return ""


def _nothing_in(columns: Sequence[str]) -> tuple[str, str]:
    """What is wrong with a row that has none of them, and what to do."""
    first, *others = columns
    if not others:
        return "is empty.", "Fill it in, or delete the row."
    return f"is empty, and so {'is' if len(others) == 1 else 'are'} {', '.join(others)}.", "Fill in at least one."


def _header_problems(table: Table, wanted: Sequence[str], path: Path) -> list[Problem]:
    options = {0: "--id"}
    problems = []
    for number, column in enumerate(wanted):
        if column not in table.header:
            has = ", ".join(map(repr, table.header))
            option = options.get(number, "--prediction, --reference")
            problems.append(
                Problem(f"there is no column {column!r}.", f"The file has {has}; say which with {option}.", file=str(path), line=1)
            )
        elif table.header.count(column) > 1:
            problems.append(Problem("two columns have this name.", "Rename one of them.", key=column, file=str(path), line=1))
    return problems


def _unmatched(guesses: _File, targets: _File) -> list[Problem]:
    """Ids that only one of the files has."""
    problems = []
    for one, other, what in ((targets, guesses, "has no summary of"), (guesses, targets, "has no reference for")):
        missing = [name for name in one.rows if name not in other.rows]
        if missing:
            more = f" and {len(missing) - SHOWN_IDS} more" if len(missing) > SHOWN_IDS else ""
            named = ", ".join(missing[:SHOWN_IDS])
            reason = f"it {what} {len(missing)} of the {len(one.rows)} ids of {one.path}: {named}{more}."
            problems.append(Problem(reason, "Score files of the same dialogues.", file=str(other.path)))
    return problems
