"""Searches on clusters of several machines, and what must hold of them whatever failed on the way."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from summtune.events.fold import RunState
from summtune.events.kinds import Ended, Reported, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import list_runs
from tests.faults.machines import Machine
from tests.faults.ray_cluster import RayCluster
from tests.integration.conftest import TINY, merged, state_of
from tests.integration.test_resume import has, wait_until
from tests.small_training import rows, write_csv

EPOCHS = 4


class _Endless:
    """Stands for a process of which nothing is known."""

    def poll(self) -> None:
        """It has not ended."""


class Search:
    """A search space and its results in a folder that all machines see; `summtune …` on any of them.

    Args:
        cluster: where it is run.
        folder: on storage that all machines see.
        train_rows: of the training data: of so many an epoch takes a second or so.
        space: changes to the space, two trials of four epochs on a CPU each.
    """

    def __init__(self, cluster: RayCluster, folder: Path, train_rows: int = 100, **space: Any) -> None:
        self.cluster = cluster
        self.folder = folder
        self.results = folder / "results"
        train, dev = write_csv(folder / "train.csv", rows(train_rows)), write_csv(folder / "dev.csv", rows(4, start=1000))
        small: dict[str, Any] = {
            "parameters": {"learning_rate": {"values": [1e-3, 2e-3]}},
            "baseline": False,
            "data": {"train": str(train), "dev": str(dev)},
            "settings": {"data": None, "training": {"num_train_epochs": EPOCHS, "per_device_train_batch_size": 2}},
        }
        self.file = folder / "space.yaml"
        self.file.write_text(yaml.safe_dump(merged(merged(TINY, small), space), sort_keys=False), encoding="utf-8")

    def start(self, *words: str | Path, output: Path | None = None, machine: Machine | None = None) -> subprocess.Popen[bytes]:
        """Start a command, on the head's machine or another; what it says goes to `output.txt`, or elsewhere."""
        environment = {**self.cluster.environment, "RAY_ADDRESS": self.cluster.address}
        command = [sys.executable, "-m", "summtune", *map(str, words)]
        self._output = output or self.folder / "output.txt"
        return (machine or self.cluster.head).start(command, environment, self._output, self.folder)

    @property
    def output(self) -> str:
        """What the last command has said."""
        return self._output.read_text(encoding="utf-8")

    def ends(self, process: subprocess.Popen[bytes], code: int = 0, within_s: float = 200) -> None:
        """Wait for a command's end; its exit code is as expected."""
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not over after {within_s:g} s:\n{self.output}\n{self._ray_log()}") from None
        assert process.returncode == code, f"{self.output}\n{self._ray_log()}"

    def _ray_log(self) -> str:
        return "\n".join(one.ray_log.read_text(encoding="utf-8") for one in list_runs(self.results) if one.ray_log.exists())

    @property
    def run(self) -> RunPaths:
        (run,) = list_runs(self.results)
        return run

    def reports(self, machine: Machine | None = None) -> list[Reported]:
        """The evaluations so far, of trials on a machine."""
        events, _ = read_events(self.run.events)
        found = [event for event in events if isinstance(event, Reported)]
        return [event for event in found if machine is None or event.node == machine.address]

    def wait_for_report(self, machine: Machine, process: subprocess.Popen[bytes] | None = None, count: int = 1) -> Reported:
        """Wait until a trial on that machine has been evaluated so often; its last evaluation.

        Args:
            machine: where.
            process: what must not end before, where there is one.
            count: how often.
        """
        try:
            wait_until(self.results, has(Reported, count, node=machine.address), process or _Endless())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None
        return self.reports(machine)[-1]

    def is_over(self) -> bool:
        """Whether the run has come to its end, by its log."""
        return state_of(self.run).status == "finished"

    def epoch_s(self) -> float:
        """How long an epoch takes now: the median of waits between reports of the same attempt."""
        last: dict[tuple[str, int], float] = {}
        waits = []
        for report in self.reports():
            if (of := (report.trial, report.attempt)) in last:
                waits.append(report.time - last[of])
            last[of] = report.time
        return sorted(waits)[len(waits) // 2] if waits else 1.0

    def check_all_finished(self, epochs: int = EPOCHS) -> RunState:
        """All trials finished, the event log is whole, and at most one iteration of each was done again after each loss."""
        state = state_of(self.run)
        events, _ = read_events(self.run.events)
        assert state.status == "finished"
        assert [trial.status for trial in state.trials.values()] == ["finished"] * len(state.trials), self.output
        for trial in state.trials.values():
            assert trial.iteration == epochs
            reported = Counter(event.iteration for event in events if isinstance(event, Reported) and event.trial == trial.id)
            assert set(reported) == set(range(1, epochs + 1))
            assert sum(times - 1 for times in reported.values()) <= 1, f"{trial.id} did more again than one iteration: {reported}"
            starts = [event for event in events if isinstance(event, TrialStarted) and event.trial == trial.id]
            before = 0
            for start, after in zip(starts, [*starts[1:], None], strict=True):
                assert start.iteration >= before - 1, "it went on where it was"
                mine = [
                    event.iteration
                    for event in events
                    if isinstance(event, Reported) and event.trial == trial.id and event.attempt == start.attempt
                ]
                before = max([start.iteration, *mine])
                assert after is None or after.attempt == start.attempt + 1
            assert sum(isinstance(event, Ended) and event.trial == trial.id for event in events) == 1
            assert self.run.trial(trial.id).best_model.is_dir()
        return state
