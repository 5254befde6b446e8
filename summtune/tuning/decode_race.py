"""Searches how one trained model decodes best: settings are drawn by a search method, and each races against the best so far.

Runs in a Ray task, or in the process of `summtune decode FOLDER`; it writes nothing, and hands on what came of each setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from optuna.trial import TrialState as OptunaState

from summtune.config import effects
from summtune.config.experiment import laid_over, settings_over
from summtune.config.layers import flatten
from summtune.config.settings import Settings
from summtune.config.stages import DecodeStage
from summtune.corpus.dialogues import Split, read_split
from summtune.decoding.again import Again, Part
from summtune.events.limits import Limit
from summtune.paths import cache_dir
from summtune.search.racing import looks, lost, spread_order
from summtune.search.study import Search
from summtune.space.space import Draw
from summtune.training.best_model import DIGITS
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.reopened import reopen

OWN = "own"
"""The name of the model's own decoding among the settings of its study."""


@dataclass(frozen=True)
class Past:
    """A setting that an earlier session tried."""

    point: dict[str, Any]
    params: dict[str, Any]
    score: float
    dropped: bool
    dialogues: int
    excesses: dict[str, float]


@dataclass(frozen=True)
class Race:
    """What is asked for.

    Attributes:
        folder: a best model's.
        settings: it was trained with.
        stage: the settings to try, as a record.
        objective, maximize: what decides.
        limits: a setting beyond one is never the best.
        own_metrics: of the model's own decoding, over all dialogues.
        past: what has been tried.
        best_point: of the best decoding so far; empty for the model's own.
        best_scores: of each dialogue by that decoding; None where they are not at hand.
        best_is_feasible: whether it keeps to all limits.
        threads: CPU threads for torch.
    """

    folder: str
    settings: dict[str, Any]
    stage: dict[str, Any]
    objective: str
    maximize: bool
    own_metrics: dict[str, float]
    limits: tuple[Limit, ...] = ()
    past: tuple[Past, ...] = ()
    best_point: dict[str, Any] = field(default_factory=dict)
    best_scores: list[float] | None = None
    best_is_feasible: bool = True
    threads: int | None = None


@dataclass(frozen=True)
class Tried:
    """What came of a setting; the fields are those of the event `decoded`.

    Attributes:
        setting: its number; 0 where the best decoding was only done again, because its summaries were not at hand.
        rows: the summaries, where it is the best.
        generation_config: the model's generation_config.json, where it is the best.
    """

    setting: int
    point: dict[str, Any]
    params: dict[str, Any]
    dialogues: int
    score: float
    dropped: bool
    best: bool
    metrics: dict[str, float]
    excesses: dict[str, float]
    seconds: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    generation_config: str = ""


def race(asked: Race) -> Iterator[Tried]:
    """Try settings until enough have been, or the space is used up.

    Raises:
        DataMistake: the data can't be used.
        MetricMistake: a metric doesn't do what it declares.
        TrialFailure: not even one dialogue fits into memory.
    """
    settings = Settings.model_validate(asked.settings)
    split = read_split(settings.data, "dev")
    texts, references = [one.dialogue for one in split.dialogues], [one.references for one in split.dialogues]
    with to_file(None, "error"), restored(asked.threads):
        family, loaded = reopen(Path(asked.folder), settings)
        again = Again(family, loaded, texts, references, settings, cache_dir())
        yield from _Racing(asked, settings, split, again).run()


class _Racing:
    def __init__(self, asked: Race, settings: Settings, split: Split, again: Again) -> None:
        self._asked = asked
        self._settings = settings
        self._split = split
        self._again = again
        self._order = spread_order(again.lengths)
        self._looks = looks(len(self._order))
        self._best = asked.best_scores
        self._feasible = asked.best_is_feasible
        stage = DecodeStage.from_record(asked.stage)
        self._count = stage.count
        flat = flatten(settings.model_dump(mode="json"))
        self._search = Search(
            stage.space,
            stage.method,
            maximize=asked.maximize,
            seed=settings.general.seed,
            count=stage.count,
            identity=lambda point: effects.identity(laid_over(flat, point)),
        )
        self._search.adopt_baseline(OWN, {key: flat.get(key) for key in stage.space.keys})
        own = asked.own_metrics
        self._search.tell(OWN, OptunaState.COMPLETE, own[asked.objective], _excesses(asked.limits, own))
        for number, one in enumerate(asked.past, start=1):
            self._search.adopt(str(number), Draw(one.point, one.params))
            self._tell(number, one.score, one.dialogues, one.excesses, dropped=one.dropped)

    def run(self) -> Iterator[Tried]:
        if self._best is None:
            yield self._done_again()
        for number in range(len(self._asked.past) + 1, self._count + 1):
            proposal = self._search.propose(str(number), number - 1)
            if proposal is None:
                return
            tried = self._try(number, proposal.point, proposal.params)
            self._tell(number, tried.score, tried.dialogues, tried.excesses, dropped=tried.dropped)
            yield tried

    def _try(self, number: int, point: dict[str, Any], params: dict[str, Any]) -> Tried:
        assert self._best is not None
        generation = settings_over(self._settings, point).generation
        done, seconds = _Done(), 0.0
        for seen in self._looks:
            places = self._order[len(done.places) : seen]
            part = self._again.decode(generation, places)
            done.add(places, part)
            seconds += part.seconds
            best = [self._best[place] for place in done.places]
            scores = _on_record(done.per_dialogue[self._asked.objective])
            if self._feasible and lost(scores, best, maximize=self._asked.maximize, looks=len(self._looks)):
                if seen == self._looks[-1]:
                    break
                estimate = fmean(self._best) + fmean(scores) - fmean(best)
                return Tried(number, point, params, seen, estimate, True, False, {}, {}, round(seconds, 3))
        metrics = {"loss": self._asked.own_metrics["loss"]} if "loss" in self._asked.own_metrics else {}
        metrics |= {key: fmean(column) for key, column in done.per_dialogue.items()}
        beyond = _excesses(self._asked.limits, metrics)
        score = metrics[self._asked.objective]
        compared = _on_record(done.in_order(self._asked.objective))
        wins = all(excess <= 0 for excess in beyond.values()) and (not self._feasible or self._better(fmean(compared), fmean(self._best)))
        if wins:
            self._best, self._feasible = compared, True
        rows = self._rows(done) if wins else []
        config = self._again.generation_config(generation) if wins else ""
        return Tried(number, point, params, len(done.places), score, False, wins, metrics, beyond, round(seconds, 3), rows, config)

    def _done_again(self) -> Tried:
        generation = settings_over(self._settings, self._asked.best_point).generation
        done = _Done()
        part = self._again.decode(generation, self._order)
        done.add(self._order, part)
        self._best = _on_record(done.in_order(self._asked.objective))
        config = self._again.generation_config(generation)
        score, rows = fmean(self._best), self._rows(done)
        return Tried(0, self._asked.best_point, {}, len(rows), score, False, True, {}, {}, part.seconds, rows, config)

    def _tell(self, number: int, score: float, dialogues: int, beyond: Mapping[str, float], *, dropped: bool) -> None:
        if dropped:
            self._search.observe(str(number), dialogues, score)
        self._search.tell(str(number), OptunaState.PRUNED if dropped else OptunaState.COMPLETE, None if dropped else score, beyond)

    def _better(self, score: float, than: float) -> bool:
        return score > than if self._asked.maximize else score < than

    def _rows(self, done: _Done) -> list[dict[str, Any]]:
        summaries, scores = done.summaries_in_order(), done.in_order(self._asked.objective)
        return [
            {"fname": one.id, "summary": summary, "reference": one.references[0], self._asked.objective: round(score, DIGITS)}
            for one, summary, score in zip(self._split.dialogues, summaries, scores, strict=True)
        ]


class _Done:
    """What a setting has summarised so far."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.summaries: list[str] = []
        self.per_dialogue: dict[str, list[float]] = {}

    def add(self, places: Sequence[int], part: Part) -> None:
        self.places += places
        self.summaries += part.summaries
        for key, column in part.per_dialogue.items():
            self.per_dialogue.setdefault(key, []).extend(column)

    def in_order(self, key: str) -> list[float]:
        """Values of a metric in the dialogues' order."""
        return [value for _, value in sorted(zip(self.places, self.per_dialogue[key], strict=True))]

    def summaries_in_order(self) -> list[str]:
        return [text for _, text in sorted(zip(self.places, self.summaries, strict=True))]


def _on_record(scores: Sequence[float]) -> list[float]:
    """Scores as predictions.csv has them: the best's come from there, and equal summaries have to have equal scores."""
    return [round(score, DIGITS) for score in scores]


def _excesses(limits: Sequence[Limit], metrics: Mapping[str, float]) -> dict[str, float]:
    return {str(limit): limit.excess(metrics[limit.metric]) for limit in limits if limit.metric in metrics}
