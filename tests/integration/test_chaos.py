"""Drivers killed with SIGKILL at random moments, many times in one run, also in the middle of writing: nothing is forgotten.

`--chaos-kills N` says how often; the moments follow from CHAOS_SEED. Small trainings on a real Ray cluster.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.experiment import Experiment
from summtune.events.fold import RunState, fold
from summtune.events.kinds import BUDGET, Ended, PointDrawn, Promoted, Reported, RunClosed, Told, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import list_runs
from summtune.search.study import Search
from tests.integration import chaos_driver
from tests.integration.conftest import ROOT

SEED = int(os.environ.get("CHAOS_SEED", "6"))

KILLS_TO_EPOCHS = 10, 6
"""For so many kills a training is so long: on a quick machine a shorter run was over before."""

SEARCH: dict[str, Any] = {
    "method": "bayes",
    "parameters": {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
    "early_terminate": {"type": "asha", "min_iter": 1, "eta": 2},
    "run_cap": 5,
}

SpaceFile = Callable[..., Path]


class Mortal:
    """Runs a search through the deaths of its drivers.

    Args:
        folder: where the run is made, and what its drivers say is written.
        address: of the Ray cluster.
        choices: which moments.
    """

    def __init__(self, folder: Path, address: str, choices: random.Random) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        self.states = folder / "states.jsonl"
        self.compared = 0
        self._choices = choices
        self._environment = {**os.environ, "RAY_ADDRESS": address, "CHAOS_STATES": str(self.states), "PYTHONPATH": str(ROOT)}

    def live(self, space: Path, *, kill: bool) -> bool:
        """One driver's life; whether it was killed before it had done all."""
        self.states.write_text("", encoding="utf-8")
        runs = list_runs(self.folder / "out")
        words = ["resume", str(runs[0].folder)] if runs else ["start", str(space), str(self.folder / "out")]
        where = self._choices.choice(["outside", "outside", "within", "unsynced", "after", "before"]) if kill else ""
        after = self._choices.randint(2, 8)
        before = self._written()
        environment = self._environment | ({"CHAOS_DEATH": f"{after}:{where}"} if where not in ("", "outside") else {})
        with self.output.open("a", encoding="utf-8") as stream:
            driver = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.chaos_driver", *words], cwd=ROOT, env=environment, stdout=stream, stderr=stream
            )
            try:
                if where == "outside":
                    while driver.poll() is None and self._written() - before < after:
                        time.sleep(0.01)
                    time.sleep(0.2 * self._choices.random())  # a quick machine does much in a second
                    driver.kill()
                code = driver.wait(240)
            finally:
                driver.kill()
                driver.wait()
        assert code in (0, -signal.SIGKILL), self.output.read_text(encoding="utf-8")
        return code != 0

    def _written(self) -> int:
        runs = list_runs(self.folder / "out")
        return runs[0].events.read_bytes().count(b"\n") if runs else 0

    def run(self) -> RunPaths:
        (run,) = list_runs(self.folder / "out")
        return run

    def check_replay(self) -> None:
        """What the driver had in hand, when last it looked, is what its log makes of it."""
        lines = self.states.read_text(encoding="utf-8").split("\n")[:-1]  # the last of them may be torn
        if not lines:
            return
        record = json.loads(lines[-1])
        state = fold(read_events(self.run().events)[0][: record["events"]])
        assert state.opened is not None
        experiment = Experiment.from_record(state.opened.experiment)
        search = Search(experiment.space, experiment.method, maximize=True, seed=42, count=state.count, identity=experiment.identity)
        search.replay(state)
        assert record["state"] == chaos_driver.picture(state, search)
        self.compared += 1


ENDING: dict[str, Any] = {"run_cap": 3, "early_terminate": {"type": "none"}, "seeds": [7, 8]}
"""Points are repeated after the search's four trainings, until the budget is used up."""


def check_nothing_forgotten(run: RunPaths, count: int, epochs: int) -> RunState:
    """What must hold of the run, however often its driver was killed."""
    events, warnings = read_events(run.events)
    assert warnings == []
    state = fold(events)
    assert state.status == "finished"
    assert sum(isinstance(event, RunClosed) for event in events) == 1
    points = [trial.id for trial in state.trials.values() if not trial.repeats]
    assert points == [f"{number:04d}" for number in range(len(points))], "none lost"
    assert len(points) == count + 1 or (state.search_ended is not None and len(points) <= count), "none more than asked for"
    for kind, trials in ((PointDrawn, state.trials), (Ended, state.trials), (Told, points)):
        assert Counter(event.trial for event in events if isinstance(event, kind)) == dict.fromkeys(trials, 1)
    assert {event.trial for event in events if isinstance(event, Promoted)} == set(state.trials)
    seen = dict.fromkeys(state.trials, 0)
    attempts = dict.fromkeys(state.trials, 0)
    for event in events:
        if isinstance(event, TrialStarted):
            attempts[event.trial] += 1
            assert event.attempt == attempts[event.trial]
            assert event.iteration == seen[event.trial], "an attempt begins where the last one was: one iteration is done again at most"
            assert bool(event.resumed) or event.iteration == 0
        elif isinstance(event, Reported):
            assert event.iteration == seen[event.trial] + 1
            seen[event.trial] = event.iteration
    for trial in state.trials.values():
        assert trial.status in ("finished", "stopped"), trial.message
        assert trial.iteration == epochs or trial.status == "stopped"
        assert run.trial(trial.id).best_model.is_dir() or (trial.best is None and trial.cause == BUDGET)
    assert state.spent.epochs == sum(seen.values())
    return state


def found(state: RunState) -> dict[str, Any]:
    """What a run drew, scored and decided."""
    return {
        trial.id: (
            trial.number,
            trial.point,
            trial.params,
            trial.status,
            [(report.iteration, report.metrics["loss"], report.metrics["rouge_combined_f1"]) for report in trial.reports],
            trial.verdict and (trial.verdict.rung, trial.verdict.score, trial.verdict.cutoff, trial.verdict.stop),
            (trial.repeats, trial.seed, trial.halted, trial.cause),
        )
        for trial in state.trials.values()
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("at_once", "ending"), [(1, {}), (3, {}), (1, ENDING), (2, ENDING)])
def test_a_run_whose_drivers_are_killed_again_and_again(
    cluster: str, space_file: SpaceFile, tune_here: Any, tmp_path: Path, chaos_kills: int, at_once: int, ending: dict[str, Any]
) -> None:
    """One trial at a time: the same as without any death. Several: each driver had what its log makes of it."""
    epochs = -(-chaos_kills // KILLS_TO_EPOCHS[0]) * KILLS_TO_EPOCHS[1]
    search = {**SEARCH, **ending, "resources": {"max_concurrent_trials": at_once}, "settings": {"training": {"num_train_epochs": epochs}}}
    if ending:
        search["budget"] = {"epochs": 6 * epochs + 1}
    mortal = Mortal(tmp_path, cluster, random.Random(SEED + at_once))
    file, kills = space_file(**search), 0
    while kills < chaos_kills and mortal.live(file, kill=True):
        kills += 1
        if list_runs(tmp_path / "out"):
            mortal.check_replay()
    assert kills == chaos_kills, "the run was over before it had been killed so often: it needs more trials"
    assert not mortal.live(file, kill=False)
    mortal.check_replay()
    assert mortal.compared > chaos_kills // 4, "most drivers live long enough to be looked at"
    state = check_nothing_forgotten(mortal.run(), search["run_cap"], epochs)
    assert bool(state.repetitions) == bool(state.search_ended) == bool(ending)
    if at_once == 1:
        whole, _ = tune_here(file, output_dir=str(tmp_path / "whole"))
        assert found(state) == found(fold(read_events(whole.events)[0]))
