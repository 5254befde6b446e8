"""What the screen says of a run, with and without a terminal."""

from __future__ import annotations

import io
import sys
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from summtune.cli.event_lines import event_line
from summtune.cli.main import main
from summtune.cli.screen import Screen, duration, stream_console, summary_lines
from summtune.config.experiment import load_experiment
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Ended, Noted, PointDrawn, Reported, Retried, RunOpened, TrialStarted
from summtune.events.log import EventLog, read_events
from summtune.paths import RunPaths
from summtune.reporting.leaderboard import figures
from summtune.reporting.views import most_trials
from summtune.reporting.wording import value_text
from summtune.run_folders import create_run
from tests.reporting.test_views import recorded


def played(tmp_path: Path, *, terminal: bool) -> str:
    """A recorded run played through the screen."""
    text = io.StringIO()
    screen = Screen(Console(file=text, force_terminal=terminal, width=140, highlight=False))
    state = RunState()
    events, _ = read_events(recorded(tmp_path).events)
    state.apply(events[0])
    screen.begin(state)
    for event in events[1:]:
        state.apply(event)
        screen.event(event, state)
    screen.end()
    return text.getvalue()


def test_without_a_terminal_each_event_worth_knowing_is_a_plain_line(tmp_path: Path) -> None:
    text = played(tmp_path, terminal=False)
    assert "\x1b" not in text
    assert text.splitlines() == [
        "0000  baseline: the base's own settings",
        "0000  1/4  rouge_combined_f1 0.3000  loss 2.000  * best so far",
        "0000  2/4  rouge_combined_f1 0.2000  loss 2.000",
        "0000  finished: 0.3000",
        "0001  drawn: learning_rate 0.005, lr_scheduler_kwargs {}",
        "0001  1/4  rouge_combined_f1 0.1000  loss 2.000",
        "0001  2/4  rouge_combined_f1 0.6000  loss 2.000  * best so far",
        "0001  finished: 0.6000",
        "0002  drawn: learning_rate 0.0005, lr_scheduler_kwargs {}",
        "0002  1/4  rouge_combined_f1 0.2000  loss 2.000",
        "0003  drawn: learning_rate 5e-05, lr_scheduler_kwargs {}",
        "0003  FAILED (diverged): loss is <NaN>",
    ]


def test_on_a_terminal_a_table_renews_itself(tmp_path: Path) -> None:
    text = played(tmp_path, terminal=True)
    assert "\x1b[" in text
    assert "trial" in text
    assert "0001  finished: 0.6000" in text
    assert "1/4  rouge_combined_f1" not in text, "the table shows reports"
    assert "3/3 trials" in text


def test_what_is_caught_up_with_is_said_before_the_run_is_shown(tmp_path: Path) -> None:
    """A driver that was killed had recorded more than it had done; that is done, and on record, before the run counts as opened."""
    text = io.StringIO()
    screen = Screen(Console(file=text, width=140, highlight=False))
    state, (opened, *events) = RunState(), read_events(recorded(tmp_path).events)[0]
    state.apply(opened)
    for event in events:
        state.apply(event)
        screen.event(event, state)
    assert "0001  2/4  rouge_combined_f1 0.6000" in text.getvalue()


def test_what_a_trial_has_to_say_is_a_note() -> None:
    assert event_line(Noted("0001", "fp32 is used."), RunState(), 0) == "note: fp32 is used."


def test_a_retry_is_one_line() -> None:
    line = event_line(Retried("0001", 1, "worker_lost", "its node was lost"), RunState(), 0)
    assert line == "0001  attempt 1 failed (worker_lost), and is tried again: its node was lost"
    never = event_line(Retried("0001", 0, "worker_lost", "its node was lost"), RunState(), 0)
    assert never == "0001  failed before it began (worker_lost), and is tried again: its node was lost"


def test_values_and_times_for_people() -> None:
    assert [value_text(value) for value in (0.00123456, 16, "cosine", None, True)] == ["0.00123", "16", "cosine", "–", "True"]
    assert [duration(seconds) for seconds in (0.4, 59.6, 150, 3700)] == ["0 s", "1 min 0 s", "2 min 30 s", "1 h 1 min"]


def test_a_finite_space_is_no_more_trials_than_it_has_points(tmp_path: Path) -> None:
    """Twenty trials asked of a grid of two are two; one of them is the baseline's where it is the base's own point."""
    for lowest, trials in ((0.0, 2), (0.01, 1)):
        file = tmp_path / "grid.yaml"
        file.write_text(f"method: grid\nparameters: {{weight_decay: {{values: [{lowest}, 0.1]}}}}\nrun_cap: 20\n", encoding="utf-8")
        state = fold([RunOpened("grid-1", "grid", load_experiment(file, environ={}).to_record(), "./results", [])])
        text = io.StringIO()
        screen = Screen(Console(file=text, force_terminal=True, width=140, highlight=False))
        screen.begin(state)
        screen.end()
        assert f"0/{trials} trials" in text.getvalue()
        assert summary_lines(RunPaths(tmp_path), state, figures(state, {}, most_trials(state)))[0].startswith(f"Trials    0 of {trials}: ")


PROMPTS = ("[INST] {dialogue} [/INST] {summary}", "{dialogue} [red] :smile: {summary}")
"""What a rich console takes for markup, unless it is told not to."""

PROMPTS_SPACE = f"""
name: plain
base: tiny-kogpt2
parameters: {{input_format: {{values: {list(PROMPTS)}}}}}
run_cap: 2
settings: {{training: {{num_train_epochs: 1}}, evaluation: {{strategy: full}}}}
"""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def prompted(tmp_path: Path) -> RunPaths:
    """A run over prompts with brackets and colons."""
    file = tmp_path / "plain.yaml"
    file.write_text(PROMPTS_SPACE, encoding="utf-8")
    run = create_run(tmp_path / "results", "plain", datetime(2026, 11, 22))
    log = EventLog(run.events)
    log.append(RunOpened(run.folder.name, "plain", load_experiment(file, environ={}).to_record(), "./results", ["summtune"]))
    for number, prompt in enumerate(PROMPTS, start=1):
        trial, point = f"{number:04d}", {"tokenizer.input_format": prompt}
        log.append(PointDrawn(trial, number, point, point))
        log.append(TrialStarted(trial, 1, 0))
        log.append(Reported(trial, 1, 1, {"iteration": 1, "loss": 2.0, "rouge_combined_f1": 0.1 * number}, None))
        log.append(Ended(trial, "finished"))
    log.close()
    return run


def test_what_people_write_in_brackets_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(prompted(tmp_path).folder)]) == 0
    shown = capsys.readouterr().out
    for prompt in PROMPTS:
        assert any("finished" in line and line.endswith(f" {prompt}") for line in shown.splitlines())


def test_what_people_write_in_brackets_does_not_end_the_live_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, _ = read_events(prompted(tmp_path).events)
    state, terminal = fold(events), _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "200")
    screen = Screen(stream_console())
    screen.begin(state)
    screen.end()
    assert all(prompt in terminal.getvalue() for prompt in PROMPTS)
