"""What summtune costs beside Ray Tune alone, when the training itself costs nothing, and how that grows with the number of trials.

First: searches of a trivial training (10 reports), by summtune (event log, study, promotion and all) and by Ray Tune alone, with random
points, as many at a time, reused actors and no checkpoints, in turns, each in a process of its own with a Ray of its own; the time is that
of the search, Ray's start not among it. Then: CPU and memory of the driver's process from one hundred finished trials on, in such runs; and
of summtune's driver alone, with somebody playing Ray Tune's part, up to 10,000 trials.

BENCH_TRIALS, BENCH_PAIRS and BENCH_GROWTH (trials of the longer runs) make it shorter or longer.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._played import played
from benchmarks._trivial import AT_ONCE, REPORTS, Cost, bare, ours

TRIALS = int(os.environ.get("BENCH_TRIALS", "500"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "3"))
GROWTH = int(os.environ.get("BENCH_GROWTH", "2000"))
LOOKS = (100, 1000, 10_000)

WAYS: dict[str, Callable[[int], Cost]] = {
    "summtune": ours,
    "Ray Tune as it comes": bare,
    "Ray Tune without its loggers": partial(bare, loggers=False),
}


def main() -> None:
    """Print the tables."""
    print(f"One sync of a file on this disk: {_sync_ms():.1f} ms, median of 50.\n")
    _pairs()
    _growth()
    _alone()


def _pairs() -> None:
    found: dict[str, list[Cost]] = {name: [] for name in WAYS}
    for _ in range(PAIRS):
        for name, way in WAYS.items():
            found[name].append(_apart(way, TRIALS))
    print(f"{TRIALS} trials of {REPORTS} reports, {AT_ONCE} at a time, {PAIRS} rounds:\n")
    print("| | seconds, median | from – to | CPU of the driver | summtune's seconds are so many times these | summtune's CPU |")
    print("|---|---|---|---|---|---|")
    for name, costs in found.items():
        seconds = sorted(cost.seconds for cost in costs)
        times = _ratios([cost.seconds for cost in found["summtune"]], [cost.seconds for cost in costs])
        cpu = _ratios([cost.cpu_s for cost in found["summtune"]], [cost.cpu_s for cost in costs])
        own = f"{median(cost.cpu_s for cost in costs):.1f} s"
        print(f"| {name} | {median(seconds):.1f} | {seconds[0]:.1f} – {seconds[-1]:.1f} | {own} | {times} | {cpu} |")


def _ratios(ours: list[float], theirs: list[float]) -> str:
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    return f"{median(ratios):.2f} ({ratios[0]:.2f} – {ratios[-1]:.2f})"


def _growth() -> None:
    print(f"\nThe driver's process in runs of {GROWTH} trials:\n")
    print("| | CPU to a trial, from 100 to half of them | in the second half | memory to a trial, then | and then |")
    print("|---|---|---|---|---|")
    for name, way in WAYS.items():
        marks = _apart(way, GROWTH).marks
        places = (100, (GROWTH + 100) // 200 * 100, max(marks))
        spans = [
            ((marks[end][0] - marks[begin][0]) / (end - begin), (marks[end][1] - marks[begin][1]) / (end - begin))
            for begin, end in zip(places, places[1:], strict=False)
        ]
        cpu, memory = zip(*spans, strict=True)
        print(f"| {name} | {1e3 * cpu[0]:.1f} ms | {1e3 * cpu[1]:.1f} ms | {1024 * memory[0]:.0f} kB | {1024 * memory[1]:.0f} kB |")


def _alone() -> None:
    found = _apart(partial(played, looks=LOOKS), LOOKS[-1])
    print("\nsummtune's driver alone, played:\n\n| finished trials | CPU to an event | memory to a trial |\n|---|---|---|")
    for look in LOOKS:
        print(f"| {look} | {found.per_event_us[look]:.0f} µs | {1024 * found.megabytes[look] / look:.0f} kB |")
    print(
        f"\nIts log of {found.log_mb:.0f} MB is opened again in {found.opening_s:.1f} s, and shown in {found.showing_s:.1f} s more (CPU)."
    )


def _apart(way: Callable[[int], Any], trials: int) -> Any:
    """In a process of its own: neither memory nor environment is another's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(way, trials).result()


def _sync_ms() -> float:
    with tempfile.NamedTemporaryFile(dir=Path(tempfile.gettempdir()), buffering=0) as file:
        found = []
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 300)
            os.fsync(file.fileno())
            found.append(1000 * (time.perf_counter() - began))
    return median(found)
