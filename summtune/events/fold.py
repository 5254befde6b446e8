"""The state of a run, made by replaying its events; the live driver and every reader use this same fold.

It must not know how points are drawn, where files lie, or Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from summtune.events.fronts import Aim, Losses, at_least_as_good
from summtune.events.kinds import (
    BASELINE_ID,
    Decided,
    Decoded,
    DecodeOpened,
    Ended,
    Event,
    GroupStarted,
    Halted,
    Metrics,
    Noted,
    NotScored,
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
    Taught,
    Told,
    TrialStarted,
    WentOn,
)
from summtune.events.leaders import Leaders
from summtune.events.limits import Limit, Violation, violations
from summtune.events.rungs import Rung
from summtune.events.spending import Spending
from summtune.events.trial_state import Asked, TrialState


@dataclass
class RunState:
    """A run as its events tell it.

    What is asked at every event is kept as events come in, so that a run of ten thousand trials takes no longer over one than a run of ten.

    Attributes:
        count: trials asked for, without the baseline.
        status: running, finished, interrupted or failed; running also means "its driver died".
        ended: trials that ended in this session, in this order.
        longest_wait_s: the longest that any trial let its driver wait for a report.
        stop: what was asked of this session by `summtune stop`: nothing, `finishing` (no new trials), or `now`.
        lost: trials of which a damaged log kept nothing but their number.
        rungs: what trials are compared with at each rung, by rung and trial.
        brackets: the same in order, by rung and bracket.
        drawn: trials but the baseline and repetitions.
        statuses: how many trials have each status.
        last_number: the highest number in a trial's id, also of one that was lost; 0 before the first.
        next_place: in the study, of the next trial.
        leaders: trials by what the search was told of them; `standings` asks for the first.
        taught: what the search learned of earlier runs; it is nothing that this run did, and counts nowhere.
        asked: what the study was asked for, in this order: each trial, and again each that went on after a pause.
        notes: what trials had to say to the person, each sentence once.
        decode: the decode stage, as it was asked for last.
        folder: where the run lay in its last session.
        repetitions: trials that train a point once more, by the trial that was the first to.
        spent: what it has used up.
        budget: what it may use up, by name.
        past_target: whether the run goes on though its target is reached.
        search_ended: why no more trials are begun, where that is not because all that were asked for have been.
        unimproved: how many trials in a row have ended without improving the best, or with several objectives the front, the baseline and
            failed ones not among them.
        unbeaten: what the best of them came to; with several objectives the front.
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
    brackets: dict[tuple[int, str], Rung] = field(default_factory=dict)
    drawn: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    last_number: int = 0
    next_place: int = 0
    leaders: Leaders = field(default_factory=Leaders, compare=False)
    _places: dict[str, int] = field(default_factory=dict)  # the last place of each trial in `asked`
    taught: list[Taught] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    decode: dict[str, Any] | None = None
    stop: Literal["", "finishing", "now"] = ""
    lost: set[str] = field(default_factory=set)
    repetitions: dict[str, list[str]] = field(default_factory=dict)
    spent: Spending = field(default_factory=Spending)
    budget: dict[str, float] = field(default_factory=dict)
    past_target: bool = False
    search_ended: SearchEnded | None = None
    unimproved: int = 0
    _rested: set[str] = field(default_factory=set)
    unbeaten: list[Losses] = field(default_factory=list)

    @cached_property
    def objectives(self) -> tuple[Aim, ...]:
        """What is searched for; rungs, the choice of a trial's best evaluation, and the best of the run go by the first."""
        all_of_them = (self._experiment["objective"], *self._experiment.get("further_objectives", ()))
        return tuple(Aim(str(one["name"]), one["goal"] == "maximize", one.get("target")) for one in all_of_them)

    def losses(self, metrics: Metrics) -> Losses:
        """The objectives among an evaluation's metrics, less being better."""
        return tuple(aim.loss(metrics) for aim in self.objectives)

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
    def baseline(self) -> TrialState | None:
        return self.trials.get(BASELINE_ID)

    @property
    def under_way(self) -> int:
        """How many trials are not over, those that pause among them."""
        return self.statuses["pending"] + self.statuses["running"] + self.statuses["paused"]

    @property
    def ended_points(self) -> int:
        """How many trials but the baseline and repetitions are over."""
        others = [BASELINE_ID, *(one for repetitions in self.repetitions.values() for one in repetitions)]
        over = self.statuses["finished"] + self.statuses["stopped"] + self.statuses["failed"]
        return over - sum(self.trials[one].over for one in others if one in self.trials)

    def unfinished(self) -> Iterator[TrialState]:
        return (trial for trial in self.trials.values() if not trial.over)

    def origin(self, trial: TrialState) -> TrialState:
        """The trial that was the first to train a trial's point; most are that themselves."""
        return self.trials[trial.repeats] if trial.repeats else trial

    @property
    def further_seeds(self) -> list[int]:
        """Seeds that promising points are repeated with, the settings' own not among them."""
        own = self._experiment["settings"].get("general", {}).get("seed")
        return [seed for seed in self._experiment.get("seeds") or () if seed != own]

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
            case Taught():
                self.taught.append(event)
            case RunResumed():
                if event.count != self.count:  # a person wants more all the same
                    self.unimproved, self._rested = 0, set()
                self.count, self.folder = event.count, event.folder
                self.status, self.reason, self.closed_at, self.stop = "running", "", None, ""
                self.budget = self.budget if event.budget is None else dict(event.budget)
                self.past_target = self.past_target or event.past_target
                self.search_ended = None  # what ended it is looked for again
                self.sessions += 1
                self.ended = []
                for trial in self.trials.values():
                    trial.retried_before = len(trial.retried)
                    trial.halted = trial.halted if trial.over else ""
                for trial_id in (*event.again, *event.anew):
                    self._run_again(trial_id, anew=trial_id in event.anew)
                for trial_id in event.waiting:
                    self._wait_again(trial_id)
                for trial in (self.trials[trial_id] for trial_id in event.rescored if trial_id in self.trials):
                    trial.not_scored = None
                    self._may_lead(trial)
            case PointDrawn():
                self._take_point(event)
            case WentOn():
                if self.trials[event.trial].paused:  # a log that has lost lines may not know that it paused
                    self._go_on(self.trials[event.trial])
            case TrialStarted():
                trial = self.trials[event.trial]
                if trial.paused:  # only a log that has lost lines says so
                    self._go_on(trial)
                if trial.over:  # nothing else can begin a trial that is over; only a log that has lost lines says so
                    self._run_again(trial.id, anew=False)
                # An attempt that has to begin from an older checkpoint does iterations again: what was reported of them no longer counts.
                trial.reports = [report for report in trial.reports if report.iteration <= event.iteration]
                trial.best = self.best_of(trial.reports)
                trial.scored, trial.not_scored = None, None
                trial.decoding, trial.decoded, trial.decoded_before = None, [], 0
                self._become(trial, "running")
                self._may_lead(trial)
                trial.attempts, trial.halted = event.attempt, ""
                trial.started_at = trial.started_at or event.time
                trial.began_at = event.time
            case GroupStarted():
                self.trials[event.trial].began_at = event.time  # it had nothing to report while it waited for room
            case Retried():
                trial = self.trials[event.trial]
                self._become(trial, "pending")
                trial.retried.append(event)
            case Reported():
                self._take_report(event)
            case Noted():
                self.notes += [event.text] if event.text not in self.notes else []
            case Decided():
                self._take_verdict(event)
            case SearchEnded():
                self.search_ended = event
            case Halted():
                self.trials[event.trial].halted = event.by
            case Told():
                self.trials[event.trial].told = True
            case Ended():
                trial = self.trials[event.trial]
                self._become(trial, event.status)
                trial.cause, trial.message, trial.ended_at = event.cause, event.message, event.time
                self.ended.append(event.trial)
                self._count_improvements(trial)
            case Promoted():
                self.trials[event.trial].promoted = True
            case Scored():
                self.trials[event.trial].scored = event
                self._may_lead(self.trials[event.trial])
            case NotScored():
                self.trials[event.trial].not_scored = event
            case Decoded():
                trial = self.trials[event.trial]
                trial.decoded.append(event)
                trial.decoding = event if event.best else trial.decoding
                self._may_lead(trial)
            case DecodeOpened():
                self.decode = event.stage
                for trial in self.trials.values():
                    trial.decoded_before = len(trial.decoded)
            case StopAsked():
                self.stop = "now" if event.now or self.stop == "now" else "finishing"
            case Salvaged():
                self.lost |= set(event.lost)
                self.last_number = max([self.last_number, *(int(lost) for lost in event.lost if lost.isdecimal())])
                self.notes += [text for text in event.texts if text not in self.notes]
            case RunClosed():
                self.status, self.reason, self.closed_at = event.status, event.reason, event.time

    def _reopen(self, trial: TrialState, status: str) -> None:
        """Set a trial that is over back to one that is not."""
        self._become(trial, status)
        trial.cause, trial.message, trial.ended_at = "", "", None
        trial.told, trial.promoted, trial.halted = False, False, ""

    def _wait_again(self, trial_id: str) -> None:
        """Let a trial that ended while it paused wait again, where it did."""
        trial = self.trials.get(trial_id)
        if trial is not None and trial.over and trial.verdict is not None and trial.verdict.pause:  # a log may have lost what it was
            self._reopen(trial, "paused")
            self.brackets[trial.verdict.rung, trial.verdict.bracket].pause(trial.id)

    def _run_again(self, trial_id: str, *, anew: bool) -> None:
        """Let a trial that is over be trained again; from its beginning, nothing that came of it counts."""
        trial = self.trials.get(trial_id)
        if trial is None:  # that it was drawn is lost
            return
        self._reopen(trial, "pending")
        if anew:
            trial.reports, trial.best, trial.verdict, trial.first_attempt = [], None, None, trial.attempts + 1
            for scores in self.rungs.values():
                scores.pop(trial_id, None)
            for rung in self.brackets.values():
                rung.forget(trial_id)
        self._may_lead(trial)

    def _become(self, trial: TrialState, status: str) -> None:
        """Every change of a status is made here."""
        if trial.paused and status != "paused" and trial.verdict is not None:
            self.brackets[trial.verdict.rung, trial.verdict.bracket].leave(trial.id)
        self.statuses[trial.status] -= 1
        self.statuses[status] += 1
        trial.status = status

    def _may_lead(self, trial: TrialState) -> None:
        """Called whenever a trial may have come to be the best, not when it can only have got worse: that is seen when it is asked for."""
        if not trial.repeats and (score := self.score(trial)) is not None:
            self.leaders.add(trial.id, -score if self.maximize else score)

    def _take_point(self, event: PointDrawn) -> None:
        self.lost.discard(event.trial)  # the baseline or a repetition: it is what it was before
        self.trials[event.trial] = TrialState(
            *(event.trial, event.number, event.point, event.params, event.baseline, event.time, event.repeats, event.seed)
        )
        self.statuses["pending"] += 1
        self.next_place = max(self.next_place, event.number + 1)
        if event.repeats:
            self.repetitions.setdefault(event.repeats, []).append(event.trial)
            return
        self._ask(event.trial)
        if not event.baseline:
            self.drawn += 1
            self.last_number = max(self.last_number, int(event.trial) if event.trial.isdecimal() else 0)

    def _ask(self, trial_id: str) -> None:
        self._places[trial_id] = len(self.asked)
        self.asked.append(Asked(trial_id))

    def _take_verdict(self, event: Decided) -> None:
        trial, mark = self.trials[event.trial], event.score if event.mark is None else event.mark
        if trial.paused:  # only a log that has lost lines says so
            self._become(trial, "running")
        self.rungs.setdefault(event.rung, {})[event.trial] = mark
        rung = self.brackets.setdefault((event.rung, event.bracket), Rung(self.maximize))
        rung.arrive(event.trial, mark)
        trial.verdict = event
        if event.pause:
            rung.pause(event.trial)
            self._become(trial, "paused")
            self._count_improvements(trial)
        elif not event.stop:
            rung.go_on(event.trial)

    def _go_on(self, trial: TrialState) -> None:
        """A paused trial has its turn again. What Optuna was told of it stays as it is: it is asked for once more."""
        assert trial.verdict is not None
        self.asked[self._places[trial.id]] = Asked(trial.id, paused_at=trial.verdict.rung)
        self._ask(trial.id)
        self._become(trial, "pending")
        self.brackets[trial.verdict.rung, trial.verdict.bracket].go_on(trial.id)

    def _count_improvements(self, trial: TrialState) -> None:
        """Once for each trial that comes to rest: ends, or pauses."""
        if trial.baseline or trial.repeats or trial.status == "failed" or trial.best is None:
            return
        losses = self.losses(trial.best.metrics)
        feasible = not violations(self.limits, trial.best.metrics)
        improves = feasible and not any(at_least_as_good(other, losses) for other in self.unbeaten)
        if improves:
            self._rested = set()
        else:
            self._rested.add(trial.id)
        self.unimproved = len(self._rested)
        if improves:
            self.unbeaten = [other for other in self.unbeaten if not at_least_as_good(losses, other)] + [losses]

    def _take_report(self, event: Reported) -> None:
        trial = self.trials[event.trial]
        before = trial.reports[-1] if trial.reports and trial.reports[-1].attempt == event.attempt else None
        since = before.time if before is not None else trial.began_at
        if since is not None:
            trial.longest_wait_s = max(trial.longest_wait_s, event.time - since)
            self.longest_wait_s = max(self.longest_wait_s, trial.longest_wait_s)
        trial.reports.append(event)
        if trial.best is None or self.better(event.metrics[self.objective], than=trial.best.metrics[self.objective]):
            trial.best = event
            self._may_lead(trial)

    def best_of(self, reports: list[Reported]) -> Reported | None:
        """The report with the best score."""
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
