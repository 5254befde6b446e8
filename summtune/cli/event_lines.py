"""Events of a run as lines, for whoever watches it: what happened, in a person's words. It must not know where they are printed."""

from __future__ import annotations

from summtune.config.metrics import LOSS
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import (
    Decided,
    Decoded,
    Ended,
    Event,
    Halted,
    Noted,
    NotScored,
    PointDrawn,
    Reported,
    Retried,
    Scored,
    SearchEnded,
    StopAsked,
    TrialStarted,
    WentOn,
)
from summtune.reporting.wording import point_text


def event_line(event: Event, state: RunState, last: int) -> str:
    """An event worth knowing as one line; empty for the others."""
    match event:
        case PointDrawn() if event.baseline:
            return f"{event.trial}  baseline: the base's own settings"
        case PointDrawn() if event.repeats:
            return f"{event.trial}  repeats {event.repeats} with seed {event.seed}"
        case PointDrawn():
            return f"{event.trial}  drawn: {point_text(event.point)}"
        case TrialStarted() if event.resumed:
            checkpoint = event.resumed.rpartition("/")[2]
            return f"{event.trial}  continues from {checkpoint} after evaluation {event.iteration} (attempt {event.attempt})"
        case Retried():
            begun = f"attempt {event.attempt} failed" if event.attempt else "failed before it began"
            return f"{event.trial}  {begun} ({event.cause}), and is tried again: {event.message}"
        case Reported():
            trial = state.trials[event.trial]
            star = "  * best so far" if trial.best is event and standings.likeliest(state) is trial else ""
            named = f"{state.objective} (proxy)" if state.by_proxy else state.objective
            others = "".join(f"  {aim.name} {event.metrics[aim.name]:.4g}" for aim in state.objectives[1:] if aim.name != LOSS)
            scores = f"{named} {event.metrics[state.objective]:.4f}{others}  loss {event.metrics['loss']:.3f}"
            return f"{event.trial}  {event.iteration}/{last}  {scores}{star}"
        case Noted():
            return f"note: {event.text}"
        case Decided() if event.stop:
            among = f" among {event.bracket}" if event.bracket else ""
            verdict = f"{event.score:.4f} at rung {event.rung}{among}, {event.cutoff:.4f} needed"
            return f"{event.trial}  stopped after {event.iteration} of {last}: {verdict}"
        case Decided() if event.pause:
            among = f" among {event.bracket}" if event.bracket else ""
            turn = "it is the next to go on from there" if event.cutoff is None else f"{event.cutoff:.4f} goes on before it"
            return f"{event.trial}  pauses after {event.iteration} of {last}: {event.score:.4f} at rung {event.rung}{among}; {turn}"
        case WentOn():
            return f"{event.trial}  goes on from rung {event.rung}: it is the best of those that wait there"
        case SearchEnded():
            under_way = "; those under way end at their next evaluation" if event.by_budget else ""
            return f"no more trials are begun: {event.reason}{under_way}"
        case Halted():
            return f"{event.trial}  stopped after {event.iteration} of {last}: a budget is used up"
        case Ended() if event.status == "stopped" and event.cause and state.trials[event.trial].best is None:
            return f"{event.trial}  stopped: {event.message}"
        case Ended() if event.status == "finished":
            named = " (proxy)" if state.by_proxy else ""
            return f"{event.trial}  finished: {state.score(state.trials[event.trial]):.4f}{named}{_beyond(event.trial, state)}"
        case Decoded() if event.best:
            trial = state.trials[event.trial]
            gain = f"{event.score:.4f}, {state.own_score(trial) or 0.0:.4f} as trained"
            return f"{event.trial}  decoding {event.setting}: {state.objective} {gain}: {point_text(event.point)}"
        case Scored():
            trial = state.trials[event.trial]
            scores = f"{state.objective} {event.metrics[state.objective]:.4f}, {state.score(trial):.4f} by proxy"
            scores += "".join(f"; {aim.name} {event.metrics[aim.name]:.4g}" for aim in state.objectives[1:])
            return f"{event.trial}  in full: {scores}{_beyond(event.trial, state)}"
        case NotScored():
            return f"{event.trial}  could not be evaluated in full, and can't be the best ({event.cause}): {event.message}"
        case StopAsked() if event.now:
            return f"Asked to stop now, by {event.by}: writing everything down."
        case StopAsked():
            return f"Asked to stop, by {event.by}: no new trials; those that run are trained to their end."
        case Ended() if event.status == "failed":
            return f"{event.trial}  FAILED ({event.cause}): {event.message}"
    return ""


def _beyond(trial_id: str, state: RunState) -> str:
    """What a line ends with where the trial is beyond a limit."""
    beyond = "; ".join(map(str, state.violations(state.trials[trial_id])))
    return f"; infeasible: {beyond}" if beyond else ""
