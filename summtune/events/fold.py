"""The state of a run, made by replaying its events; the live driver and every reader use this same fold.

It must not know how points are drawn, where files lie, or Ray.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any, Literal

from summtune.events.kinds import (
    Decided,
    Decoded,
    DecodeOpened,
    Ended,
    Event,
    Halted,
    Metrics,
    Noted,
    PointDrawn,
    Promoted,
    Reported,
    Retried,
    RunClosed,
    RunOpened,
    RunResumed,
    Salvaged,
    Scored,
    SearchEnded,
    StopAsked,
    Told,
    TrialStarted,
)
from summtune.events.limits import Limit, Violation, violations
from summtune.events.spending import Spending


@dataclass
class TrialState:
    """A trial as the events tell it.

    Attributes:
        id: its id, the same through every attempt.
        status: pending, running, finished, stopped or failed; running also means "was running when the run was left", and pending "waits to
            be retried".
        began_at: when its present attempt began.
        retried: attempts that failed for a cause that can pass.
        retried_before: how many of them in earlier sessions.
        longest_wait_s: the longest that it let its driver wait for a report, in one attempt.
        reports: one Reported per iteration, ascending.
        best: the report with the best score.
        scored: the full evaluation of the model of that report, where evaluations on the way were cheap ones.
        decoded: what came of other settings of generation.
        decoded_before: how many of them belong to earlier decode stages.
        decoding: the best of them, where it is better than the trial's own.
        halted: the budget that stops it; empty where none does.
        repeats: the trial whose point it trains once more; empty for a point of its own.
        seed: in place of the settings' own; None for that.
    """

    id: str
    number: int
    point: dict[str, Any]
    params: dict[str, Any]
    baseline: bool
    drawn_at: float
    repeats: str = ""
    seed: int | None = None
    status: str = "pending"
    cause: str = ""
    message: str = ""
    attempts: int = 0
    started_at: float | None = None
    began_at: float | None = None
    retried: list[Retried] = field(default_factory=list)
    retried_before: int = 0
    longest_wait_s: float = 0.0
    ended_at: float | None = None
    reports: list[Reported] = field(default_factory=list)
    best: Reported | None = None
    scored: Scored | None = None
    decoded: list[Decoded] = field(default_factory=list)
    decoded_before: int = 0
    decoding: Decoded | None = None
    verdict: Decided | None = None
    halted: str = ""
    told: bool = False
    promoted: bool = False

    @property
    def over(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    @property
    def iteration(self) -> int:
        """The last one reported; 0 before the first."""
        return self.reports[-1].iteration if self.reports else 0

    @property
    def final(self) -> Metrics:
        return self.reports[-1].metrics if self.reports else {}


@dataclass
class RunState:
    """A run as its events tell it.

    Attributes:
        count: trials asked for, without the baseline.
        status: running, finished, interrupted or failed; running also means "its driver died".
        ended: trials that ended in this session, in this order.
        longest_wait_s: the longest that any trial let its driver wait for a report.
        stop: what was asked of this session by `summtune stop`: nothing, `finishing` (no new trials), or `now`.
        lost: trials of which a damaged log kept nothing but their number.
        rungs: what trials are compared with at each rung, by rung and trial.
        notes: what trials had to say to the person, each sentence once.
        decode: the decode stage, as it was asked for last.
        folder: where the run lay in its last session.
        repetitions: trials that train a point once more, by the trial that was the first to.
        spent: what it has used up.
        budget: what it may use up, by name.
        search_ended: why no more trials are begun, where that is not because all that were asked for have been.
        unimproved: how many trials in a row have ended without improving the best, the baseline and failed ones not among them.
    """

    opened: RunOpened | None = None
    count: int = 0
    status: str = "running"
    reason: str = ""
    closed_at: float | None = None
    sessions: int = 0
    folder: str = ""
    trials: dict[str, TrialState] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    longest_wait_s: float = 0.0
    rungs: dict[int, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    decode: dict[str, Any] | None = None
    stop: Literal["", "finishing", "now"] = ""
    lost: set[str] = field(default_factory=set)
    repetitions: dict[str, list[str]] = field(default_factory=dict)
    spent: Spending = field(default_factory=Spending)
    budget: dict[str, float] = field(default_factory=dict)
    search_ended: SearchEnded | None = None
    unimproved: int = 0
    best_ended: float | None = None

    @property
    def objective(self) -> str:
        return str(self._experiment["objective"]["name"])

    @property
    def maximize(self) -> bool:
        return bool(self._experiment["objective"]["goal"] == "maximize")

    @property
    def _experiment(self) -> dict[str, Any]:
        if self.opened is None:
            raise ValueError("the run has not been opened")
        return self.opened.experiment

    @property
    def strategy(self) -> str:
        """What evaluations on the way are: full, or proxy: cheap ones, after which only full ones at the end name a winner."""
        return str(self._experiment["settings"]["evaluation"]["strategy"])

    @property
    def patience(self) -> int | None:
        """After how many trials in a row without an improvement the run ends; None: it doesn't."""
        return self._experiment.get("patience_trials")

    def seen(self, rung: int, bracket: str) -> list[float]:
        """What a trial of a bracket is compared with at a rung."""
        marks = self.rungs.get(rung, {})
        return [mark for trial, mark in marks.items() if (verdict := self.trials[trial].verdict) is not None and verdict.bracket == bracket]

    @property
    def by_proxy(self) -> bool:
        return self.strategy == "proxy"

    def score(self, trial: TrialState) -> float | None:
        """What the search is told: the objective at the trial's best evaluation, a cheap one where evaluations on the way are."""
        return None if trial.best is None else trial.best.metrics[self.objective]

    def full_metrics(self, trial: TrialState) -> Metrics | None:
        """What the trial is compared by in the end, with its best decoding; None until it has been evaluated in full."""
        return trial.decoding.metrics if trial.decoding is not None else self.own_metrics(trial)

    def own_metrics(self, trial: TrialState) -> Metrics | None:
        """The same as it was trained to decode."""
        found = trial.scored if self.by_proxy else trial.best
        return found.metrics if found is not None else None

    def full_score(self, trial: TrialState) -> float | None:
        """The objective among them."""
        metrics = self.full_metrics(trial)
        return metrics[self.objective] if metrics is not None else None

    def own_score(self, trial: TrialState) -> float | None:
        """The objective of its full evaluation as it was trained to decode."""
        metrics = self.own_metrics(trial)
        return metrics[self.objective] if metrics is not None else None

    def point_metrics(self, point: TrialState) -> Metrics:
        """A point's: the means over its seeds, where it was repeated."""
        known = [found for one in self.trainings(point) if (found := self.own_metrics(one)) is not None]
        if len(known) < 2:
            return self.metrics(point)
        return {name: fmean(one[name] for one in known) for name in known[0] if all(name in one for one in known)}

    def metrics(self, trial: TrialState) -> Metrics:
        """Of the full evaluation, else of the best on the way; empty before the first."""
        return self.full_metrics(trial) or (trial.best.metrics if trial.best is not None else {})

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """What the run asks of every trial besides its score."""
        return tuple(Limit(**limit) for limit in self._experiment.get("limits", ()))

    def evaluation(self, trial: TrialState) -> str:
        """Of which kind these are: full or proxy."""
        return self.strategy if self.full_metrics(trial) is None else "full"

    def violations(self, trial: TrialState) -> tuple[Violation, ...]:
        """The limits that the trial is beyond, by its full evaluation where there is one, else by its best on the way."""
        return violations(self.limits, metrics) if (metrics := self.metrics(trial)) else ()

    def feasible(self, trial: TrialState) -> bool:
        """Whether the trial keeps to all limits, as far as it has been evaluated."""
        return not self.violations(trial)

    def better(self, score: float, than: float) -> bool:
        return score > than if self.maximize else score < than

    @property
    def searched(self) -> list[TrialState]:
        """All trials but the baseline and repetitions, in the order they were drawn."""
        return [trial for trial in self.trials.values() if not trial.baseline and not trial.repeats]

    @property
    def last_number(self) -> int:
        """The highest number in a trial's id, also of one that was lost; 0 before the first."""
        known = (trial.id for trial in self.searched)
        return max((int(trial_id) for trial_id in (*known, *self.lost) if trial_id.isdecimal()), default=0)

    @property
    def baseline(self) -> TrialState | None:
        return next((trial for trial in self.trials.values() if trial.baseline), None)

    def unfinished(self) -> Iterator[TrialState]:
        return (trial for trial in self.trials.values() if not trial.over)

    def ranking(self) -> list[TrialState]:
        """Points that were evaluated in full, did not fail and keep to all limits, best first, each by the mean over its seeds.

        Those that were repeated come first: a mean and a single lucky score don't compare.
        """
        full = [point for point in self._usable() if self.point_score(point) is not None and self.keeps_to_limits(point)]
        return sorted(full, key=lambda point: self._place(len(self.full_scores(point)), self.point_score(point)))

    def origin(self, trial: TrialState) -> TrialState:
        """The trial that was the first to train a trial's point; most are that themselves."""
        return self.trials[trial.repeats] if trial.repeats else trial

    def trainings(self, point: TrialState) -> list[TrialState]:
        """A point's trainings that count: its first, and those with other seeds that came to their end."""
        if point.id not in self.repetitions:
            return [point] if point.best is not None and point.status != "failed" else []
        others = [other for one in self.repetitions.get(point.id, ()) if (other := self.trials[one]).status == "finished"]
        return [one for one in (point, *others) if one.best is not None and one.status != "failed"]

    def cheap_scores(self, point: TrialState) -> list[float]:
        """What the search was told, or would have been, of each of them."""
        return [score for one in self.trainings(point) if (score := self.score(one)) is not None]

    def full_scores(self, point: TrialState) -> list[float]:
        """The objective of each that was evaluated in full, as it was trained to decode."""
        return [score for one in self.trainings(point) if (score := self.own_score(one)) is not None]

    def own_mean(self, point: TrialState) -> float | None:
        """Their mean."""
        return fmean(scores) if (scores := self.full_scores(point)) else None

    def point_score(self, point: TrialState) -> float | None:
        """What a point is ranked by: that mean, with what another decoding gained on the model that it hands on."""
        mean, model = self.own_mean(point), self.model_of(point)
        full, own = self.full_score(model), self.own_score(model)
        if mean is None or full is None or own is None or full == own:
            return mean
        return full if len(self.full_scores(point)) == 1 else mean + full - own

    def model_of(self, point: TrialState) -> TrialState:
        """The training whose model a point hands on: the best that keeps to all limits, by full scores where there are any."""
        if point.id not in self.repetitions:
            return point
        known = self.trainings(point) or [point]
        known = [one for one in known if self.own_score(one) is not None] or known
        known = [one for one in known if self.feasible(one)] or known
        return min(known, key=lambda one: self._place(1, self.own_score(one) if self.own_score(one) is not None else self.score(one)))

    def keeps_to_limits(self, point: TrialState) -> bool:
        """Whether that model does."""
        return self.feasible(self.model_of(point))

    def _place(self, trainings: int, score: float | None) -> tuple[bool, float]:
        return trainings < 2, (-1.0 if self.maximize else 1.0) * (score or 0.0)

    @property
    def further_seeds(self) -> list[int]:
        """Seeds that promising points are repeated with, the settings' own not among them."""
        own = self._experiment["settings"].get("general", {}).get("seed")
        return [seed for seed in self._experiment.get("seeds") or () if seed != own]

    def contenders(self) -> list[TrialState]:
        """The ranking; while nothing has been evaluated in full and the run goes on, the likeliest."""
        return self.ranking() or ([] if self.status == "finished" else self.candidates())

    def to_decode(self, top_k: int) -> list[TrialState]:
        """The trials whose models are decoded again: those of the best points as they were trained to decode, those beyond a limit last."""
        scored = [point for point in self._usable() if self.full_scores(point)]

        def place(point: TrialState) -> tuple[bool, bool, float]:
            beyond = bool(violations(self.limits, self.own_metrics(self.model_of(point)) or {}))
            return beyond, *self._place(len(self.full_scores(point)), self.own_mean(point))

        return [self.model_of(point) for point in sorted(scored, key=place)[:top_k]]

    def candidates(self) -> list[TrialState]:
        """Points that did not fail and keep to all limits, as far as is known, best first by what the search was told of them."""

        def place(point: TrialState) -> tuple[bool, float]:
            if point.id not in self.repetitions:  # nearly all, and asked at every report
                return self._place(1, self.score(point))
            scores = self.cheap_scores(point)
            return self._place(len(scores), fmean(scores))

        return sorted(filter(self.keeps_to_limits, self._usable()), key=place)

    def infeasible(self) -> list[TrialState]:
        """Points with a score whose model is beyond a limit, the least violating first."""
        beyond = [point for point in self._usable() if not self.keeps_to_limits(point)]
        return sorted(beyond, key=lambda trial: sum(one.excess for one in self.violations(trial)))

    def _usable(self) -> list[TrialState]:
        return [trial for trial in self.trials.values() if trial.best is not None and trial.status != "failed" and not trial.repeats]

    @property
    def best(self) -> TrialState | None:
        """The best trial that has ended, else the best so far; never one that is beyond a limit.

        Once the run has finished only a trial that was evaluated in full is the best; before, the likeliest.
        """
        contenders = self.contenders()
        return next((trial for trial in contenders if trial.over), contenders[0] if contenders else None)

    def apply(self, event: Event) -> None:
        """Take in one event. Events of an attempt that has been succeeded by another change nothing."""
        self.spent.take(event)
        match event:
            case RunOpened():
                self.opened = event
                self.folder = event.folder
                self.count = int(event.experiment["count"])
                self.decode = event.experiment.get("decode")
                self.budget = dict(event.experiment.get("budget") or {})
                self.sessions = 1
            case RunResumed():
                self.unimproved = self.unimproved if event.count == self.count else 0  # a person wants more all the same
                self.count, self.folder = event.count, event.folder
                self.status, self.reason, self.closed_at, self.stop = "running", "", None, ""
                self.budget = self.budget if event.budget is None else dict(event.budget)
                self.search_ended = None  # what ended it is looked for again
                self.sessions += 1
                self.ended = []
                for trial in self.trials.values():
                    trial.retried_before = len(trial.retried)
                    trial.halted = trial.halted if trial.over else ""
                for trial_id in (*event.again, *event.anew):
                    self._run_again(trial_id, anew=trial_id in event.anew)
            case PointDrawn():
                self.lost.discard(event.trial)  # the baseline or a repetition: it is what it was before
                self.trials[event.trial] = TrialState(
                    *(event.trial, event.number, event.point, event.params, event.baseline, event.time, event.repeats, event.seed)
                )
                if event.repeats:
                    self.repetitions.setdefault(event.repeats, []).append(event.trial)
            case TrialStarted():
                trial = self.trials[event.trial]
                if trial.over:  # nothing else can begin a trial that is over; only a log that has lost lines says so
                    self._run_again(trial.id, anew=False)
                # An attempt that has to begin from an older checkpoint does iterations again: what was reported of them no longer counts.
                trial.reports = [report for report in trial.reports if report.iteration <= event.iteration]
                trial.best = self._best_of(trial.reports)
                trial.scored, trial.decoding, trial.decoded, trial.decoded_before = None, None, [], 0
                trial.status, trial.attempts, trial.halted = "running", event.attempt, ""
                trial.started_at = trial.started_at or event.time
                trial.began_at = event.time
            case Retried():
                trial = self.trials[event.trial]
                trial.status = "pending"
                trial.retried.append(event)
            case Reported():
                self._take_report(event)
            case Noted():
                self.notes += [event.text] if event.text not in self.notes else []
            case Decided():
                self.rungs.setdefault(event.rung, {})[event.trial] = event.score if event.mark is None else event.mark
                self.trials[event.trial].verdict = event
            case SearchEnded():
                self.search_ended = event
            case Halted():
                self.trials[event.trial].halted = event.by
            case Told():
                self.trials[event.trial].told = True
            case Ended():
                trial = self.trials[event.trial]
                trial.status, trial.cause, trial.message, trial.ended_at = event.status, event.cause, event.message, event.time
                self.ended.append(event.trial)
                self._count_improvements(trial)
            case Promoted():
                self.trials[event.trial].promoted = True
            case Scored():
                self.trials[event.trial].scored = event
            case Decoded():
                trial = self.trials[event.trial]
                trial.decoded.append(event)
                trial.decoding = event if event.best else trial.decoding
            case DecodeOpened():
                self.decode = event.stage
                for trial in self.trials.values():
                    trial.decoded_before = len(trial.decoded)
            case StopAsked():
                self.stop = "now" if event.now or self.stop == "now" else "finishing"
            case Salvaged():
                self.lost |= set(event.lost)
                self.notes += [text for text in event.texts if text not in self.notes]
            case RunClosed():
                self.status, self.reason, self.closed_at = event.status, event.reason, event.time

    def _run_again(self, trial_id: str, *, anew: bool) -> None:
        """Set a trial that is over back to one that is not; from its beginning, nothing that came of it counts."""
        trial = self.trials.get(trial_id)
        if trial is None:  # that it was drawn is lost
            return
        trial.status, trial.cause, trial.message, trial.ended_at = "pending", "", "", None
        trial.told, trial.promoted, trial.halted = False, False, ""
        if anew:
            trial.reports, trial.best, trial.verdict = [], None, None
            for scores in self.rungs.values():
                scores.pop(trial_id, None)

    def _count_improvements(self, trial: TrialState) -> None:
        if trial.baseline or trial.repeats or trial.status == "failed" or trial.best is None:
            return
        score = trial.best.metrics[self.objective]
        feasible = not violations(self.limits, trial.best.metrics)
        improves = feasible and (self.best_ended is None or self.better(score, than=self.best_ended))
        self.unimproved = 0 if improves else self.unimproved + 1
        self.best_ended = score if improves else self.best_ended

    def _take_report(self, event: Reported) -> None:
        trial = self.trials[event.trial]
        before = trial.reports[-1] if trial.reports and trial.reports[-1].attempt == event.attempt else None
        since = before.time if before is not None else trial.began_at
        if since is not None:
            trial.longest_wait_s = max(trial.longest_wait_s, event.time - since)
            self.longest_wait_s = max(self.longest_wait_s, trial.longest_wait_s)
        trial.reports.append(event)
        trial.best = self._best_of(trial.reports)

    def _best_of(self, reports: list[Reported]) -> Reported | None:
        best: Reported | None = None
        for report in reports:
            if best is None or self.better(report.metrics[self.objective], than=best.metrics[self.objective]):
                best = report
        return best


def fold(events: Iterable[Event]) -> RunState:
    """The state that the events lead to."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
