"""What `run` and `resume` share: a run on the screen, its result files kept up to date, and the words at its end."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summtune.cli.main import error_record, report_error
from summtune.cli.next_step import after, go_on, predict_command
from summtune.cli.screen import Screen, print_summary
from summtune.config.description import COLUMN, summary_lines
from summtune.config.experiment import Experiment
from summtune.errors import Interrupted, NothingUsable, SummtuneError
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Ended, Event, RunClosed
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import write_views
from summtune.run_folders import run_title

if TYPE_CHECKING:
    from summtune.tuning.drive import Opened, Witness

REFRESH_S = 10.0
"""Least time between two rewritings of the result files while trials end quickly; the end of the run always writes them."""

MOST_SHARE = 0.05
"""Of the driver's time, what these rewritings may take: they take the longer the more trials there are."""

_FOLDER = "folder"


class LiveRun:
    """Follows one run from its opening to its end.

    Args:
        screen: where to show it.
        run: the run, where it exists already.
    """

    def __init__(self, screen: Screen, run: RunPaths | None = None) -> None:
        self.screen = screen
        self.run = run
        self._next_writing = 0.0

    def witness(self) -> Witness:
        """What a run is given to report to."""
        from summtune.tuning.drive import Witness  # ray and torch: only once a run is about to start

        return Witness(self.opened, self.event, self.stopping, self.screen.say)

    def opened(self, opened: Opened) -> None:
        """Say which run, where, on what, over what space."""
        self.run = opened.run
        experiment, state = opened.experiment, opened.state
        verb = "Decoding" if opened.resumed == "decode" else f"Resuming ({opened.resumed})" if opened.resumed else "Run"
        say = self.screen.say
        say(f"{verb} {opened.run.folder.name}")
        say(f"  {_FOLDER:<{COLUMN}}{opened.run.folder}")
        if opened.storage:
            say(f"  {'storage':<{COLUMN}}{opened.storage}")
        gpus = f", {opened.allotment.gpus:g} GPU" if opened.allotment.gpus else ", no GPU"
        at_once = f"{opened.concurrency} trial{'s' if opened.concurrency != 1 else ''} at once"
        workers = f", for {opened.allotment.workers} workers" if opened.allotment.workers > 1 else ""
        say(f"  {'hardware':<{COLUMN}}{at_once}, each with {opened.allotment.cpus:g} CPU{gpus}{workers}")
        if opened.dashboard:
            say(f"  {'dashboard':<{COLUMN}}{opened.dashboard}")
        for line in summary_lines(experiment):
            say(f"  {line}")
        for notice in opened.notices:
            say(f"  note: {notice}")
        say()
        write_views(opened.run, state)
        self.screen.begin(state)

    def event(self, event: Event, state: RunState) -> None:
        """Show an event, and renew the result files when a trial or the run has ended."""
        self.screen.event(event, state)
        began = time.monotonic()
        ended = isinstance(event, Ended) and began >= self._next_writing
        if self.run is not None and (ended or isinstance(event, RunClosed)):
            write_views(self.run, state)
            write_study(self.run, state)
            write_page(self.run, state)
            now = time.monotonic()
            self._next_writing = now + max(REFRESH_S, (now - began) / MOST_SHARE)

    def stopping(self) -> None:
        """A person pressed Ctrl-C."""
        self.screen.say("Stopping: writing everything down (Ctrl-C again stops at once).")

    def finish(self) -> dict[str, Any]:
        """Show the summary and the next command, and return it as JSON-able values.

        Raises:
            NothingUsable: no trial has a score.
        """
        self.screen.end()
        assert self.run is not None
        state, _ = read_run(self.run)
        print_summary(self.screen.console, self.run, state)
        title = run_title(self.run.folder)
        if standings.best(state) is None and standings.infeasible(state):
            least = standings.infeasible(state)[0]
            folder = self.run.trial(least.id).best_model
            raise NothingUsable(f"Every trial of {title} is beyond a limit. The least violating is {least.id}; its model: {folder}.")
        if standings.best(state) is None:
            kind = "full score" if standings.candidates(state) else "score"
            raise NothingUsable(f"No trial of {title} has a {kind}. The causes are above; logs lie in {self.run.trials}.")
        self.screen.say()
        assert state.opened is not None
        settings = Experiment.from_record(state.opened.experiment).base.settings
        self.screen.say(f"Next      {after(self.run, settings)}")
        others = [point.id for point in standings.front(state) if point is not standings.best(state)]
        if others:
            self.screen.say(f"          {predict_command(self.run, settings)} --trial {others[-1]}    (or another of the front)")
        summary: dict[str, Any] = json.loads(self.run.summary.read_text(encoding="utf-8"))
        return {**self.where(), **summary}

    def ended_by(self, error: SummtuneError) -> dict[str, Any]:
        """Say what ended it before its time, and return that as JSON-able values, with how to find the run where there is one."""
        if isinstance(error, Interrupted):
            self._interrupted()
        else:
            self.screen.end()
            report_error(error)
        return {**error_record(error), **self.where()}

    def where(self) -> dict[str, str]:
        """The run's name and folder; nothing before there is one."""
        return {} if self.run is None else {"run": self.run.folder.name, "folder": str(self.run.folder)}

    def _interrupted(self) -> None:
        """Say how to go on; where the run was let end in good order, what it has come to, too."""
        self.screen.end()
        if self.run is not None:
            state, _ = read_run(self.run)
            if state.stop == "finishing":
                print_summary(self.screen.console, self.run, state)
                self.screen.say()
            self.screen.say(f"Stopped. Nothing is lost; go on with:  {go_on(self.run)}")


def command_line() -> list[str]:
    """What a person typed, as the run directory records it."""
    return ["summtune", *sys.argv[1:]]


def told_of(log: str) -> Path | None:
    """The folder of the last run that a log of `run` or `resume` says was opened; None where it says of none."""
    found = re.findall(rf"^  {_FOLDER:<{COLUMN}}(/.+)$", log, re.MULTILINE)
    return Path(found[-1]) if found else None
