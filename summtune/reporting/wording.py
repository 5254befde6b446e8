"""What terminal and page say in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState
from summtune.reporting.faithfulness import Faithfulness
from summtune.reporting.leaderboard import Figures


def point_text(point: Mapping[str, Any]) -> str:
    """A point in one line."""
    if not point:
        return "the base's own settings"
    return ", ".join(f"{key.rpartition('.')[2]} {value_text(value)}" for key, value in point.items())


def value_text(value: Any) -> str:
    """A setting's value, short."""
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def retries_text(retries: int) -> str:
    """How often a trial was tried again."""
    return f"{retries} {'retry' if retries == 1 else 'retries'}"


def failure_texts(state: RunState) -> list[str]:
    """Which trials failed, or could not be evaluated in full, and why, a sentence each."""
    failed = [f"{trial.id} failed ({trial.cause}): {trial.message}" for trial in state.trials.values() if trial.status == "failed"]
    unscored = [fault for trial in state.trials.values() if (fault := trial.not_scored) is not None]
    return [*failed, *(f"{one.trial} could not be evaluated in full ({one.cause}): {one.message}" for one in unscored)]


def retried_texts(state: RunState) -> list[str]:
    """Which trials were tried again and did not fail in the end, and why, a sentence each."""
    trials = [trial for trial in state.trials.values() if trial.retried and trial.status != "failed"]
    return [f"{trial.id} {retries_text(len(trial.retried))}: {_what_failed(trial)}" for trial in trials]


def _what_failed(trial: TrialState) -> str:
    return "; ".join(f"attempt {one.attempt} failed ({one.cause}): {one.message}" for one in trial.retried)


def front_texts(state: RunState) -> list[str]:
    """With several objectives: which trials no other beats in all of them, a sentence, and a line for each; nothing with one."""
    front = standings.front(state)
    if not front:
        return []
    kind = "evaluated in full" if standings.ranking(state) else "that keep to all limits, by proxy" if state.by_proxy else "with a score"
    beat = "is beaten by no other" if len(front) == 1 else "are beaten by no other"
    compared = len(standings.contenders(state))
    head = f"{len(front)} of {compared} trials {kind} {beat} in all of {', '.join(aim.name for aim in state.objectives)}"
    return [head, *(f"{point.id}: {values_text(state, point)}; {point_text(point.point)}" for point in front)]


def values_text(state: RunState, point: TrialState) -> str:
    """A point's objectives."""
    metrics = standings.point_metrics(state, point)
    return ", ".join(f"{aim.name} {metrics[aim.name]:.4g}" for aim in state.objectives)


def decoding_texts(state: RunState) -> list[str]:
    """What came of other settings of generation, a sentence for each trial; the best trial's first."""
    best = standings.best(state)
    model = standings.model_of(state, best) if best is not None else None
    decoded = sorted((trial for trial in state.trials.values() if trial.decoded), key=lambda trial: trial is not model)
    return [_decoding_text(trial, state.own_score(trial) or 0.0) for trial in decoded]


def _decoding_text(trial: TrialState, own: float) -> str:
    tried = len(trial.decoded)
    counts = f"{tried} setting{'' if tried == 1 else 's'}, {sum(one.dropped for one in trial.decoded)} dropped early"
    if trial.decoding is None:
        return f"{trial.id}: as trained, {own:.4f}, is the best; {counts}"
    return f"{trial.id}: {point_text(trial.decoding.point)}: {trial.decoding.score:.4f} instead of {own:.4f}; {counts}"


def seeds_texts(state: RunState, found: Figures) -> list[str]:
    """What repetitions say of the best, and whose model it hands on; nothing where no point was repeated."""
    if not found.repetitions:
        return []
    points = len(state.repetitions)
    texts = [f"{found.repetitions} repetition{'' if found.repetitions == 1 else 's'} of {points} point{'' if points == 1 else 's'}"]
    best = standings.best(state)
    scores = [] if best is None else standings.full_scores(state, best) or standings.cheap_scores(state, best)
    if best is None or len(scores) < 2:
        return texts
    model = standings.model_of(state, best)
    score = state.own_score(model) if state.own_score(model) is not None else state.score(model)
    spread = f"{best.id}: {fmean(scores):.4f} ± {stdev(scores):.4f} over {len(scores)} seeds"
    return [*texts, f"{spread}; the model is that of {model.id}, the best of them ({score:.4f}): expect the mean of another training"]


def warm_start_texts(state: RunState) -> list[str]:
    """What earlier runs taught the search, a sentence each."""
    return [lesson.text for lesson in state.taught]


def ending_texts(state: RunState, found: Figures) -> list[str]:
    """Why no more trials were begun, and what was not done for that; nothing where all that were asked for were begun."""
    if state.search_ended is None:
        return []
    begun = f"{found.not_begun} trial{'' if found.not_begun == 1 else 's'} not begun"
    cut = f", {found.iterations_cut} evaluations of those under way not made" if state.search_ended.by_budget else ""
    return [f"{state.search_ended.reason}: {begun}{cut}"]


def proxy_texts(told: Faithfulness | None) -> list[str]:
    """How far the cheap evaluations on the way can be trusted; nothing where there were none, or too few to say."""
    if told is None:
        return []
    interval = f"95 % from {told.low:.2f} to {told.high:.2f}"
    texts = [f"{told.trials} trials evaluated in full; Kendall's τ of cheap and full scores {told.tau:.2f} ({interval})"]
    if told.doubtful:
        remedy = "More evaluation.proxy_samples, a larger evaluation.proxy_top_k, or evaluation.strategy: full make surer of the best."
        assert told.noise is not None, "else nothing is doubtful"
        texts.append(f"Cheap scores scatter around full ones by {sqrt(told.noise):.0%} of what they differ by among all trials. {remedy}")
    return texts
