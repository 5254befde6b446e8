"""A run that another has taught, on a real cluster: also when it is killed, and when the other is gone by then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import RunMistake
from summtune.events.fold import fold
from summtune.events.kinds import PointDrawn, RunOpened, Taught
from summtune.events.log import EventLog, read_events
from summtune.paths import RunPaths
from summtune.run_folders import create_run
from summtune.search.study import Search
from tests.integration.conftest import CommandLine, Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

SECOND: dict[str, Any] = {
    "name": "second",
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}},
    "run_cap": 3,
    "resources": {"max_concurrent_trials": 1},
}
FIRST = {
    "name": "first",
    "baseline": False,
    "metric": {"name": "loss"},
    "parameters": {"learning_rate": {"values": [1e-2, 1e-7, 1e-3, 3e-4]}},
}


def check_asked_as_told(run: RunPaths) -> None:
    """Each point is the one that a search asks for which knows what the log knew then: whatever happened to the driver in between."""
    events = read_events(run.events)[0]
    opened = events[0]
    assert isinstance(opened, RunOpened)
    experiment = Experiment.from_record(opened.experiment)
    places = [place for place, event in enumerate(events) if isinstance(event, PointDrawn) and not event.baseline]
    for number, place in enumerate(places):
        event = events[place]
        assert isinstance(event, PointDrawn)
        search = Search(experiment.space, "bayes", maximize=False, seed=42, count=experiment.count, identity=experiment.identity)
        search.replay(fold(events[:place]))
        proposal = search.propose(event.trial, number)
        assert proposal is not None
        assert proposal.point == event.point
        assert len(search.study.get_trials()) >= 3 + number


@pytest.mark.slow
def test_what_was_learned_survives_the_driver_and_the_run_that_it_is_from(
    summtune_on_cluster: CommandLine, tune_here: Tune, space_file: SpaceFile
) -> None:
    summtune = summtune_on_cluster
    first, _ = tune_here(space_file(**FIRST), output_dir=str(summtune.folder / "results"))
    text = f"3 of 4 trials of {first.folder.name}: 1 outside the range of learning_rate"
    file = space_file(**SECOND)
    summtune.kill_at(r"0000  finished", "run", file, "--warm-start", "first")
    assert f"note: warm start: {text}" in summtune.output()
    shutil.rmtree(first.folder)
    code, said = summtune("resume", "second")
    assert code == 0, said
    assert "note: warm start" not in said, "it was said when the run began"
    assert f"Taught by {text}" in said
    run = summtune.run_called("second")
    state = state_of(run)
    assert state.status == "finished"
    assert len(state.searched) == 3
    assert [len(lesson.told) for lesson in state.taught] == [3]
    assert json.loads(run.summary.read_text(encoding="utf-8"))["warm_start"] == [
        {
            "run": first.folder.name,
            "folder": str(first.folder),
            "trials": 4,
            "told": 3,
            "dropped": {"outside the range of learning_rate": 1},
        }
    ]
    assert text in run.report.read_text(encoding="utf-8")
    check_asked_as_told(run)


@pytest.fixture
def opened_only(tune_here: Tune, space_file: SpaceFile, tmp_path: Path) -> tuple[RunPaths, RunPaths]:
    """An earlier run, and one whose driver was killed when it had written its first line."""
    first, _ = tune_here(space_file(**FIRST))
    file = space_file(**{**SECOND, "run_cap": 1}, baseline=False, warm_start=[str(first.folder)])
    experiment = load_experiment(file, environ={}).with_rows(16)
    run = create_run(tmp_path / "out", "second", datetime(2026, 11, 22))
    run.logs.mkdir()
    run.trials.mkdir()
    log = EventLog(run.events)
    log.append(RunOpened(run.folder.name, "second", experiment.to_record(), str(tmp_path / "out"), ["test"], str(run.folder)))
    log.close()
    return first, run


def test_a_run_that_was_killed_before_it_was_taught_is_taught_when_it_goes_on(
    opened_only: tuple[RunPaths, RunPaths], resume_here: Callable[..., Heard]
) -> None:
    first, run = opened_only
    (first.environment).rename(first.folder / "elsewhere")
    with pytest.raises(RunMistake, match="its environment.json is missing or damaged. Leave it out"):
        resume_here(run)
    (first.folder / "elsewhere").rename(first.environment)
    heard = resume_here(run)
    assert f"warm start: 3 of 4 trials of {first.folder.name}: 1 outside the range of learning_rate" in heard.notices
    resume_here(run)
    assert sum(isinstance(event, Taught) for event in read_events(run.events)[0]) == 1
    assert state_of(run).status == "finished"
