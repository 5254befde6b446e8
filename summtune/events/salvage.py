"""What is left of a run whose log has lost lines: the events that still make a run together, and what had to be left out.

An event that rests on a lost one is left out, or the lost one is inferred where only one thing can have happened. Whole logs pass
unchanged. It must not know files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from summtune.events.kinds import (
    BUDGET,
    Decoded,
    Ended,
    Event,
    GroupStarted,
    Halted,
    Noted,
    NotScored,
    PointDrawn,
    Promoted,
    Reported,
    RunOpened,
    RunResumed,
    Scored,
    Told,
    TrialStarted,
)

_ENDS = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed"}
"""What a trial's end was, by what the study was told of it."""


@dataclass(frozen=True)
class Fault:
    """Something that a log lost.

    Attributes:
        line: where, in the file.
        text: what, for a person.
        trial: the trial that it belongs to, where that is known.
        drawing: whether it is that the trial was drawn.
    """

    line: int
    text: str
    trial: str = ""
    drawing: bool = False


@dataclass
class _Trial:
    """As much of a trial as tells what can come next."""

    attempts: int = 0
    iterations: tuple[int, ...] = ()
    over: bool = False
    halted: bool = False
    again: bool = False  # its end is known, and no evaluation: it has to be trained again


def fitting(numbered: Iterable[tuple[int, Event]]) -> tuple[list[Event], list[Fault]]:
    """The events that can be taken in one after another, and what became of the others."""
    sorter = Sorter()
    for line, event in numbered:
        sorter.take(line, event)
    return sorter.events, sorter.faults


class Sorter:
    """Sorts events as they come: `events` can be taken in one after another, `faults` says what became of the others."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.faults: list[Fault] = []
        self._trials: dict[str, _Trial] = {}
        self._objectives: list[str] = []

    def take(self, line: int, event: Event) -> None:
        """Sort the event of a line."""
        if isinstance(event, RunOpened) and not self._objectives:
            aims = (event.experiment["objective"], *event.experiment.get("further_objectives", ()))
            self._objectives = [str(aim["name"]) for aim in aims]
        if not self._objectives:  # without its opening nothing can be said of a run, and nothing is sorted out
            self.events.append(event)
            return
        trial_id = getattr(event, "trial", None)
        if isinstance(trial_id, str) and not isinstance(event, (PointDrawn, Noted)) and trial_id not in self._trials:
            self._leave_out(line, event, "that the trial was drawn is lost", drawing=True)
        elif reason := self._take(line, event):
            undrawn = isinstance(event, PointDrawn) and event.trial not in self._trials
            self._leave_out(line, event, reason, drawing=undrawn)
        else:
            self.events.append(event)

    def _leave_out(self, line: int, event: Event, reason: str, *, drawing: bool = False) -> None:
        trial = getattr(event, "trial", "")
        text = f"{event.kind}{f' of {trial}' if trial else ''} was left out: {reason}"
        self.faults.append(Fault(line, text, trial, drawing))

    def _infer(self, line: int, event: Event) -> None:
        self.events.append(event)
        trial = getattr(event, "trial", "")
        self.faults.append(Fault(line, f"{event.kind} of {trial} is lost, and follows from this line", trial))

    def _take(self, line: int, event: Event) -> str:
        """Take notice of an event that is about to be taken in; why it can't be, where it can't."""
        match event:
            case RunResumed():
                for one in self._trials.values():
                    one.halted = False
                for one in (self._trials[name] for name in (*event.again, *event.anew, *event.waiting) if name in self._trials):
                    one.over = False
                for one in (self._trials[name] for name in event.anew if name in self._trials):
                    one.iterations = ()
            case PointDrawn():
                if event.trial in self._trials:
                    return "the trial was drawn before"
                if event.repeats and event.repeats not in self._trials:
                    return "that the trial whose point it repeats was drawn is lost"
                self._trials[event.trial] = _Trial()
            case TrialStarted():
                trial = self._trials[event.trial]
                if event.attempt <= trial.attempts:
                    return f"attempt {trial.attempts} had begun before"
                trial.attempts, trial.over, trial.halted = event.attempt, False, False
                trial.iterations = tuple(one for one in trial.iterations if one <= event.iteration)
            case GroupStarted():
                trial = self._trials[event.trial]
                if event.attempt > trial.attempts:
                    return "that its attempt began is lost"
                if trial.over or event.attempt < trial.attempts:
                    return "its attempt was over"
            case Reported():
                return self._take_report(line, event)
            case Halted():
                self._trials[event.trial].halted = True
            case Ended():
                trial = self._trials[event.trial]
                unevaluated = event.status == "stopped" and event.cause == BUDGET and not trial.halted  # a budget can end such a trial, too
                trial.again = event.status != "failed" and not trial.iterations and not unevaluated
                if trial.again:
                    return "none of its evaluations is left, and it is trained again"
                if trial.over:
                    return "the trial was over before"
                trial.over = True
            case Told():
                trial = self._trials[event.trial]
                if trial.again:
                    return "the trial is trained again"
                if not trial.over:
                    self._infer_end(line, event, trial)
                    return "none of its evaluations is left, and it is trained again" if trial.again else ""
            case Promoted() if not self._trials[event.trial].over:
                return "the trial's end is lost"
            case Scored() | NotScored() | Decoded() if not self._trials[event.trial].iterations:
                return "none of the trial's evaluations is left"
        return ""

    def _take_report(self, line: int, event: Reported) -> str:
        trial = self._trials[event.trial]
        for objective in self._objectives:
            score = event.metrics.get(objective)
            if not isinstance(score, (int, float)) or not math.isfinite(score):
                return f"it has no {objective}"
        if event.attempt > trial.attempts:
            started = TrialStarted(event.trial, event.attempt, event.iteration - 1, time=event.time)
            self._take(line, started)
            self._infer(line, started)
        if trial.over or event.attempt < trial.attempts:
            return "its attempt was over"
        if trial.iterations and event.iteration <= trial.iterations[-1]:
            return "a later evaluation came before"
        trial.iterations += (event.iteration,)
        return ""

    def _infer_end(self, line: int, event: Told, trial: _Trial) -> None:
        status = _ENDS.get(event.state, "failed")
        if status != "failed" and not trial.iterations:
            trial.again = True
            return
        cause = ("lost", "how it ended is lost with a part of the event log") if status == "failed" else ("", "")
        cause = (BUDGET, "a budget was used up") if trial.halted and status == "stopped" else cause
        trial.over = True
        self._infer(line, Ended(event.trial, status, *cause, time=event.time))
