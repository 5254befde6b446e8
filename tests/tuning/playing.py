"""Plays Ray Tune's part and the workers' for whole runs, with crashes of the driver at chosen moments.

A training is a plain function of the drawn learning rate and of a repetition's seed: two runs that drew the same points have the same
scores.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import TrialFailure
from summtune.events import standings
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Event, Reported, RunOpened, RunResumed, Taught
from summtune.events.log import EventLog, SomeEvent, as_line, read_events
from summtune.events.mending import mended_run
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.search.study import Search
from summtune.tuning.driver import Driver
from tests.tuning.test_driver import worked

EPOCHS = 4

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 6
early_terminate: {type: asha, min_iter: 1, eta: 2}
settings: {training: {num_train_epochs: 4}, evaluation: {strategy: full}}
"""

REPEATED = SPACE + "seeds: [1, 2]\n"
LIMITED = SPACE + "budget: {epochs: 11}\n"
REPEATED_AND_LIMITED = SPACE.replace("run_cap: 6", "run_cap: 4") + "seeds: [1, 2]\nbudget: {epochs: 19}\n"
"""The budget ends while points are repeated."""

LESSON = Taught(
    "earlier",
    "/results/earlier",
    5,
    [
        {
            "of": f"{number:04d}",
            "params": {"training.learning_rate": rate},
            "state": state,
            "value": value,
            "values": [[1, value / 2], [2, value]],
            "excesses": {},
        }
        for number, (rate, state, value) in enumerate(
            [(2e-5, "PRUNED", 0.2), (1e-4, "COMPLETE", 0.5), (3e-4, "COMPLETE", 0.6), (9e-3, "PRUNED", 0.1)]
        )
    ],
    {"failed": 1},
)
"""Enough for the search to have no random points of its own."""

LOST = TrialFailure("worker_lost", "its node was lost")


class Crash(BaseException):
    """The driver's death. Nothing in the program may catch it."""


@dataclass(frozen=True)
class Moment:
    """When a driver dies: at its so-manieth event, before it is written, in the middle of that, or after it and before it is acted upon."""

    event: int
    where: Literal["before", "within", "after"] = "after"


class MortalLog(EventLog):
    """An event log whose process dies."""

    def __init__(self, path: Path, moment: Moment | None) -> None:
        super().__init__(path, clock=lambda: 1.0)
        self._left = moment.event if moment else None
        self._where = moment.where if moment else "before"

    def append(self, event: SomeEvent, *, sync: bool = True) -> SomeEvent:
        if self._left is None or self._left > 0:
            self._left = None if self._left is None else self._left - 1
            return super().append(event, sync=sync)
        if self._where == "within":
            line = as_line(replace(event, time=1.0), self._number + 1)
            self._stream.write(line[: len(line) // 2])
        elif self._where == "after":
            super().append(event)
        raise Crash


def make_run(folder: Path, space: str = SPACE, lessons: Sequence[Taught] = ()) -> tuple[RunPaths, Experiment]:
    """A run that has been opened, and not begun."""
    run = RunPaths(folder)
    folder.mkdir(parents=True)
    run.trials.mkdir()
    run.space.write_text(space, encoding="utf-8")
    experiment = load_experiment(run.space, environ={})
    log = EventLog(run.events, clock=lambda: 1.0)
    log.append(RunOpened("plain", "plain", experiment.to_record(), "results", []))
    for lesson in lessons:
        log.append(lesson)
    log.close()
    return run, experiment


def training(learning_rate: float, iteration: int) -> float:
    """The score of an evaluation."""
    distance = abs(math.log10(learning_rate) + 3.7)
    return round((1 - 0.5**iteration) / (1 + distance) + 0.05 * math.sin(99 * iteration * learning_rate), 6)


def score_at(trial: TrialState, iteration: int) -> float:
    return training(trial.point["training.learning_rate"] * (1 + 0.03 * (trial.seed or 0)), iteration)


def step(driver: Driver, trial: TrialState) -> bool:
    """A trial's next evaluation; whether it goes on."""
    iteration, score = trial.iteration + 1, score_at(trial, trial.iteration + 1)
    best = trial.best is None or score > trial.best.metrics["rouge_combined_f1"]
    checkpoint = worked(driver.run.trial(trial.id).attempt(trial.attempts), iteration, best=best)
    metrics = {"iteration": iteration, "epoch": float(iteration), "step": iteration * 10, "loss": 1.0, "rouge_combined_f1": score}
    return driver.report(Reported(trial.id, trial.attempts, iteration, metrics, checkpoint))


Look = Callable[[Driver], Any]


def play(
    driver: Driver, at_once: int = 1, choices: random.Random | None = None, look: Look = lambda driver: None, losses: float = 0.0
) -> None:
    """Work a run off, `at_once` trials at a time, which of them goes on next being chosen at random.

    Args:
        look: called after each step, when nothing is under way.
        losses: how probable it is that a trial's process is lost before its next evaluation.
    """
    choices = choices or random.Random(0)
    running: list[str] = []
    while True:
        while len(running) < at_once and isinstance(trial := driver.next_trial(), TrialState):
            driver.start(trial.id)
            running.append(trial.id)
            look(driver)
        if not running:
            break
        trial = driver.state.trials[choices.choice(running)]
        if losses and choices.random() < losses:
            driver.over(trial.id, LOST)
            running.remove(trial.id)
        elif trial.iteration >= EPOCHS or not step(driver, trial) or trial.iteration >= EPOCHS:
            driver.over(trial.id)
            running.remove(trial.id)
        look(driver)
    assert driver.complete
    driver.close("finished")


def play_through(
    run: RunPaths, experiment: Experiment, moments: Sequence[Moment] = (), look: Look = lambda driver: None, **how: Any
) -> RunState:
    """Play a run to its end through the deaths of its drivers; the state that it ends with."""
    for session, moment in enumerate([*moments, None]):
        state, _ = mended_run(run)
        if state.status == "finished":
            break
        log = MortalLog(run.events, moment)
        if session:
            state.apply(super(MortalLog, log).append(RunResumed(state.count, "rebuild", [])))
        try:
            play(Driver(run, experiment, log, state, lambda event, state: None), look=look, **how)
        except Crash:
            continue
        finally:
            log.close()
    return fold(read_events(run.events)[0])


def events_of(run: RunPaths, kind: type[Event]) -> list[Any]:
    return [event for event in read_events(run.events)[0] if isinstance(event, kind)]


def study_digest(search: Search) -> list[Any]:
    """All that a sampler could see of a study."""
    return [
        (one.number, one.state.name, one.params, one.values, one.intermediate_values, one.constraints) for one in search.study.get_trials()
    ]


def replayed(driver: Driver) -> tuple[RunState, list[Any]]:
    """State and study as they come out of the log alone."""
    state = fold(read_events(driver.run.events)[0])
    search = Search(
        driver.experiment.space, driver.experiment.method, maximize=True, seed=42, count=state.count, identity=driver.experiment.identity
    )
    search.replay(state)
    return state, study_digest(search)


def outcome(state: RunState) -> dict[str, Any]:
    """What a run decided and found, without how often it was interrupted."""
    trials = {
        trial.id: (
            trial.number,
            trial.point,
            trial.params,
            trial.status,
            [(report.iteration, report.metrics) for report in trial.reports],
            trial.verdict and (trial.verdict.rung, trial.verdict.score, trial.verdict.cutoff, trial.verdict.stop),
            (trial.repeats, trial.seed, trial.halted, trial.cause, trial.message),
        )
        for trial in state.trials.values()
    }
    best = standings.best(state)
    return {
        "trials": trials,
        "rungs": state.rungs,
        "best": best.id if best else None,
        "ranking": [one.id for one in standings.ranking(state)],
        "ended": (state.search_ended, state.unimproved, state.unbeaten, state.spent.epochs),
    }
