"""How soon the search finds good settings: replayed on recorded learning curves, and on functions that ship with this benchmark.

The tables are judged by the referee that comes with them (BENCH_SEARCH names its file, replay.py; its head says what the figures are), all
searches in one run beside its comparators; without it there are the functions alone. These are played the same way: four workers, the time
of thirty whole trainings, a step of about one unit of time. Intervals are of a bootstrap over seeds, paired: all have the same seeds.
"""

from __future__ import annotations

import heapq
import importlib.util
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._functions import STEPS, Task, tasks
from benchmarks._replayed import Replayed
from summtune.config.stopping import Stopping
from summtune.events.kinds import Taught
from summtune.space.parameters import Reals
from summtune.space.space import Space

REFEREE = Path(os.environ.get("BENCH_SEARCH", Path(__file__).parents[2] / "shared" / "benchmarks" / "replay.py"))
SEEDS = int(os.environ.get("BENCH_SEEDS", "20"))
WORKERS, WHOLE = 4, 30
COUNT = 200
"""Trials that a search is said to have; time runs out before."""
ETA = 3

Trace = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A method of search/methods with a rule of search/stopping."""

    method: str
    rule: str

    def make(self, space: Space, seed: int, steps: int, taught: Sequence[Taught] = ()) -> Replayed:
        """Begin a search, with the rungs of the default."""
        return Replayed(space, seed, self.method, Stopping(self.rule, ETA, -(-steps // 20), steps), COUNT, steps, taught)


DEFAULT, STOCK = "bayes + asha", "stock tpe+asha"
OURS = {
    DEFAULT: Way("bayes", "asha"),
    "bayes + hyperband": Way("bayes", "hyperband"),
    "tpe + asha": Way("tpe", "asha"),
    "random + asha": Way("random", "asha"),
}
STOCKLIKE = "tpe + hyperband"
FOR_FUNCTIONS = {**OURS, STOCKLIKE: Way("tpe", "hyperband"), "random + hyperband": Way("random", "hyperband")}


def main() -> None:
    """Print the tables."""
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        if REFEREE.is_file():
            tables = sorted((REFEREE.parent / "taskset").glob("*.json"))
            names = ["random", "random+asha", STOCK, *OURS]
            found: dict[str, list[list[Trace]]] = {name: [] for name in names}
            for path in tables:
                for name, one in zip(names, pool.map(_on_table, [path] * len(names), names), strict=True):
                    found[name].append(one)
            print(f"**Recorded curves**: {len(tables)} tables, {SEEDS} seeds.\n")
            _table(found, STOCK, "random", [path.stem.rpartition("imdb_")[2] for path in tables])
        functions = tasks()
        played = {name: list(pool.map(_on_function, range(len(functions)), [name] * len(functions))) for name in ("random", *FOR_FUNCTIONS)}
        print(f"**Functions**: {len(functions)}, {SEEDS} seeds.\n")
        _table(played, STOCKLIKE, "random", [task.name for task in functions])


def read_referee() -> Any:
    """The referee, as a module."""
    spec = importlib.util.spec_from_file_location("referee", REFEREE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_table(path: Path) -> tuple[Any, Any, Space]:
    """The referee, its task behind a table, and the space that is searched."""
    referee = read_referee()
    task = referee.Task(path)
    task.model.n_jobs = 1
    return (
        referee,
        task,
        Space.of([Reals(key, float(low), float(high), log=key in referee.LOG) for key, (low, high) in task.bounds.items()]),
    )


def _on_table(path: Path, name: str) -> list[Trace]:
    """Regret over the referee's time, a trace for each seed."""
    warnings.filterwarnings("ignore")
    referee, task, space = read_table(path)
    bounds = {key: (float(low), float(high)) for key, (low, high) in task.bounds.items()}

    def make(seed: int) -> Any:
        return OURS[name].make(space, seed, referee.STEPS) if name in OURS else referee.COMPARATORS[name](bounds, seed)

    return [task.regret(referee.simulate(make(seed), task, seed)) for seed in range(SEEDS)]


def _on_function(number: int, name: str) -> list[Trace]:
    task = tasks()[number]
    typical = typical_loss(task)
    way = FOR_FUNCTIONS.get(name, Way("random", "none"))
    return [play(way.make(task.space, seed, STEPS), task, seed) / typical for seed in range(SEEDS)]


def typical_loss(task: Task) -> float:
    """The median loss of random points."""
    draw = np.random.default_rng(99)
    return float(np.median([task.loss(_random_point(task.space, draw)) for _ in range(2000)]))


def _random_point(space: Space, draw: np.random.Generator) -> Mapping[str, Any]:
    from summtune.space.source import Dice

    found = space.draw(Dice(int(draw.integers(2**31))))
    assert found is not None
    return found.point


def play(search: Replayed, task: Task, seed: int, budget: int = WHOLE * STEPS) -> Trace:
    """Best loss by each unit of a worker's time, without the noise that the search sees."""
    draw = np.random.default_rng(seed)
    queue: list[tuple[float, int]] = []
    curves: list[Trace] = []
    at: list[int] = []
    seen: list[tuple[float, float]] = []
    idle, now = WORKERS, 0.0
    while True:
        while idle:
            trial = search.resume()
            if trial is None:
                point = search.suggest(len(curves))
                if point is None:
                    break
                trial = len(curves)
                curves.append(task.curve(point))
                at.append(0)
            idle -= 1
            heapq.heappush(queue, (now + draw.uniform(0.9, 1.1), trial))
        if not queue:
            break
        now, trial = heapq.heappop(queue)
        if now > budget / WORKERS:
            break
        at[trial] += 1
        loss = float(curves[trial][at[trial] - 1])
        seen.append((now, loss))
        verdict = search.report(trial, at[trial], loss + draw.normal(0.0, task.noise) if task.noise else loss)
        if verdict == "continue" and at[trial] < STEPS:
            heapq.heappush(queue, (now + draw.uniform(0.9, 1.1), trial))
            continue
        idle += 1
        if verdict != "pause":
            search.finish(trial, at[trial], loss, stopped=at[trial] < STEPS)
    times, best = np.array([when for when, _ in seen]), np.minimum.accumulate([loss for _, loss in seen])
    places = np.searchsorted(times, np.arange(1, budget + 1) / WORKERS, side="right") - 1
    return np.asarray(np.where(places >= 0, best[np.maximum(places, 0)], 1.0), dtype=np.float64)


def _table(found: Mapping[str, Sequence[Sequence[Trace]]], stock: str, random: str, names: Sequence[str]) -> None:
    """Regret, auc and speed-up by the referee's definitions, and beside the stock combination with 95 % intervals."""
    traces = {name: np.array([np.array(of_task) for of_task in tasks_]) for name, tasks_ in found.items()}  # (tasks, seeds, time)
    finals = {name: one[:, :, -1] for name, one in traces.items()}
    aucs = {name: np.log10(np.maximum(one, 1e-3)).mean(axis=2) for name, one in traces.items()}
    goals = finals[random].mean(axis=1)
    hits = {name: _hits(one, goals) for name, one in traces.items()}
    print("| search | regret | auc | speed-up | regret / stock's | auc − stock's | speed-up / stock's |")
    print("|---|---|---|---|---|---|---|")
    for name in traces:
        budget = traces[name].shape[2]
        cells = [f"{finals[name].mean():.3f}", f"{aucs[name].mean():.3f}", f"{_speedup(hits[name], budget):.2f}"]
        for figure in (
            lambda seeds, one=name: finals[one][:, seeds].mean() / finals[stock][:, seeds].mean(),
            lambda seeds, one=name: aucs[one][:, seeds].mean() - aucs[stock][:, seeds].mean(),
            lambda seeds, one=name, time=budget: _speedup(hits[one][:, seeds], time) / _speedup(hits[stock][:, seeds], time),
        ):
            low, high = _interval(figure, finals[name].shape[1])
            cells.append(f"{figure(np.arange(finals[name].shape[1])):.2f} ({low:.2f} – {high:.2f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n| regret by task | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for name, one in finals.items():
        print(f"| {name} | {' | '.join(f'{of_task.mean():.3f} ± {of_task.std() / math.sqrt(len(of_task)):.3f}' for of_task in one)} |")
    print(flush=True)


def _hits(traces: Trace, goals: Trace) -> Trace:
    """When each trace comes down to its task's goal; the whole time where it doesn't. Of shape (tasks, seeds)."""
    budget = traces.shape[2]
    reached = traces <= goals[:, None, None]
    return np.asarray(np.where(reached.any(axis=2), reached.argmax(axis=2) + 1, budget), dtype=np.float64)


def _speedup(hits: Trace, budget: int) -> float:
    return float(np.exp(np.log(budget / np.median(hits, axis=1)).mean()))


def _interval(figure: Callable[[Any], float], seeds: int) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    drawn = [figure(draw.integers(seeds, size=seeds)) for _ in range(1000)]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))
