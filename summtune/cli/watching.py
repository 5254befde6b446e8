"""A run that another process drives, on the screen of whoever wants to see it: from its event log, and its lock.

It changes nothing in the run's folder. How the log is read it must not know (`events/following.py`).
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import typer

from summtune.cli.next_step import called, command
from summtune.cli.screen import Screen, print_summary, stream_console
from summtune.errors import Interrupted, NothingUsable, SurroundingsFailure
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.following import Follower, News
from summtune.events.kinds import Event, RunClosed, RunOpened, RunResumed
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.views import most_trials

if TYPE_CHECKING:
    from summtune.tuning.lock import Holder

POLL_S = 0.5
LOCK_EVERY_S = 2.0
"""Between two looks at the lock while nothing is written: a look takes it, for a moment."""

_HINT = "Ctrl-C ends the showing, not the run"


def watch(run: RunPaths, *, as_json: bool) -> int:
    """Show the run until it is left or ends; where its driver died, until another goes on with it and that ends.

    Returns:
        The exit code that stands for how it ended; 130 where the showing was ended.

    Raises:
        RunMistake: its event log doesn't say what the run was asked to do.
    """
    read_run(run)  # which says what is wrong where it can't be shown
    shown: _Records | _Watched = _Records() if as_json else _Watched(run)
    follower = Follower(run.events)
    next_look = 0.0
    try:
        while True:
            shown.take(follower.news())
            over = shown.state.status != "running"
            if over or time.monotonic() >= next_look:
                driver = _driver(run)
                next_look = time.monotonic() + LOCK_EVERY_S
                last = follower.news()  # what a driver wrote before it let go
                shown.take(last)
                if not last.events and driver is None and over:
                    break
                if not last.events:
                    shown.left(driver)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        shown.end()
        if _driver(run) is not None:
            print(f"\nThe run goes on. It is stopped by:  {command('stop', called(run))}", file=sys.stderr)
        return Interrupted.exit_code
    finally:
        shown.end()
    shown.finish()
    return exit_code(shown.state)


def exit_code(state: RunState) -> int:
    """What the process that drove a run to this state ended with."""
    from summtune.tuning.retries import alike_from_the_first

    if state.status == "interrupted":
        return Interrupted.exit_code
    if state.status == "failed" and not alike_from_the_first(state):
        return SurroundingsFailure.exit_code
    return 0 if standings.best(state) is not None else NothingUsable.exit_code


def _driver(run: RunPaths) -> Holder | None:
    from summtune.tuning.lock import driver

    return driver(run.lock)


class _Records:
    """The event log's own records, a line each, for programs."""

    def __init__(self) -> None:
        self.state = RunState()

    def take(self, news: News) -> None:
        self.state = RunState() if news.anew else self.state
        for event in news.events:
            self.state.apply(event)
            typer.echo(json.dumps(event.to_record(), ensure_ascii=False))
        for fault in news.faults:
            typer.echo(f"note: line {fault.line}: {fault.text}", err=True)

    def left(self, driver: Holder | None) -> None:
        """Nothing to say: the log does."""

    def end(self) -> None:
        """Nothing was begun."""

    def finish(self) -> None:
        """Nothing to add."""


class _Watched:
    """The run on the screen."""

    def __init__(self, run: RunPaths) -> None:
        self.state = RunState()
        self._run = run
        self._screen = Screen(stream_console(), hint=_HINT, clock=time.time)
        self._began = self._began_live = False
        self._since = 0.0
        self._driver: str | None = None

    def take(self, news: News) -> None:
        """Show what is new. What had happened before it was looked at is a table, and no lines."""
        if news.anew:
            self._screen.end()
            self.state, self._began = RunState(), False
        for fault in news.faults:
            self._screen.say(f"note: {self._run.events}:{fault.line}: {fault.text}")
        for event in news.events:
            self.state.apply(event)
            self._since = event.time if isinstance(event, (RunOpened, RunResumed)) else self._since
            if self._began:
                self._show(event)
        if not self._began and self.state.opened is not None:
            self._begin()

    def _begin(self) -> None:
        self._began = True
        driver = _driver(self._run)
        if driver is not None or self.state.status == "running":  # another is shown at once with its summary
            self._screen.say(f"{self._run.folder.name}: {self.state.ended_points}/{most_trials(self.state)} trials")
            self.left(driver)
            self._screen.say()
            self._screen.begin(self.state, self._since)
            self._began_live = True
            if not self._screen.console.is_terminal and self.state.trials:
                self._screen.print_table()

    def _show(self, event: Event) -> None:
        match event:
            case RunResumed():
                self._screen.end()
                self._screen.say(f"Resumed ({event.way}), to {most_trials(self.state)} trials.")
                self._screen.begin(self.state, self._since)
            case RunClosed():
                self._screen.say(f"{event.status}: {event.reason}" if event.reason else event.status)
            case _:
                self._screen.event(event, self.state)

    def left(self, driver: Holder | None) -> None:
        """Say who drives the run, where that is another than before."""
        now = f"{driver.pid} on {driver.host}" if driver else ""
        if now == self._driver or (driver is None and self.state.status != "running"):
            return
        self._driver = now
        if driver is not None:
            self._screen.say(f"driven by {driver}")
            return
        go_on = command("resume", called(self._run))
        self._screen.say(f"Nobody drives it: its driver died. It is waited for; `{go_on}` goes on with it.")

    def end(self) -> None:
        self._screen.end()

    def finish(self) -> None:
        """The summary, and the next command."""
        console = self._screen.console
        if not self._began_live:
            console.print(f"{self._run.folder.name}: {self.state.status}")
        print_summary(console, self._run, self.state)
        if self.state.status != "finished":
            console.print(f"\nNext      {command('resume', called(self._run))}")
