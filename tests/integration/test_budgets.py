"""Budgets that end real runs, and go on when they are raised; rungs where max_steps says how long a trial is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.experiment import Experiment
from summtune.errors import RunMistake, SettingsMistake
from summtune.events import standings
from summtune.events.kinds import Decided, Halted, RunResumed, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from tests.integration.conftest import CommandLine, Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

SEARCH: dict[str, Any] = {
    "method": "random",
    "parameters": {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
    "run_cap": 5,
    "resources": {"max_concurrent_trials": 2},
    "settings": {"training": {"num_train_epochs": 4}, "evaluation": {"strategy": "proxy", "proxy_samples": 2, "proxy_top_k": 2}},
}


def test_a_budget_ends_a_run_and_a_higher_one_goes_on(tune_here: Tune, resume_here: Callable[..., Heard], space_file: SpaceFile) -> None:
    run, heard = tune_here(space_file(**SEARCH, budget={"epochs": 6}))
    state = state_of(run)
    assert (state.status, state.reason.partition(" (")[0]) == ("finished", "the budget of 6 epochs is used up")
    assert 6 <= state.spent.epochs <= 8, "those under way end at their next evaluation"
    assert {trial.status for trial in state.trials.values()} <= {"finished", "stopped"}
    halted = [event.trial for event in read_events(run.events)[0] if isinstance(event, Halted)]
    assert halted == [trial.id for trial in sorted(state.trials.values(), key=lambda one: one.ended_at or 0) if trial.cause == "budget"]
    assert len(state.searched) < 5
    assert any(note.startswith("Evaluating the likeliest in full: ") for note in heard.notes)
    best = standings.best(state)
    assert best is not None
    assert state.full_score(best) is not None, "what there is is evaluated in full all the same"
    assert run.trial(best.id).best_model.is_dir()

    said = resume_here(run).notes[-1]
    assert said.startswith("The run is finished: there is nothing to go on with. It ended since the budget of 6 ")
    assert said.endswith("`--budget epochs=N` raises it.")
    with pytest.raises(RunMistake, match=r"of 6 epochs are used up, so that no trial would be begun. Raise it: `--budget epochs=N`"):
        resume_here(run, more=3)

    resume_here(run, budget=["epochs=11"])
    again = state_of(run)
    (resumed,) = [event for event in read_events(run.events)[0] if isinstance(event, RunResumed)]
    assert (resumed.budget, again.budget) == ({"epochs": 11}, {"epochs": 11})
    assert 11 <= again.spent.epochs <= 13
    assert again.status == "finished"
    assert list(again.trials)[: len(state.trials)] == list(state.trials)
    assert len(again.trials) > len(state.trials)

    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:-1]))  # the driver died just before it closed the run
    heard = resume_here(run)
    reason = state_of(run).reason
    assert heard.notices[-1] == f"no more trials are begun: {reason}; `--budget epochs=N` raises it."
    assert (state_of(run).status, list(state_of(run).trials)) == ("finished", list(again.trials)), "nothing is drawn"


def test_gpu_hours_need_gpus(tune_here: Tune, space_file: SpaceFile, tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"budget.gpu_hours: trials have no GPU, so that it would never be used up"):
        tune_here(space_file(budget={"gpu_hours": 1}))
    assert list((tmp_path / "out").glob("tiny-*")) == []


@pytest.mark.slow
def test_a_budget_by_the_command_line(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    file = space_file(**{**SEARCH, "resources": {"max_concurrent_trials": 1}})
    code, output = summtune_on_cluster("run", file, "--set", "budget.epochs=2", "--set", "evaluation.strategy=full")
    assert code == 0, output
    assert "  at most     2 epochs" in output
    assert "no more trials are begun: the budget of 2 epochs is used up (" in output
    assert "Ended     the budget of 2 epochs is used up (" in output
    code, output = summtune_on_cluster("resume", "tiny", "--budget", "days=1")
    assert code == 2, output
    assert "'days=1' is no budget." in output


@pytest.mark.slow
def test_rungs_count_the_evaluations_that_max_steps_leaves(tune_here: Tune, space_file: SpaceFile) -> None:
    """16 rows in batches of 8: two steps an epoch, so that 5 steps are three evaluations, whatever num_train_epochs says."""
    halving = {"type": "asha", "min_iter": 2, "eta": 2}
    run, heard = tune_here(space_file(early_terminate=halving, settings={"training": {"max_steps": 5, "num_train_epochs": 40}}))
    state = state_of(run)
    assert state.opened is not None
    experiment = Experiment.from_record(state.opened.experiment)
    assert experiment.longest == 3
    finished = [trial for trial in state.trials.values() if trial.status == "finished"]
    assert finished
    assert {trial.iteration for trial in finished} == {3}
    events = read_events(run.events)[0]
    assert {event.rung for event in events if isinstance(event, Decided)} == {2}
    assert {event.gpus for event in events if isinstance(event, TrialStarted)} == {0.0}


@pytest.mark.slow
def test_a_target_ends_a_run_and_more_trials_are_trained_whatever_was_reached(
    tune_here: Tune, resume_here: Callable[..., Heard], space_file: SpaceFile
) -> None:
    one_at_a_time = {**SEARCH, "run_cap": 2, "resources": {"max_concurrent_trials": 1}, "baseline": False}
    run, _ = tune_here(space_file(**one_at_a_time, metric={"name": "loss", "target": 1000.0}))
    state = state_of(run)
    assert (state.status, len(state.searched)) == ("finished", 1)
    assert state.reason.startswith("trial 0001 reached loss ")
    assert resume_here(run).notes[-1].endswith("(target 1000): `--count N` trains what was not begun, and N more.")
    heard = resume_here(run, more=1)
    state = state_of(run)
    assert (state.status, len(state.searched), state.search_ended) == ("finished", 3, None)
    assert "the target is reached already: it ends this run no more." in heard.notices
