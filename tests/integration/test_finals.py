"""The likeliest trials are evaluated in full after training, and a run that dies meanwhile goes on where it was."""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.events import standings
from summtune.events.kinds import NotScored, Scored
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import list_runs
from summtune.training.referee import Refereed
from summtune.tuning import finals
from summtune.tuning.second_tries import SecondTries
from tests.integration.conftest import CommandLine, Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

CHEAP: dict[str, Any] = {"evaluation": {"strategy": "proxy", "proxy_samples": 2, "proxy_top_k": 2}}


def scored(run: RunPaths) -> list[str]:
    return [event.trial for event in read_events(run.events)[0] if isinstance(event, Scored)]


def test_full_scores_name_the_best(tune_here: Tune, space_file: SpaceFile) -> None:
    run, heard = tune_here(space_file(settings=CHEAP, resources={"max_concurrent_trials": 1}))
    state = state_of(run)
    times = [(event.time - event.seconds, event.time) for event in heard.events if isinstance(event, Scored)]
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:], strict=False)), "one at a time, as trials are"
    assert state.status == "finished"
    likeliest = [trial.id for trial in standings.candidates(state) if not trial.baseline][:2]
    assert sorted(scored(run)) == sorted(["0000", *likeliest])
    assert any(note.startswith("Evaluating the likeliest in full: 0000, ") for note in heard.notes)
    assert standings.best(state) in standings.ranking(state)
    for trial in state.trials.values():
        with run.trial(trial.id).predictions.open(encoding="utf-8", newline="") as stream:
            assert len(list(csv.DictReader(stream))) == (4 if trial.scored else 2), "all of dev, or the cheap evaluation's sample"


def dies_at_first(run_folder: Path, folder: Path, *more: Any) -> Refereed:
    """A full evaluation whose process is killed, the first time."""
    if not (mark := folder.parent / "killed").exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return finals._score(run_folder, folder, *more)


def out_of_reach(run_folder: Path, folder: Path, *more: Any) -> Refereed:
    (folder.parent / f"tried-{time.time_ns()}").touch()
    raise TrialFailure("unreachable", "the hub does not answer.")


def test_a_full_evaluation_that_fails_for_a_cause_that_can_pass_is_tried_again(
    tune_here: Tune, resume_here: Callable[..., Heard], space_file: SpaceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same session, and after that by `resume`: the run is not finished without it."""
    file = space_file(settings=CHEAP, parameters={"learning_rate": {"values": [1e-2, 1e-3]}}, baseline=False)
    monkeypatch.setattr(SecondTries, "pause", lambda self, stop_asked: None)
    monkeypatch.setattr(finals, "_score", out_of_reach)
    with pytest.raises(SurroundingsFailure, match=r"`summtune resume` tries it again") as gave_way:
        tune_here(file)
    (run,) = list_runs(tmp_path / "out")
    state = state_of(run)
    assert state.status == "failed"
    assert "0001 could not be evaluated in full so far (unreachable): the hub does not answer." in state.reason
    assert state.reason in str(gave_way.value)
    assert not any(trial.scored for trial in state.trials.values())
    for trial_id in state.trials:
        assert len(list(run.trial(trial_id).best_model.parent.glob("tried-*"))) == SecondTries.most + 1
    monkeypatch.setattr(finals, "_score", dies_at_first)
    resume_here(run)
    assert state_of(run).status == "finished"
    assert sorted(scored(run)) == ["0001", "0002"]
    assert len(list(run.trials.glob("*/models/killed"))) == 2


def fails_for(cause: str, trial: str) -> Callable[..., Refereed]:
    def fails(run_folder: Path, folder: Path, *more: Any) -> Refereed:
        if folder.parent.parent.name == trial:
            raise TrialFailure(cause, "so it is.")
        return finals._score(run_folder, folder, *more)

    return fails


@pytest.mark.slow
def test_what_cannot_be_evaluated_is_not_the_best_and_what_can_be_mended_leaves_the_run_resumable(
    tune_here: Tune, resume_here: Callable[..., Heard], space_file: SpaceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data file that is gone is no matter of the trial; a loss that is not finite is."""
    file = space_file(settings=CHEAP, parameters={"learning_rate": {"values": [1e-2, 1e-3]}}, baseline=False)
    monkeypatch.setattr(finals, "_score", fails_for("bad_data", "0001"))
    with pytest.raises(SurroundingsFailure, match=r"0001 could not be evaluated in full so far \(bad_data\): so it is"):
        tune_here(file)
    (run,) = list_runs(tmp_path / "out")
    assert scored(run) == ["0002"]
    monkeypatch.setattr(finals, "_score", fails_for("diverged", "0001"))
    heard = resume_here(run)
    state = state_of(run)
    assert (state.status, scored(run)) == ("finished", ["0002"])
    assert [(event.trial, event.cause) for event in heard.events if isinstance(event, NotScored)] == [("0001", "diverged")]
    assert [trial.id for trial in standings.ranking(state)] == ["0002"]
    monkeypatch.undo()
    resume_here(run, failed=True)
    assert (state_of(run).status, scored(run)) == ("finished", ["0002", "0001"])


@pytest.mark.slow
def test_a_driver_killed_between_full_evaluations_is_resumed(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    file = space_file(settings=CHEAP, resources={"cpus_per_trial": 2, "gpus_per_trial": 0})
    summtune_on_cluster.kill_at(r"\d{4}  in full: ", "run", file)
    run = summtune_on_cluster.run_called("tiny")
    before = scored(run)
    assert before
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    assert state_of(run).status == "finished"
    assert scored(run)[: len(before)] == before
    assert len(scored(run)) == len(set(scored(run))) == 3, "none is scored twice"


@pytest.mark.slow
def test_stopped_by_a_person_while_evaluating(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    file = space_file(settings=CHEAP, resources={"cpus_per_trial": 2, "gpus_per_trial": 0})
    process = summtune_on_cluster.start("run", file)
    summtune_on_cluster.wait_for(r"Evaluating the likeliest in full", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    run = summtune_on_cluster.run_called("tiny")
    state = state_of(run)
    assert state.status == "interrupted"
    assert len(scored(run)) < 3
    assert standings.best(state) is not None
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    assert len(scored(run)) == 3
