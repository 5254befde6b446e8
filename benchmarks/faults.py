"""What a run makes of its time when a worker node is killed every 20 s, and how soon a trial trains again that was lost with one.

A head and two worker nodes of one CPU each, each a machine of its own (a network namespace: needs root, and iproute2). The same search in
turns: undisturbed; with one worker node after the other killed, so that its connections close, as where a container is taken away; and
with the power of one after the other lost, so that who talked with it hears nothing more. Another machine begins a node at once, as in a
cluster that replaces what it lost. Ray's own settings are left as they are.

Useful is the time in optimiser steps (`train_s`) of the iterations that count; what was trained twice counts once. The share is of all
slots' time, from the run's first event to its last. BENCH_REPEATS says how many rounds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from summtune.events.fold import fold
from summtune.events.kinds import Event, Reported, Retried, TrialStarted
from summtune.events.log import read_events
from tests.faults.machines import Machine, why_not
from tests.faults.ray_cluster import ray_cluster
from tests.faults.searching import Search

REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
TRIALS, EPOCHS, ROWS = 4, 6, 600
KILL_EVERY_S = 20.0
SLOTS = 2
WAYS: dict[str, Callable[[Machine], None] | None] = {
    "undisturbed": None,
    f"a worker node killed every {KILL_EVERY_S:.0f} s": Machine.die,
    f"a worker node's power lost every {KILL_EVERY_S:.0f} s": Machine.lose_power,
}


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
    rounds: dict[str, list[Found]] = {name: [] for name in WAYS}
    for _ in range(REPEATS):
        for name, way in WAYS.items():
            rounds[name].append(_one(way))
            print(f"{name}: {rounds[name][-1]}", file=sys.stderr, flush=True)
    calm, *disturbed = rounds
    load = os.getloadavg()[1]
    print(f"{TRIALS} trials of {EPOCHS} epochs, {SLOTS} at a time, {REPEATS} rounds; load of the machine in the last 5 min: {load:.1f}\n")
    print("| | wall time, median | from – to | useful step time over wall time, median | from – to | kills | iterations done again |")
    print("|---|---|---|---|---|---|---|")
    for name, found in rounds.items():
        walls, shares = [one.wall_s for one in found], [100 * one.share for one in found]
        kills, again = (
            ", ".join(str(number) for number in numbers) for numbers in ([len(one.kills) for one in found], [one.again for one in found])
        )
        print(f"| {name} | {_spread(walls, ' s')} | {median(shares):.0f} % | {_range(shares, ' %')} | {kills} | {again} |")
    for name in disturbed:
        kept = [100 * one.share / other.share for one, other in zip(rounds[name], rounds[calm], strict=True)]
        print(f"\n{name}: of an undisturbed run's useful share {_spread(kept, ' %', joined=', ')} is kept.")
    print("\n| a trial that was lost | | median | from – to | of |\n|---|---|---|---|---|")
    for name in disturbed:
        for what, times in (
            ("is known to be lost", [s for one in rounds[name] for s in one.noticed_s]),
            ("begins its next attempt", [s for one in rounds[name] for s in one.trains_s]),
            ("has its next evaluation", [s for one in rounds[name] for s in one.evaluated_s]),
        ):
            print(f"| {name} | {what} | {_spread(times, ' s') if times else '– | –'} | {len(times)} |")


def _spread(numbers: list[float], unit: str, joined: str = " | ") -> str:
    return f"{median(numbers):.1f}{unit}{joined}{_range(numbers, unit)}"


def _range(numbers: list[float], unit: str) -> str:
    return f"{min(numbers):.1f} – {max(numbers):.1f}{unit}"


def _one(take: Callable[[Machine], None] | None) -> Found:
    rates = [1e-3 * (number + 1) for number in range(TRIALS)]
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder, ray_cluster(workers=3, sooner=False) as cluster:
        cluster.start(2)
        space = {"parameters": {"learning_rate": {"values": rates}}, "resources": {"max_failures": 1000}}
        training = {"training": {"num_train_epochs": EPOCHS}}
        search = Search(cluster, Path(folder), train_rows=ROWS, settings=training, **space)
        process = search.start("run", search.file)
        kills: list[tuple[float, Machine]] = []
        if take is not None:
            search.wait_for_report(cluster.machines[1], process)
            *busy, spare = cluster.machines[1:]
            while process.poll() is None:
                lost = busy.pop(0)
                kills.append((time.time(), lost))
                take(lost)
                spare.join()
                cluster.start_worker(spare)
                busy, spare = [*busy, spare], lost
                ends = kills[-1][0] + KILL_EVERY_S
                while process.poll() is None and time.time() < ends:
                    time.sleep(0.1)
        search.ends(process, within_s=1800)
        events, warnings = read_events(search.run.events)
        assert warnings == []
        return _found(events, kills)


def _found(events: list[Event], kills: list[tuple[float, Machine]]) -> Found:
    state = fold(events)
    assert [trial.status for trial in state.trials.values()] == ["finished"] * TRIALS
    useful = sum(report.metrics["train_s"] for trial in state.trials.values() for report in trial.reports)
    reports = [event for event in events if isinstance(event, Reported)]
    noticed, trains, evaluated = [], [], []
    for event in events:
        if not isinstance(event, Retried):
            continue
        moment = _moment_of(event, events, kills)
        if moment is None:
            continue
        later = [one for one in events if one.time >= event.time and getattr(one, "trial", None) == event.trial]
        begun = next((one.time for one in later if isinstance(one, TrialStarted)), None)
        told = next((one.time for one in later if isinstance(one, Reported)), None)
        noticed.append(event.time - moment)
        if begun is not None:
            trains.append(begun - moment)
        if told is not None:
            evaluated.append(told - moment)
    again = len(reports) - len({(one.trial, one.iteration) for one in reports})
    moments = [moment for moment, _ in kills]
    return Found(events[-1].time - events[0].time, useful, moments, again, noticed, trains, evaluated)


def _moment_of(lost: Retried, events: list[Event], kills: list[tuple[float, Machine]]) -> float | None:
    """When the machine was taken that a lost attempt ran on; None where its log does not say which that was.

    The last one before need not be it: a lost power is noticed later than the next comes.
    """
    of_it = [one for one in events if getattr(one, "trial", None) == lost.trial and getattr(one, "attempt", None) == lost.attempt]
    reports = [one for one in of_it if isinstance(one, Reported)]
    began = next((one.time for one in of_it if isinstance(one, TrialStarted)), 0.0)
    found = [(moment, machine) for moment, machine in kills if began <= moment <= lost.time]
    if reports:
        found = [(moment, machine) for moment, machine in found if machine.address == reports[-1].node]
    return found[0][0] if len(found) == 1 or (reports and found) else None
