"""Searches how one trained model decodes best: settings are drawn by a search method, and each races against the best so far.

Runs in a Ray task, or in the process of `summtune decode FOLDER`; it writes nothing, and hands on what came of each setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from optuna.trial import TrialState as OptunaState

from summtune.config import effects
from summtune.config.experiment import laid_over, settings_over
from summtune.config.layers import flatten
from summtune.config.settings import Generation, Settings
from summtune.config.stages import DecodeStage
from summtune.corpus.dialogues import Split, read_split
from summtune.decoding.again import Again, Part
from summtune.decoding.evaluation import Evaluated
from summtune.events.kinds import Decoded
from summtune.events.limits import Limit, excesses
from summtune.paths import cache_dir
from summtune.search.racing import Purse, looks, spread_order, standing
from summtune.search.study import Search
from summtune.space.space import Draw
from summtune.training.best_model import DIGITS, prediction_rows
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.reopened import reopen

OWN = "own"
"""The name of the model's own decoding among the settings of its study."""


@dataclass(frozen=True)
class Race:
    """What is asked for.

    Attributes:
        trial: whose model it is.
        folder: of that model.
        settings: it was trained with.
        stage: the settings to try, as a record.
        objective, maximize: what decides.
        limits: a setting beyond one is never the best.
        own_metrics: of the model's own decoding, over all dialogues.
        past: what has been tried of this stage.
        before: how many settings of earlier stages were.
        best_point: of the best decoding so far; empty for the model's own.
        best_scores: of each dialogue by that decoding; None where they are not at hand.
        best_is_feasible: whether it keeps to all limits.
        threads: CPU threads for torch.
    """

    trial: str
    folder: str
    settings: dict[str, Any]
    stage: dict[str, Any]
    objective: str
    maximize: bool
    own_metrics: dict[str, float]
    limits: tuple[Limit, ...] = ()
    past: tuple[Decoded, ...] = ()
    before: int = 0
    best_point: dict[str, Any] = field(default_factory=dict)
    best_scores: list[float] | None = None
    best_is_feasible: bool = True
    threads: int | None = None


@dataclass(frozen=True)
class Tried:
    """What came of a setting.

    Attributes:
        decoded: the event; None where the best decoding was only done again, because its summaries were not at hand.
        rows: the summaries, where it is the best.
        generation: all that it was decoded with, as a section of settings, where it is the best.
        generation_config: the model's generation_config.json, where it is the best.
    """

    decoded: Decoded | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    generation: dict[str, Any] = field(default_factory=dict)
    generation_config: str = ""


def decoding_record(decoded: Decoded) -> dict[str, Any]:
    """A line of decodings.jsonl."""
    return {key: value for key, value in decoded.to_record().items() if key not in ("kind", "trial", "params")}


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
        self._search.tell(OWN, OptunaState.COMPLETE, own[asked.objective], excesses(asked.limits, own))
        self._purse = self._filled(stage.count)
        for number, one in enumerate(asked.past, start=1):
            self._search.adopt(str(number), Draw(one.point, one.params))
            self._tell(number, one)

    def _filled(self, settings: int) -> Purse:
        """What this race may spend, measured by the model's own decoding of the dialogues of the first look."""
        first = self._order[: self._looks[0]]
        tokens = self._again.decode(self._settings.generation, first).tokens if len(self._looks) > 1 else 0
        return Purse(settings, self._looks, tokens * len(self._order) / len(first))

    def run(self) -> Iterator[Tried]:
        if self._best is None:
            yield self._done_again()
        for number in range(len(self._asked.past) + 1, self._count + 1):
            proposal = self._search.propose(str(number), number - 1)
            if proposal is None:
                return
            tried = self._try(Decoded(self._asked.trial, self._asked.before + number, proposal.point, proposal.params))
            assert tried.decoded is not None
            self._tell(number, tried.decoded)
            yield tried

    def _try(self, begun: Decoded) -> Tried:
        assert self._best is not None
        generation = settings_over(self._settings, begun.point).generation
        done = _Done()
        for look, seen in enumerate(self._looks):
            places = self._order[len(done.places) : seen]
            done.add(places, self._again.decode(generation, places))
            begun = replace(begun, dialogues=seen, seconds=round(done.seconds, 3), tokens=done.tokens)
            best = [self._best[place] for place in done.places]
            scores = _on_record(done.per_dialogue[self._asked.objective])
            if seen < self._looks[-1] and self._feasible and self._has_lost(scores, best, look, done.tokens):
                estimate = fmean(self._best) + fmean(scores) - fmean(best)
                return Tried(replace(begun, score=estimate, dropped=True))
        evaluated = done.evaluated(self._asked.own_metrics.get("loss"))
        beyond = excesses(self._asked.limits, evaluated.metrics)
        compared = _on_record(evaluated.per_dialogue[self._asked.objective])
        wins = all(excess <= 0 for excess in beyond.values()) and (not self._feasible or self._better(fmean(compared), fmean(self._best)))
        score = evaluated.metrics[self._asked.objective]
        ended = replace(begun, score=score, best=wins, metrics=evaluated.metrics, excesses=beyond)
        if not wins:
            return Tried(ended)
        self._best, self._feasible = compared, True
        return self._best_one(ended, evaluated, generation)

    def _has_lost(self, scores: list[float], best: list[float], look: int, tokens: int) -> bool:
        place = standing(scores, best, maximize=self._asked.maximize, dialogues=len(self._order))
        return place < self._purse.level(tokens, look)

    def _done_again(self) -> Tried:
        generation = settings_over(self._settings, self._asked.best_point).generation
        done = _Done()
        done.add(self._order, self._again.decode(generation, self._order))
        evaluated = done.evaluated(None)
        self._best = _on_record(evaluated.per_dialogue[self._asked.objective])
        return self._best_one(None, evaluated, generation)

    def _best_one(self, decoded: Decoded | None, evaluated: Evaluated, generation: Generation) -> Tried:
        return Tried(decoded, self._rows(evaluated), generation.model_dump(mode="json"), self._again.generation_config(generation))

    def _tell(self, number: int, one: Decoded) -> None:
        self._purse.pay(one.tokens, one.dialogues, dropped=one.dropped)
        if one.dropped:
            self._search.observe(str(number), one.dialogues, one.score)
        state = OptunaState.PRUNED if one.dropped else OptunaState.COMPLETE
        self._search.tell(str(number), state, None if one.dropped else one.score, one.excesses)

    def _better(self, score: float, than: float) -> bool:
        return score > than if self._asked.maximize else score < than

    def _rows(self, evaluated: Evaluated) -> list[dict[str, Any]]:
        dialogues = self._split.dialogues
        ids, references = [one.id for one in dialogues], [one.references[0] for one in dialogues]
        return prediction_rows(ids, references, evaluated, self._asked.objective)


class _Done:
    """What a setting has summarised so far."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.summaries: list[str] = []
        self.per_dialogue: dict[str, list[float]] = {}
        self.seconds = 0.0
        self.tokens = 0

    def add(self, places: Sequence[int], part: Part) -> None:
        self.places += places
        self.summaries += part.summaries
        self.seconds += part.seconds
        self.tokens += part.tokens
        for key, column in part.per_dialogue.items():
            self.per_dialogue.setdefault(key, []).extend(column)

    def evaluated(self, loss: float | None) -> Evaluated:
        """All of it in the dialogues' order; decoding doesn't change the loss."""
        order = sorted(range(len(self.places)), key=self.places.__getitem__)
        per_dialogue = {key: [column[index] for index in order] for key, column in self.per_dialogue.items()}
        metrics = ({} if loss is None else {"loss": loss}) | {key: fmean(column) for key, column in per_dialogue.items()}
        places, summaries = [self.places[index] for index in order], [self.summaries[index] for index in order]
        return Evaluated(metrics, places, summaries, per_dialogue, self.seconds)


def _on_record(scores: Sequence[float]) -> list[float]:
    """Scores as predictions.csv has them: the best's come from there, and equal summaries have to have equal scores."""
    return [round(score, DIGITS) for score in scores]
