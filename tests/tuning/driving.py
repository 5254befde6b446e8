"""Drivers without Ray, for tests that play its part."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from summtune.config.experiment import load_experiment
from summtune.events.fold import fold
from summtune.events.kinds import RunOpened, RunResumed
from summtune.events.log import EventLog, read_events
from summtune.paths import RunPaths
from summtune.tuning.driver import Driver


def open_driver(
    folder: Path, space: str, *, clock: Callable[[], float] = time.time, gpus: float = 0.0, resumed: RunResumed | None = None
) -> tuple[Driver, EventLog]:
    """A driver of a new run in `folder`, or of the one that lies there already, and its open log.

    Args:
        folder: of the run.
        space: its search space.
        clock: gives the times of events.
        gpus: of a trial's allotment.
        resumed: what the log says of the resumption first.
    """
    run = RunPaths(folder)
    folder.mkdir(exist_ok=True)
    run.space.write_text(space, encoding="utf-8")
    experiment = load_experiment(run.space, environ={})
    log = EventLog(run.events, clock)
    if not read_events(run.events)[0]:
        log.append(RunOpened(folder.name, "plain", experiment.to_record(), "results", []))
    if resumed is not None:
        log.append(resumed)
    return Driver(run, experiment, log, fold(read_events(run.events)[0]), lambda event, state: None, gpus=gpus), log
