"""What a person sees of a live run: a table that renews itself on a terminal, plain lines elsewhere, and a summary at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from summtune.cli.event_lines import event_line
from summtune.config.experiment import Experiment
from summtune.events import standings
from summtune.events.copies import copied_from
from summtune.events.fold import RunState
from summtune.events.kinds import Event, Reported, TrialStarted
from summtune.paths import RunPaths
from summtune.reporting.leaderboard import Figures, Row, figures, rows
from summtune.reporting.views import absent_model, best_model, last_iterations, most_trials, shown_path
from summtune.reporting.wording import (
    decoding_texts,
    ending_texts,
    failure_texts,
    front_texts,
    point_text,
    proxy_texts,
    retried_texts,
    retries_text,
    seeds_texts,
    value_text,
    warm_start_texts,
)
from summtune.search.trial_length import last_iteration

MOST_SHARE = 0.05
"""Of the driver's time, what showing a run may take."""

QUICK_S = 0.01
"""What takes no longer than this is done at every event."""

MAX_ROWS = 15
"""Rows of the live table: what fits on most screens beside the summary."""

STYLES = {"finished": "green", "stopped": "yellow", "failed": "red", "running": "cyan", "paused": "yellow"}


WITHOUT_END = 100_000
"""Columns of what is no terminal: nothing there is broken, or cut with "…"."""


def stream_console(*, err: bool = False) -> Console:
    """A console on standard output or standard error. Where that is no terminal, lines are never broken: people grep them.

    What stands in brackets or between colons is people's own ("[INST] {dialogue} [/INST]"), and never rich's markup.
    """
    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=None if stream.isatty() else WITHOUT_END)


class Screen:
    """Shows a live run. Use as a context manager.

    Args:
        console: where to; a live table only where it is a terminal.
        hint: what Ctrl-C does.
        clock: seconds, from any beginning.
    """

    def __init__(
        self, console: Console, *, hint: str = "Ctrl-C stops, and can be resumed", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console
        self._hint = hint
        self._clock = clock
        self._live: Live | None = None
        self._count = self._ended = 0
        self._table = Table()
        self._rest = ""
        self._lasts: dict[str, int] = {}
        self._experiment: Experiment | None = None
        self._began = clock()
        self._next_picture = 0.0

    def say(self, line: str = "") -> None:
        """One line, above the live table where there is one."""
        self.console.print(Text(line), soft_wrap=True)  # long notices are a line, too: people grep them

    def begin(self, state: RunState, since: float | None = None) -> None:
        """Begin to show trials.

        Args:
            state: of the run.
            since: when that was, by the clock, where the run had begun before it is shown.
        """
        self._began = self._began if since is None else since
        for trial_id in state.trials:
            self._last(trial_id, state)
        self._count = most_trials(state)
        self._ended = state.ended_points
        self._picture(state)
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._render, console=self.console, refresh_per_second=2, transient=True)
            self._live.start()

    def print_table(self) -> None:
        """The table as it is, once: where no live one tells what came before the first line."""
        self.console.print(self._render())

    def end(self) -> None:
        """Take the live table away; what was said stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def event(self, event: Event, state: RunState) -> None:
        """Take notice of an event."""
        line = event_line(event, state, self._last(getattr(event, "trial", ""), state))
        self._ended = state.ended_points
        if self._live is not None and time.monotonic() >= self._next_picture:
            self._picture(state)
        if line and not (self._live is not None and isinstance(event, (Reported, TrialStarted))):
            self.say(line)

    def _last(self, trial_id: str, state: RunState) -> int:
        """The evaluations that a trial was meant to make."""
        if trial_id in state.trials and trial_id not in self._lasts:
            if self._experiment is None:
                assert state.opened is not None, "it has trials"
                self._experiment = Experiment.from_record(state.opened.experiment)
            self._lasts[trial_id] = last_iteration(state, self._experiment, state.trials[trial_id])
        return self._lasts.get(trial_id, 0)

    def _picture(self, state: RunState) -> None:
        """Make the table now, in the thread that changes the state; the one that draws it only reads what was made.

        It takes the longer the more trials there are: unless it is quick, the next one waits until this one's time is a small share.
        """
        began = time.monotonic()
        shown = rows(state)
        self._rest = f"  … and {len(shown) - MAX_ROWS} more" if len(shown) > MAX_ROWS else ""
        self._table = leaderboard(shown[:MAX_ROWS], state, self._lasts)
        took = time.monotonic() - began
        self._next_picture = began + (took / MOST_SHARE if took > QUICK_S else 0.0)

    def _render(self) -> Group:
        progress = f"{self._ended}/{self._count} trials, {duration(self._clock() - self._began)}{self._rest}"
        return Group(self._table, Text(f"{progress}   ({self._hint})", style="dim"))


def leaderboard(shown: list[Row], state: RunState, lasts: Mapping[str, int]) -> Table:
    """The table of trials; the best is marked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", width=1)
    for name in ("trial", "status"):
        table.add_column(name, no_wrap=True)
    decoded = any(trial.decoded for trial in state.trials.values())
    further = [aim.name for aim in state.objectives[1:]]
    scores = [*(["proxy"] if state.by_proxy else []), *(["as trained"] if decoded else []), state.objective]
    others = [name for one in further for name in (*([f"{one} (proxy)"] if state.by_proxy else []), one)]
    for name in ("epoch", *scores, *others):
        table.add_column(name, justify="right", no_wrap=True)
    if further:
        table.add_column("front")
    if state.repetitions:
        table.add_column("mean ± spread", justify="right", no_wrap=True)
    keys = list(dict.fromkeys(key for trial in state.trials.values() for key in trial.point))
    for key in keys:
        table.add_column(key.rpartition(".")[2], justify="right")
    for row in shown:
        table.add_row(
            "*" if row.best else "",
            f"{row.trial} baseline" if row.baseline else row.trial,
            Text(status_text(row), style=STYLES.get(row.status, "")),
            f"{row.iteration}/{lasts[row.trial]}" if row.trial in lasts else str(row.iteration),
            *([_number(row.score)] if state.by_proxy else []),
            *([_number(row.own_score)] if decoded else []),
            _number(row.full_score),
            *(text for one in further for text in (*([_short(row.cheap.get(one))] if state.by_proxy else []), _short(row.full.get(one)))),
            *(["on it" if row.front else ""] if further else []),
            *([_mean(row)] if state.repetitions else []),
            *(value_text(row.point.get(key)) for key in keys),
            style="bold" if row.best else "",
        )
    return table


def _mean(row: Row) -> str:
    """Of a point's seeds, with their spread and their number."""
    return "" if row.mean is None or row.spread is None else f"{row.mean:.4f} ± {row.spread:.4f} ({row.seeds})"


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.4f}"


def _short(value: float | None) -> str:
    """Of any unit."""
    return "–" if value is None else f"{value:.4g}"


def status_text(row: Row) -> str:
    """The status, with a failure's cause, or that the trial is beyond a limit; and how often it was tried again."""
    status = f"{row.status}, infeasible" if row.beyond else f"{row.status}: {row.cause}" if row.cause else row.status
    return f"{status}, {retries_text(row.retries)}" if row.retries else status


def print_summary(console: Console, run: RunPaths, state: RunState) -> None:
    """The end of a run: leaderboard, the best beside the baseline, failures, time spent and saved, the best model's path."""
    lasts = last_iterations(state)
    console.print()
    console.print(leaderboard(rows(state), state, lasts))
    console.print()
    for line in summary_lines(run, state, figures(state, lasts, most_trials(state))):
        console.print(Text(line), soft_wrap=True)


def summary_lines(run: RunPaths, state: RunState, found: Figures) -> list[str]:
    """What is to be known of a run, a line each."""
    lines = []
    best, baseline = standings.best(state), state.baseline
    if best is not None and found.best is not None:
        cheap = " by proxy, not evaluated in full" if found.evaluations == "proxy" else ""
        first = " (the first objective)" if len(state.objectives) > 1 else ""
        lines.append(f"Best      {state.objective}{first} {found.best:.4f}{cheap}: trial {best.id}, {point_text(best.point)}")
    elif infeasible := standings.infeasible(state):
        least = infeasible[0]
        lines.append("Best      none: every trial is beyond a limit, and none of them is the best.")
        lines.append(f"          Least violating: trial {least.id}, {point_text(least.point)}")
    lines += [f"{'' if number else 'Front':<10}{text}" for number, text in enumerate(front_texts(state))]
    lines += [f"Beyond    {trial.id}: {'; '.join(map(str, state.violations(trial)))}" for trial in standings.infeasible(state)[:MAX_ROWS]]
    if found.baseline is not None and found.best is not None:
        gain = found.best - found.baseline
        same = best is baseline and baseline is not None and standings.model_of(state, baseline).decoding is None
        told = "the baseline itself is the best" if same else f"the best is {gain:+.4f} against it"
        lines.append(f"Baseline  {state.objective} {found.baseline:.4f}: {told}")
    lines += [f"{'' if number else 'Seeds':<10}{text}" for number, text in enumerate(seeds_texts(state, found))]
    lines += [f"Decoding  {text}" for text in decoding_texts(state)]
    lines += [f"{'' if number else 'Proxy':<10}{text}" for number, text in enumerate(proxy_texts(found.faithfulness))]
    most = most_trials(state)
    asked = str(found.total) if found.total == most or state.status == "finished" else f"{found.total} of {most}"
    beyond = f", {found.infeasible} of them infeasible" if found.infeasible else ""
    unfinished = f", {found.unfinished} unfinished" if found.unfinished else ""
    ended = f"{found.finished} finished, {found.stopped} stopped early, {found.failed} failed"
    lines.append(f"Trials    {asked}: {ended}{beyond}{unfinished}")
    lines += [f"          {text}" for text in failure_texts(state)]
    lines += [f"Retried   {text}" for text in retried_texts(state)]
    lines += [f"Failed    {state.reason}"] if state.status == "failed" and state.reason else []
    lines += [f"{'' if number else 'Taught by':<10}{text}" for number, text in enumerate(warm_start_texts(state))]
    lines += [f"Ended     {text}" for text in ending_texts(state, found)]
    share = found.iterations_saved / max(1, found.iterations_saved + found.iterations_spent)
    saved = f"{found.iterations_saved} ({share:.0%}) saved by early stopping"
    lines.append(f"Time      {duration(found.seconds)}; {found.iterations_spent} evaluations made, {saved}")
    lines += [f"Note      {note}" for note in state.notes]
    model = best_model(run, state)
    if model is not None:
        lines.append(f"Model     {_reachable(run, state, model.best_model)}")
    elif (absent := absent_model(run, state)) is not None:
        copied = copied_from(run)
        brought = f"; `{copied.how_to_pull} --model` brings it" if copied is not None else ""
        lines.append(f"Model     of the best, trial {absent[0]}: {absent[1]} is not there{brought}")
    lines.append(f"Report    {_reachable(run, state, run.report)}")
    return lines


def _reachable(run: RunPaths, state: RunState, path: Path) -> str:
    """The path as people here can type it: as the run was started, or where it lies now if it was moved."""
    shown = Path(shown_path(run, state, path))
    return str(shown) if shown.exists() and shown.resolve() == path.resolve() else str(path)


def duration(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
