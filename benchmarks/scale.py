"""How a run's driver grows with the number of trials, and with that of nodes, when a training costs nothing.

Real searches by the default method and rungs, by many actors at a time, each with half of a CPU that is there in name only. First one long
run, looked at as its trials are drawn, and then taken up again; then shorter ones on clusters of several Ray nodes on this machine, each
with its own raylet and object store. Each run has a process of its own.

BENCH_SCALE (trials of the long run), BENCH_SCALE_ACTORS, BENCH_NODES (`1,2,4,8`) and BENCH_NODE_TRIALS make it shorter or longer.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import yaml

from benchmarks._trivial import REPORTS, evaluated, resident_mb
from summtune.config.experiment import Experiment
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Event, PointDrawn
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.training.checkpoints import checkpoint_folder, prune, seal
from summtune.training.job import Job, Report

TRIALS = int(os.environ.get("BENCH_SCALE", "10000"))
ACTORS = int(os.environ.get("BENCH_SCALE_ACTORS", "50"))
NODES = [int(number) for number in os.environ.get("BENCH_NODES", "1,2,4,8").split(",")]
NODE_TRIALS = int(os.environ.get("BENCH_NODE_TRIALS", "500"))
LOOKS = (100, 300, 1000, 3000, 10_000)
SHARE = 0.5
"""CPUs of a trial. Nodes have CPUs enough, in name, for Ray to keep a process for each actor: it ends idle ones beyond a node's CPUs."""


@dataclass(frozen=True)
class Look:
    """The driver's process when so many trials had been drawn.

    Attributes:
        trials: drawn.
        seconds: since the first was.
        cpu_s: of this process, since then.
        memory_mb: that it holds.
        log_mb: the event log.
        snapshot_mb: Ray Tune's own, the newest.
        snapshot_s: that it took, during which nothing else is done.
        suggestion_ms: median of the last hundred points.
    """

    trials: int
    seconds: float
    cpu_s: float
    memory_mb: float
    log_mb: float
    snapshot_mb: float
    snapshot_s: float
    suggestion_ms: float


def main() -> None:
    """Print the tables."""
    print(f"One run of {TRIALS} trials of up to {REPORTS} reports, {ACTORS} actors, one node; `bayes` with `asha`:\n")
    print("| trials drawn | seconds a trial since the line above | driver CPU a trial | its memory | event log | snapshot | a suggestion |")
    print("|---|---|---|---|---|---|---|")
    _apart(TRIALS, 1, LOOKS, print_each=True)
    print(f"\nRuns of {NODE_TRIALS} trials, {ACTORS} actors on so many nodes; from the hundredth trial on:\n")
    print("| nodes | seconds a trial | CPU of the driver a trial | its memory |\n|---|---|---|---|")
    for nodes in NODES:
        first, last = _apart(NODE_TRIALS, nodes, (100, NODE_TRIALS))
        trials = last.trials - first.trials
        cpu = 1e3 * (last.cpu_s - first.cpu_s) / trials
        print(f"| {nodes} | {(last.seconds - first.seconds) / trials:.3f} | {cpu:.0f} ms | {last.memory_mb:.0f} MB |", flush=True)


def _apart(trials: int, nodes: int, looks: tuple[int, ...], *, print_each: bool = False) -> list[Look]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(searched, trials, nodes, looks, print_each).result()


def searched(trials: int, nodes: int, looks: tuple[int, ...], print_each: bool) -> list[Look]:
    """A search of so many trials on so many nodes; its looks, each printed as a row as soon as there is one, if it is to be."""
    from summtune.config.experiment import load_experiment
    from summtune.tuning import engine
    from summtune.tuning.drive import Opened, Witness
    from summtune.tuning.launch import start

    space = {
        "name": "scale",
        "run_cap": trials,
        "parameters": {
            "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
            "warmup_ratio": {"min": 0.0, "max": 0.3},
            "weight_decay": {"min": 0.0, "max": 0.1},
        },
        "resources": {"max_concurrent_trials": ACTORS, "cpus_per_trial": SHARE},
        "settings": {
            "general": {"device": "cpu"},
            "training": {"num_train_epochs": REPORTS},
            "evaluation": {"strategy": "full"},
            "wandb": {"mode": "disabled"},
        },
    }
    found = _Looking(looks, print_each)
    with (
        tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder,
        _cluster(nodes),
        engine.connected("benchmark", None),
        found.timing(),
    ):
        file = Path(folder) / "scale.yaml"
        file.write_text(yaml.safe_dump(space), encoding="utf-8")

        def opened(what: Opened) -> None:
            found.run = what.run.folder

        start(load_experiment(file, environ={}), folder, [], Witness(opened, found, lambda: None, print), work=trivial_with_checkpoints)
        if print_each:
            print(_taken_up_again(found.run, load_experiment(file, environ={})), flush=True)
    return found.looks


def trivial_with_checkpoints(job: Job, report: Report, note: Callable[[str], None]) -> None:
    """The work of a trial that, as real ones do, goes on from its checkpoint after a pause."""
    done = int(job.resume_from.name.split("-")[1]) if job.resume_from is not None else 0
    for iteration in range(done + 1, REPORTS + 1):
        folder = checkpoint_folder(job.attempt.checkpoints, iteration)
        folder.mkdir(parents=True)
        (folder / "weights").write_text("none", encoding="ascii")
        seal(folder)
        report(evaluated(job.settings.training.learning_rate, iteration), folder)
        prune(job.attempt.checkpoints, 2)


def _taken_up_again(folder: Path, experiment: Experiment) -> str:
    """How long it takes to know again what a run knew."""
    from summtune.search.study import Search

    began = time.perf_counter()
    state = fold(read_events(RunPaths(folder).events)[0])
    read = time.perf_counter()
    goals = [one.maximize for one in experiment.objectives]
    Search(experiment.space, experiment.method, maximize=goals, seed=42, count=TRIALS, identity=experiment.identity).replay(state)
    again = f"Taken up again: the event log read in {read - began:.1f} s, the study made anew in {time.perf_counter() - read:.1f} s."
    files = [entry.is_file() for entry in folder.rglob("*")]
    return f"\n{again}\nIts folder holds {sum(files)} files in {len(files) - sum(files)} folders."


@contextmanager
def _cluster(nodes: int) -> Iterator[None]:
    """So many Ray nodes on this machine, each with its share of the CPUs that are given out, and this process connected to them."""
    import ray
    from ray.cluster_utils import Cluster

    cpus = math.ceil(SHARE * ACTORS / nodes)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=cpus)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


_NOTHING = Look(0, 0, 0, 0, 0, 0, 0, 0)


class _Looking:
    """Looks at this process as points are drawn."""

    def __init__(self, looks: tuple[int, ...], print_each: bool) -> None:
        self.looks: list[Look] = []
        self._print_each = print_each
        self.run = Path()
        self._at = looks
        self._suggestions: list[float] = []
        self._snapshot_s = 0.0
        self._began = (0.0, 0.0)

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time each suggestion, and each snapshot."""
        from ray.tune.execution.tune_controller import TuneController

        from summtune.search.study import Search

        propose: Callable[..., Any] = Search.propose

        def timed(*given: Any) -> Any:
            began = time.perf_counter()
            proposal = propose(*given)
            self._suggestions.append(time.perf_counter() - began)
            return proposal

        save: Callable[..., None] = TuneController.save_to_dir

        def saved(controller: Any) -> None:
            began = time.perf_counter()
            save(controller)
            self._snapshot_s = time.perf_counter() - began

        with mock.patch.object(Search, "propose", timed), mock.patch.object(TuneController, "save_to_dir", saved):
            yield

    def __call__(self, event: Event, state: RunState) -> None:
        if not isinstance(event, PointDrawn):
            return
        if self._began == (0.0, 0.0):
            self._began = (time.perf_counter(), time.process_time())
        if state.drawn not in self._at or event.baseline:
            return
        snapshots = sorted((self.run / "tune").glob("experiment_state-*.json"), key=lambda file: file.stat().st_mtime)
        self.looks.append(
            Look(
                state.drawn,
                time.perf_counter() - self._began[0],
                time.process_time() - self._began[1],
                resident_mb(),
                (self.run / "events.jsonl").stat().st_size / 2**20,
                snapshots[-1].stat().st_size / 2**20 if snapshots else 0.0,
                self._snapshot_s,
                1e3 * median(self._suggestions[-100:]),
            )
        )
        if self._print_each:
            print(_row(self.looks[-2] if len(self.looks) > 1 else _NOTHING, self.looks[-1]), flush=True)


def _row(before: Look, look: Look) -> str:
    trials = look.trials - before.trials
    each = f"{(look.seconds - before.seconds) / trials:.3f} | {1e3 * (look.cpu_s - before.cpu_s) / trials:.0f} ms"
    sizes = f"{look.memory_mb:.0f} MB | {look.log_mb:.1f} MB | {look.snapshot_mb:.1f} MB in {look.snapshot_s:.2f} s"
    return f"| {look.trials} | {each} | {sizes} | {look.suggestion_ms:.0f} ms |"
