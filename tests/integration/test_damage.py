"""A run whose driver was killed, and whose files were damaged then: it goes on with what is left, and says what it could not keep."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from summtune.events.kinds import PointDrawn, Reported, Salvaged, TrialStarted
from summtune.events.log import read_events
from tests.integration.conftest import CommandLine, state_of
from tests.integration.test_resume import SEARCH, has, only_run, wait_until

pytestmark = pytest.mark.timeout(900)


@pytest.mark.slow
def test_a_damaged_run_goes_on_with_what_is_left(summtune_on_cluster: CommandLine, space_file: Callable[..., Path]) -> None:
    """Ray Tune's folder is gone, a checkpoint is torn, and of the log two lines are damaged: a report, and the drawing of a trial."""
    one = {**SEARCH, "resources": {"max_concurrent_trials": 1}, "early_terminate": {"type": "none"}}
    process = summtune_on_cluster.start("run", space_file(**one))
    wait_until(summtune_on_cluster.folder / "results", has(Reported, 2, trial="0002"), process, timeout_s=240)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(summtune_on_cluster.folder / "results")
    events, _ = read_events(run.events)
    newest = [event for event in events if isinstance(event, Reported) and event.trial == "0002"][-1]
    assert newest.checkpoint is not None
    torn = run.trial("0002").folder / newest.checkpoint
    before = [event for event in events if isinstance(event, Reported) and event.trial == "0002"][-2]

    shutil.rmtree(run.tune)
    (torn / "model.safetensors").write_bytes(b"torn")
    lines = run.events.read_bytes().splitlines(keepends=True)
    drawing = next(place for place, event in enumerate(events) if isinstance(event, PointDrawn) and event.trial == "0001")
    report = next(place for place, event in enumerate(events) if isinstance(event, Reported) and event.trial == "0000")
    lines[drawing] = lines[drawing].replace(b'"number": 1', b'"number": 3')
    lines[report] = lines[report][:100] + b"\n"
    damaged = b"".join(lines)
    run.events.write_bytes(damaged)
    model = (run.trial("0001").best_model / "config.json").read_bytes()

    code, output = summtune_on_cluster("resume", "tiny", timeout_s=400)
    assert code == 0, output
    assert "Resuming (rebuild)" in output
    assert (
        f"note: Event log, line {drawing + 1}: the line (point_drawn of 0001) is damaged, and was left out: its checksum is another."
        in output
    )
    assert "note: Trial 0001: that it was drawn is lost. It counts for nothing, and its folder" in output
    assert "note: Trial 0000 has lost a part of its record, and keeps what is left of it." in output
    assert f"{torn / 'model.safetensors'} has 4 bytes instead of" in output
    assert (run.folder / "events.damaged-1.jsonl").read_bytes() == damaged
    state = state_of(run)
    assert state.status == "finished"
    assert [trial.id for trial in state.trials.values()] == ["0000", "0002", "0003", "0004"], "0001 is not given again"
    assert {trial.status for trial in state.trials.values()} == {"finished"}
    assert [report.iteration for report in state.trials["0000"].reports] == [2, 3, 4]
    assert [report.iteration for report in state.trials["0002"].reports] == [1, 2, 3, 4]
    assert (run.trial("0001").best_model / "config.json").read_bytes() == model, "its folder is left alone"
    after, _ = read_events(run.events)
    place = next(place for place, event in enumerate(after) if isinstance(event, Salvaged))
    start = next(event for event in after[place:] if isinstance(event, TrialStarted) and event.trial == "0002")
    assert (start.iteration, start.resumed) == (before.iteration, before.checkpoint), "the checkpoint before the torn one"
