"""Opens a run's log, and writes what can be kept of a damaged one anew; the damaged one stays beside it, as it was.

Only the run's driver mends; readers leave the log alone, and say what they could not read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from summtune import durable
from summtune.errors import Problem, RunMistake
from summtune.events.fold import RunState, fold
from summtune.events.kinds import BASELINE_ID, Event, PointDrawn, RunOpened, Salvaged, is_trial_id
from summtune.events.log import Reading, as_line, read_events, read_log, warnings_of
from summtune.events.salvage import Fault
from summtune.paths import RunPaths

MOST = 50
"""Faults that are named one by one."""


def read_run(run: RunPaths) -> tuple[RunState, list[str]]:
    """A run's state as its event log tells it, with warnings about the log.

    Raises:
        RunMistake: the log can't be read, or does not say what the run was asked to do.
    """
    events, warnings = read_events(run.events)
    _check_opening(run, events)
    return fold(events), warnings


def mended_run(run: RunPaths) -> tuple[RunState, list[str]]:
    """The same, for the run's driver: a damaged log is replaced by one that holds what could be kept.

    Raises:
        RunMistake: as above.
        OSError: the new log can't be written; the old one is as it was.
    """
    reading = read_log(run.events)
    _check_opening(run, reading.events)
    state = fold(reading.events)
    faults = [*reading.faults, *_strays(run, reading, state.lost)]
    if not faults:
        return state, warnings_of(run.events, reading)
    copy = run.damaged_events()
    try:
        os.link(run.events, copy)
    except OSError:  # not every file system has links
        shutil.copy2(run.events, copy)
    salvaged = _salvaged(run, reading.events, state, faults, copy.name)
    kept = [*reading.events, salvaged]
    durable.write_bytes(run.events, b"".join(as_line(event, number) for number, event in enumerate(kept, start=1)))
    durable.sync_folder(run.folder)
    head = f"The event log was damaged in {len(faults)} place{'s' if len(faults) > 1 else ''}; as it was it lies in {copy}."
    return fold(kept), [head, *salvaged.texts]


def _check_opening(run: RunPaths, events: Sequence[Event]) -> None:
    if events and isinstance(events[0], RunOpened):
        return
    if not events and b"\n" not in run.events.read_bytes():  # killed while it wrote its first line
        reason = "the run was never opened: its event log is empty."
        raise RunMistake(Problem(reason, "Start it again with `summtune run`.", file=str(run.events)))
    reason = "the first line of the event log, which says what the run was asked to do, is damaged or missing."
    remedy = "Restore the file from a copy. Without one the run can't go on: what its trials left lies in "
    remedy += f"{run.trials}, and `summtune run {run.space}` starts the search again."
    raise RunMistake(Problem(reason, remedy, file=str(run.events)))


def _drawn(events: Sequence[Event]) -> set[str]:
    return {event.trial for event in events if isinstance(event, PointDrawn)}


def _strays(run: RunPaths, reading: Reading, lost: Iterable[str]) -> list[Fault]:
    """Trials that have a folder, and of which the log has not a word: it must have lost its end."""
    heard_of = {fault.trial for fault in reading.faults} | _drawn(reading.events) | set(lost)
    folders = sorted(folder.name for folder in run.trials.iterdir()) if run.trials.is_dir() else []
    line = len(reading.events) + len(reading.faults) + 1
    return [
        Fault(line, f"the log has lost its end, since {name} was drawn after it", name, drawing=True)
        for name in folders
        if is_trial_id(name) and name not in heard_of
    ]


def _untaught(state: RunState) -> list[str]:
    """Folders of the earlier runs that the search was to learn from, and of which the log says nothing."""
    asked = state.opened.experiment.get("warm_start", ()) if state.opened is not None else ()
    return [folder for folder in asked if folder not in {lesson.folder for lesson in state.taught}]


def _salvaged(run: RunPaths, events: Sequence[Event], state: RunState, faults: Sequence[Fault], copy: str) -> Salvaged:
    """What to say of a damaged log, and which trials' numbers must not be given again."""
    drawn = _drawn(events)
    lost = sorted({fault.trial for fault in faults if fault.drawing and is_trial_id(fault.trial)} - drawn)
    texts = [f"Event log, line {fault.line}: {fault.text}." for fault in faults[:MOST]]
    begun = bool(state.trials or lost)  # before that the earlier runs are asked again
    texts += [f"What {Path(folder).name} taught the search is lost: it goes on without." for folder in _untaught(state) if begun]
    if len(faults) > MOST:
        texts.append(f"Event log: {len(faults) - MOST} more places; the damaged log is {copy}.")
    for trial_id in sorted({fault.trial for fault in faults if fault.trial in drawn}):
        goes_on = "keeps what is left of it" if state.trials[trial_id].over else "goes on from its last whole checkpoint"
        texts.append(f"Trial {trial_id} has lost a part of its record, and {goes_on}.")
    for trial_id in lost:
        if trial_id == BASELINE_ID:
            texts.append(f"Trial {trial_id}: that it was begun is lost; the baseline is trained again.")
            continue
        if not trial_id.isdecimal():
            texts.append(f"Trial {trial_id}: that it was begun is lost; it counts for nothing unless it is trained again.")
            continue
        path = run.trial(trial_id).folder
        folder = f"its folder {path} is left alone" if path.is_dir() else "it has no folder"
        texts.append(f"Trial {trial_id}: that it was drawn is lost. It counts for nothing, and {folder}; another is drawn in its place.")
    if any(not fault.trial for fault in faults):
        texts.append("What some of the lines were about can't be told: more trials may have lost an evaluation or a verdict.")
    return Salvaged(copy, texts, lost, time=events[-1].time)
