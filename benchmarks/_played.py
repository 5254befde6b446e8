"""Plays Ray Tune's part for a run's driver, without actors: what an event costs in the driver itself, by how many trials there are."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from benchmarks._trivial import REPORTS, evaluated, resident_mb
from summtune.config.experiment import load_experiment
from summtune.events.fold import RunState
from summtune.events.kinds import Reported, RunOpened
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.reporting.leaderboard import rows
from summtune.tuning.driver import Driver

EVENTS = REPORTS + 5
"""Of a trial: drawn, started, its reports, ended, told, promoted."""

SPACE = """
name: played
method: random
baseline: false
parameters: {{learning_rate: {{distribution: log_uniform_values, min: 1e-5, max: 1e-2}}}}
run_cap: {trials}
early_terminate: none
settings: {{training: {{num_train_epochs: {reports}}}, evaluation: {{strategy: full}}}}
"""


@dataclass(frozen=True)
class Played:
    """What a played run took.

    Attributes:
        per_event_us: CPU of the driver to an event, by number of finished trials, over the second half of them, 500 trials at most.
        megabytes: of memory, by number of finished trials, beyond those at the beginning.
        opening_s: to read and fold its log again, and to rebuild the study.
        showing_s: to make the rows of its leaderboard.
        log_mb: size of its event log.
    """

    per_event_us: dict[int, float]
    megabytes: dict[int, float]
    opening_s: float
    showing_s: float
    log_mb: float


def played(trials: int, looks: tuple[int, ...]) -> Played:
    """Work a run off. Syncs are left out: what they take is the disk's, and always the same."""
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder, mock.patch("os.fsync", return_value=None):
        run = RunPaths(Path(folder) / "run")
        run.trials.mkdir(parents=True)
        run.space.write_text(SPACE.format(trials=trials, reports=REPORTS), encoding="utf-8")
        experiment = load_experiment(run.space, environ={})
        log, state = EventLog(run.events), RunState()
        state.apply(log.append(RunOpened("run", "played", experiment.to_record(), "results", [])))
        driver = Driver(run, experiment, log, state, lambda event, state: None)
        before, per_event, memory = resident_mb(), dict[int, float](), dict[int, float]()
        began, finished, since = time.process_time(), 0, 0
        begins = {look - min(look // 2, 500) for look in looks}
        while isinstance(trial := driver.next_trial(), TrialState):
            settings = driver.start(trial.id)
            for iteration in range(1, REPORTS + 1):
                driver.report(
                    Reported(
                        trial.id, trial.attempts, iteration, evaluated(settings.training.learning_rate, iteration), None, pid=os.getpid()
                    )
                )
            driver.over(trial.id)
            finished += 1
            if finished in begins:
                began, since = time.process_time(), finished
            if finished in looks:
                per_event[finished] = 1e6 * (time.process_time() - began) / ((finished - since) * EVENTS)
                memory[finished] = resident_mb() - before
        driver.close("finished")
        log.close()
        began = time.process_time()
        again, _ = mended_run(run)
        log = EventLog(run.events)
        Driver(run, experiment, log, again, lambda event, state: None)
        opening = time.process_time() - began
        log.close()
        began = time.process_time()
        rows(again)
        return Played(per_event, memory, opening, time.process_time() - began, run.events.stat().st_size / 2**20)
