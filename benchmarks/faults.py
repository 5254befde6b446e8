"""What a run makes of its time when a worker node is killed every 20 s, and how soon a trial trains again that was lost with one.

A head and two worker nodes of one CPU each, each a machine of its own (a network namespace: needs root, and iproute2). The same search in
turns: undisturbed, and with the processes of one worker node after the other killed, whose machine begins a new node at once, as a
cluster does that replaces what it lost. Ray's own settings are left as they are.

Useful is the time in optimiser steps (`train_s`) of the iterations that count; what was trained twice counts once. The share is of all
slots' time, from the run's first event to its last. BENCH_REPEATS says how many rounds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from summtune.events.fold import fold
from summtune.events.kinds import Event, Reported, Retried, TrialStarted
from summtune.events.log import read_events
from tests.faults.machines import Machine, why_not
from tests.faults.ray_cluster import RayCluster, ray_cluster
from tests.faults.searching import Search

REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
TRIALS, EPOCHS, ROWS = 4, 6, 600
KILL_EVERY_S = 20.0
SLOTS = 2


@dataclass(frozen=True)
class Found:
    """What became of one run.

    Attributes:
        wall_s: from its first event to its last.
        useful_s: in steps that count.
        kills: moments.
        again: iterations that were reported twice.
        noticed_s: from a kill to the event that says that the trial was lost.
        trains_s: from a kill to the start of the trial's next attempt.
        evaluated_s: from a kill to the trial's next evaluation.
    """

    wall_s: float
    useful_s: float
    kills: list[float]
    again: int
    noticed_s: list[float]
    trains_s: list[float]
    evaluated_s: list[float]

    @property
    def share(self) -> float:
        """Useful time of all slots' time."""
        return self.useful_s / (SLOTS * self.wall_s)


def main() -> None:
    """Print the tables."""
    if reason := why_not():
        print(f"not measured: {reason}")
        return
    calm: list[Found] = []
    killed: list[Found] = []
    for _ in range(REPEATS):
        for found, kill in ((calm, False), (killed, True)):
            found.append(_one(kill=kill))
            print(f"{'with' if kill else 'without'} kills: {found[-1]}", file=sys.stderr, flush=True)
    load = os.getloadavg()[1]
    print(f"{TRIALS} trials of {EPOCHS} epochs, {SLOTS} at a time, {REPEATS} rounds; load of the machine in the last 5 min: {load:.1f}\n")
    print("| | wall time, median | from – to | useful step time over wall time, median | from – to | kills | iterations done again |")
    print("|---|---|---|---|---|---|---|")
    for name, found in (("undisturbed", calm), (f"a worker node killed every {KILL_EVERY_S:.0f} s", killed)):
        walls, shares = [one.wall_s for one in found], [100 * one.share for one in found]
        kills, again = (
            ", ".join(str(number) for number in numbers) for numbers in ([len(one.kills) for one in found], [one.again for one in found])
        )
        print(f"| {name} | {_spread(walls, ' s')} | {median(shares):.0f} % | {_range(shares, ' %')} | {kills} | {again} |")
    kept = [one.share / other.share for one, other in zip(killed, calm, strict=True)]
    print(f"\nOf the useful share of an undisturbed run a run under kills keeps {_spread([100 * one for one in kept], ' %', joined=', ')}.")
    print("\n| after a kill, a trial that was lost | median | from – to | of |\n|---|---|---|---|")
    for name, times in (
        ("is known to be lost", [s for one in killed for s in one.noticed_s]),
        ("begins its next attempt", [s for one in killed for s in one.trains_s]),
        ("has its next evaluation", [s for one in killed for s in one.evaluated_s]),
    ):
        print(f"| {name} | {_spread(times, ' s')} | {len(times)} |")


def _spread(numbers: list[float], unit: str, joined: str = " | ") -> str:
    return f"{median(numbers):.1f}{unit}{joined}{_range(numbers, unit)}"


def _range(numbers: list[float], unit: str) -> str:
    return f"{min(numbers):.1f} – {max(numbers):.1f}{unit}"


def _one(*, kill: bool) -> Found:
    rates = [1e-3 * (number + 1) for number in range(TRIALS)]
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder, ray_cluster(workers=2, sooner=False) as cluster:
        cluster.start(2)
        space = {"parameters": {"learning_rate": {"values": rates}}, "resources": {"max_failures": 1000}}
        training = {"training": {"num_train_epochs": EPOCHS}}
        search = Search(cluster, Path(folder), train_rows=ROWS, settings=training, **space)
        process = search.start("run", search.file)
        kills: list[tuple[float, Machine]] = []
        if kill:
            search.wait_for_report(cluster.machines[1], process)
            while process.poll() is None:
                kills.append(_kill(cluster, cluster.machines[1 + len(kills) % 2]))
                ends = kills[-1][0] + KILL_EVERY_S
                while process.poll() is None and time.time() < ends:
                    time.sleep(0.1)
        search.ends(process, within_s=1800)
        events, warnings = read_events(search.run.events)
        assert warnings == []
        return _found(events, kills)


def _kill(cluster: RayCluster, machine: Machine) -> tuple[float, Machine]:
    moment = time.time()
    machine.die()
    cluster.start_worker(machine)
    return moment, machine


def _found(events: list[Event], kills: list[tuple[float, Machine]]) -> Found:
    state = fold(events)
    assert [trial.status for trial in state.trials.values()] == ["finished"] * TRIALS
    useful = sum(report.metrics["train_s"] for trial in state.trials.values() for report in trial.reports)
    reports = [event for event in events if isinstance(event, Reported)]
    noticed, trains, evaluated = [], [], []
    for event in events:
        if not isinstance(event, Retried):
            continue
        before = [moment for moment, _ in kills if moment <= event.time]
        later = [one for one in events if one.time >= event.time and getattr(one, "trial", None) == event.trial]
        begun = next((one.time for one in later if isinstance(one, TrialStarted)), None)
        told = next((one.time for one in later if isinstance(one, Reported)), None)
        noticed.append(event.time - before[-1])
        if begun is not None:
            trains.append(begun - before[-1])
        if told is not None:
            evaluated.append(told - before[-1])
    again = len(reports) - len({(one.trial, one.iteration) for one in reports})
    moments = [moment for moment, _ in kills]
    return Found(events[-1].time - events[0].time, useful, moments, again, noticed, trains, evaluated)
