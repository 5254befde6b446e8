"""What is to be said of a trial: by its rungs, and when it is over. The driver puts it on record.

Asked of the run's state alone. It must not write anything.
"""

from __future__ import annotations

from types import ModuleType

from summtune.config.experiment import Experiment
from summtune.errors import TrialFailure
from summtune.events.fold import RunState
from summtune.events.kinds import BUDGET, Decided, Ended
from summtune.events.trial_state import TrialState
from summtune.search import pausing
from summtune.search.trial_length import last_iteration
from summtune.tuning.causes import PASSING


def at_rung(state: RunState, experiment: Experiment, rule: ModuleType, trial: TrialState, iteration: int) -> Decided | None:
    """A rung's verdict on a trial; None where it is at no rung, or has been judged there.

    Args:
        state: the run.
        experiment: what it was asked to do.
        rule: a file of `search/stopping`.
        trial: the one that was evaluated.
        iteration: the evaluation.
    """
    if trial.repeats:
        return None  # a mean of whole trainings and shortened ones would be none
    stopping = experiment.stopping
    rung = rule.rung(stopping, iteration, last_iteration(state, experiment, trial))
    scores = {report.iteration: report.metrics[state.objective] for report in trial.reports}
    if rung is None or not scores or trial.id in state.rungs.get(rung, {}):
        return None
    bracket = experiment.bracket(trial.point)
    there = state.brackets.get((rung, bracket))
    score, mark = rule.measure(stopping, scores, state.maximize)
    if rule.PAUSES:
        cutoff, weak = pausing.at_arrival(rule, stopping, there, mark)
    else:
        cutoff, weak = rule.judge(stopping, score, there.marks if there is not None else (), state.maximize)
    # The baseline is evidence at every rung that stops, and is never stopped: it is what the others are compared with.
    weak = bool(weak) and not trial.baseline
    stop, pause = weak and not rule.PAUSES, weak and rule.PAUSES
    return Decided(trial.id, iteration, rung, score, cutoff, stop, mark if mark != score else None, bracket, pause)


def to_go_on(state: RunState, experiment: Experiment, rule: ModuleType, *, last_call: bool) -> TrialState | None:
    """The paused trial that goes on next, from the highest rung that has a place for one; None where none has.

    Args:
        state: the run.
        experiment: what it was asked to do.
        rule: a file of `search/stopping`.
        last_call: whether no other trial will come to any rung unless one of these goes on.
    """
    if not state.statuses["paused"]:
        return None
    for at in sorted(state.brackets, reverse=True):
        found = pausing.next_to_go_on(rule, experiment.stopping, state.brackets[at], last=last_call)
        if found is not None:
            return state.trials[found]
    return None


def paused_to_the_end(state: RunState) -> list[str]:
    """The trials that ended since nothing let them go on after a pause: with more to come, they might."""
    stopped = [trial for trial in state.trials.values() if trial.status == "stopped" and not trial.cause]
    return [trial.id for trial in stopped if trial.verdict is not None and trial.verdict.pause]


def end(state: RunState, trial: TrialState, failure: TrialFailure | None) -> Ended:
    """How a trial ended that is not tried again."""
    if failure is None and trial.best is None:
        failure = TrialFailure("no_report", "the training returned without a single evaluation")
    if failure is not None:
        tried = f" Given up after {trial.attempts} attempts." if failure.cause in PASSING and trial.attempts > 1 else ""
        message = f"{failure.message.rstrip('.')}.{tried}" if tried else failure.message
        return Ended(trial.id, "failed", failure.cause, message)
    beyond = state.violations(trial)
    feasible = not beyond if state.limits else None
    by_rung = trial.paused or (trial.verdict is not None and trial.verdict.stop)
    by_budget = bool(trial.halted) and not by_rung
    return Ended(
        trial.id,
        "stopped" if by_rung or by_budget else "finished",
        cause=BUDGET if by_budget else "",
        message=state.search_ended.reason if by_budget and state.search_ended is not None else "",
        feasible=feasible,
        violations=[one.to_record() for one in beyond],
    )
