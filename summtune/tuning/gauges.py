"""What a run tells Prometheus through Ray's metrics agent: trials by state, best score, tokens per second.

GPU memory, utilisation and whatever else belongs to a node Ray exports itself (`ray_node_gram_used` and its like). Ray puts `ray_` before
these names, and hands them on every ten seconds. It must not know who scrapes them; nothing waits on them or fails with them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ray.util.metrics import Gauge

from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Decoded, Ended, Event, Reported, RunClosed, Scored
from summtune.events.trial_state import TrialState

STATUSES = ("pending", "running", "paused", "finished", "stopped", "failed")


@dataclass(frozen=True)
class Figure:
    """A gauge: its name without Ray's prefix, what it says, and the tags that its values carry beside `run`."""

    name: str
    meaning: str
    tags: tuple[str, ...] = ()


TRIALS = Figure("summtune_trials", "Trials of a run by status, the baseline and repetitions among them", ("status",))
BEST_SCORE = Figure(
    "summtune_best_score", "The objective of the best trial so far; a cheap evaluation's (proxy) or a full one's", ("metric", "evaluation")
)
TOKENS_PER_SECOND = Figure("summtune_tokens_per_second", "Training speed by each running trial's last report, all of them together")
FIGURES = (TRIALS, BEST_SCORE, TOKENS_PER_SECOND)

Sample = tuple[Figure, float, dict[str, str]]
"""A figure, its value, and the values of its tags."""


class Count:
    """The figures of a run, kept up with its events without going through all trials at each.

    Args:
        state: of the run as it is opened.
    """

    def __init__(self, state: RunState) -> None:
        self._statuses: Counter[str] = Counter()
        self._known: dict[str, str] = {}
        self._speeds: dict[str, float] = {}
        self._in_full = False  # whether the best has been evaluated in full where the search is told of cheap evaluations
        for trial in state.trials.values():
            self._take(trial)

    def samples(self, event: Event | None, state: RunState) -> Iterator[Sample]:
        """What an event changed; all of it where there is none."""
        trial = state.trials.get(getattr(event, "trial", ""))
        if trial is not None:
            self._take(trial)
        elif isinstance(event, RunClosed):
            self._speeds.clear()
        for status in STATUSES:
            yield TRIALS, self._statuses[status], {"status": status}
        yield TOKENS_PER_SECOND, sum(self._speeds.values()), {}
        best = self._best(event, trial, state)
        evaluation, score = standings.shown_score(state, best) if best is not None else ("", None)
        if score is not None:
            self._in_full = state.by_proxy and evaluation == "full"
            yield BEST_SCORE, score, {"metric": state.objective, "evaluation": evaluation}

    def _best(self, event: Event | None, trial: TrialState | None, state: RunState) -> TrialState | None:
        """The best trial where an event can have changed which it is. All trials are ranked for the few events only that ask for it."""
        if event is None or isinstance(event, (Scored, Decoded, RunClosed)):
            return standings.best(state)
        improved = isinstance(event, Reported) and trial is not None and trial.best is not None and trial.best.iteration == event.iteration
        # Cheap evaluations say nothing of which of those is the best that have been evaluated in full.
        return standings.likeliest(state) if (improved or isinstance(event, Ended)) and not self._in_full else None

    def _take(self, trial: TrialState) -> None:
        if (before := self._known.get(trial.id)) is not None:
            self._statuses[before] -= 1
        self._known[trial.id] = trial.status
        self._statuses[trial.status] += 1
        self._speeds.pop(trial.id, None)
        if trial.status == "running":
            self._speeds[trial.id] = trial.final.get("tokens_per_second", 0.0)


class Gauges:
    """A watcher of a run that exports them. Ray must have been started.

    Args:
        run_id: names the run in every value.
        state: of the run as it is opened.
    """

    def __init__(self, run_id: str, state: RunState) -> None:
        self._run_id = run_id
        self._count = Count(state)
        self._gauges: dict[str, Gauge] = {}
        self._broken = False
        self(None, state)

    def __call__(self, event: Event | None, state: RunState) -> None:
        """Export what an event changed."""
        if self._broken:
            return
        try:
            for figure, value, tags in self._count.samples(event, state):
                if figure.name not in self._gauges:
                    self._gauges[figure.name] = Gauge(figure.name, figure.meaning, tag_keys=("run", *figure.tags))
                self._gauges[figure.name].set(value, {"run": self._run_id, **tags})
        except Exception as error:  # the exporter's own boundary: whatever Ray's metrics raise, no run may fail with it
            self._broken = True
            logging.getLogger("ray.tune").warning("metrics for Prometheus broke, and are off from here on", exc_info=error)
