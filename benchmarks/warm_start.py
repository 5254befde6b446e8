"""Does it pay to let an earlier run teach a search? Replayed: a search with half the time and another seed, then one that is taught by it.

The same tasks, time and figures as in `search`. What the earlier search cost is not counted: it is there already.
"""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks._functions import STEPS, tasks
from benchmarks.search import REFEREE, WHOLE, Trace, Way, play, read_table, typical_loss

SEEDS = int(os.environ.get("BENCH_SEEDS", "10"))
METHODS = ("bayes", "tpe", "cmaes")
ANOTHER = 1000
"""What is added to a seed for the earlier search."""

PARTS = (0.1, 0.25, 0.5, 1.0)
"""Of the time, when regret is looked at."""


def main() -> None:
    """Print the tables."""
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        paths = sorted((REFEREE.parent / "taskset").glob("*.json")) if REFEREE.is_file() else []
        of_tables = {method: [pool.submit(_on_table, path, method) for path in paths] for method in METHODS}
        of_functions = {method: [pool.submit(_on_function, number, method) for number in range(len(tasks()))] for method in METHODS}
        for title, found in ((f"{len(paths)} tables", of_tables), (f"{len(tasks())} functions", of_functions)):
            if not found[METHODS[0]]:
                continue
            print(f"**{title}**, {SEEDS} seeds: mean regret after so much of the time, taught / untaught\n")
            print(f"| method | {' | '.join(f'{part:.0%}' for part in PARTS)} | ratio at the end | at {PARTS[1]:.0%} |")
            print(f"|{'---|' * (len(PARTS) + 3)}", flush=True)
            for method, futures in found.items():
                _row(method, np.array([future.result() for future in futures]))
            print(flush=True)


def _on_table(path: Path, method: str) -> list[list[Trace]]:
    """Regret over time, for each seed untaught and taught."""
    warnings.filterwarnings("ignore")
    referee, task, space = read_table(path)
    way, found = Way(method, "asha"), []
    for seed in range(SEEDS):
        earlier = way.make(space, seed + ANOTHER, referee.STEPS)
        referee.simulate(earlier, task, seed + ANOTHER, budget=referee.BUDGET // 2)
        searches = (way.make(space, seed, referee.STEPS), way.make(space, seed, referee.STEPS, [earlier.lesson()]))
        found.append([task.regret(referee.simulate(search, task, seed)) for search in searches])
    return found


def _on_function(number: int, method: str) -> list[list[Trace]]:
    warnings.filterwarnings("ignore")
    task = tasks()[number]
    way, found = Way(method, "asha"), []
    for seed in range(SEEDS):
        earlier = way.make(task.space, seed + ANOTHER, STEPS)
        play(earlier, task, seed + ANOTHER, WHOLE * STEPS // 2)
        searches = (way.make(task.space, seed, STEPS), way.make(task.space, seed, STEPS, [earlier.lesson()]))
        found.append([play(search, task, seed) / typical_loss(task) for search in searches])
    return found


def _row(method: str, traces: Trace) -> None:
    """One line.

    Args:
        method: whose.
        traces: of shape (tasks, seeds, untaught and taught, time).
    """
    places = [max(0, round(part * traces.shape[3]) - 1) for part in PARTS]
    means = traces.mean(axis=(0, 1))  # (untaught and taught, time)
    cells = [f"{means[1, place]:.3f} / {means[0, place]:.3f}" for place in places]
    draw = np.random.default_rng(0)
    for place in (places[-1], places[1]):
        at = traces[..., place].mean(axis=0)  # (seeds, untaught and taught)
        drawn = [at[draw.integers(len(at), size=len(at))].mean(axis=0) for _ in range(1000)]
        low, high = np.quantile([one[1] / one[0] for one in drawn], [0.025, 0.975])
        cells.append(f"{at[:, 1].mean() / at[:, 0].mean():.2f} ({low:.2f} – {high:.2f})")
    print(f"| {method} + asha | {' | '.join(cells)} |", flush=True)
