"""A run in a line, read cheaply: from the summary where the run was closed and the summary is of then, else from its event log."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any, Literal

from summtune.errors import RunMistake
from summtune.events import standings
from summtune.events.copies import copied_from
from summtune.events.fold import RunState
from summtune.events.kinds import RunClosed
from summtune.events.log import last_event
from summtune.events.mending import read_run
from summtune.paths import RunPaths

Status = Literal["running", "crashed", "interrupted", "failed", "finished", "unreadable", "copy"]

_NEXT: dict[str, str] = {
    "running": "show",
    "crashed": "resume",
    "interrupted": "resume",
    "failed": "resume",
    "finished": "show",
    "copy": "show",
}


@dataclass(frozen=True)
class Overview:
    """A run in a line.

    Attributes:
        run: its folder's name.
        status: crashed means that its driver died; unreadable, that the log does not say what was asked; copy, that a run was pulled here
            that had not ended.
        ended, asked: trials, without the baseline.
        best: the best score, by `evaluation` (full or proxy).
        idle_s: seconds since its last event.
        next_verb: what to type next.
        notes: what is wrong with the run's files.
    """

    run: str
    folder: str
    status: Status
    ended: int | None = None
    asked: int | None = None
    objective: str | None = None
    best: float | None = None
    evaluation: str | None = None
    idle_s: float | None = None
    next_verb: str = ""
    notes: tuple[str, ...] = ()


def overview(run: RunPaths, *, live: bool) -> Overview:
    """A run in a line.

    Args:
        run: its directory.
        live: whether a driver has it.
    """
    idle = max(0.0, time.time() - run.events.stat().st_mtime)
    if not live and (closed := last_event(run.events)) is not None and isinstance(closed, RunClosed):
        found = _by_summary(run, closed, idle)
        if found is not None:
            return found
    try:
        state, warnings = read_run(run)
    except RunMistake as mistake:
        return Overview(run.folder.name, str(run.folder), "unreadable", idle_s=idle, notes=(str(mistake),))
    if state.status == "running" and copied_from(run) is not None:
        return _by_state(run, state, "copy", idle, tuple(warnings))
    status: Status = "running" if live else "crashed" if state.status == "running" else state.status  # type: ignore[assignment]  # a plain string there
    return _by_state(run, state, status, idle, tuple(warnings))


def _by_state(run: RunPaths, state: RunState, status: Status, idle: float, notes: tuple[str, ...]) -> Overview:
    best = standings.best(state)
    evaluation, score = standings.shown_score(state, best) if best is not None else (None, None)
    return Overview(
        run.folder.name,
        str(run.folder),
        status,
        ended=sum(trial.over for trial in state.searched),
        asked=state.count,
        objective=state.objective,
        best=score,
        evaluation=evaluation,
        idle_s=idle,
        next_verb=_NEXT[status],
        notes=notes,
    )


def _by_summary(run: RunPaths, closed: RunClosed, idle: float) -> Overview | None:
    """The same without the log; None where the summary is not there, or older than the log's end."""
    try:
        if os.stat(run.summary).st_mtime_ns < os.stat(run.events).st_mtime_ns:
            return None
        summary: dict[str, Any] = json.loads(run.summary.read_text(encoding="utf-8"))
        info: dict[str, Any] = json.loads(run.info.read_text(encoding="utf-8"))
        objective = str(summary["objective"])
        return Overview(
            run.folder.name,
            str(run.folder),
            closed.status,  # type: ignore[arg-type]  # a plain string there
            ended=summary["finished"] + summary["stopped"] + summary["failed"],
            asked=info["count"],
            objective=objective,
            best=summary[f"best_{objective}"],
            evaluation=summary["evaluation"] if summary["best_run_id"] is not None else None,
            idle_s=idle,
            next_verb=_NEXT[closed.status],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
