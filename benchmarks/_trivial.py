"""Searches of a trivial training, by summtune and by Ray Tune alone: what is left when training costs nothing."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from summtune.events.fold import RunState
from summtune.events.kinds import Ended, Event

REPORTS = 10
AT_ONCE = 2


@dataclass(frozen=True)
class Cost:
    """What a search took.

    Attributes:
        seconds: from the beginning of the search to its end, Ray being up.
        cpu_s: of this process, Ray's own threads included.
        marks: by number of finished trials: CPU seconds and MB of this process by then.
    """

    seconds: float
    cpu_s: float
    marks: dict[int, tuple[float, float]]


def evaluated(learning_rate: float, iteration: int) -> dict[str, float]:
    """What is reported, by both."""
    score = (1 - 0.5**iteration) / (1 + abs(math.log10(learning_rate) + 3.7))
    return {"iteration": iteration, "epoch": float(iteration), "step": iteration, "loss": 1 - score, "rouge_combined_f1": score}


def trivial(job: Any, report: Callable[[dict[str, float], Path | None], None], note: Callable[[str], None]) -> None:
    """The work of a trial of summtune's."""
    for iteration in range(1, REPORTS + 1):
        report(evaluated(job.settings.training.learning_rate, iteration), None)


def trivial_alone(config: dict[str, Any]) -> None:
    """The same as Ray Tune's own trainable."""
    from ray import tune

    for iteration in range(1, REPORTS + 1):
        tune.report(evaluated(config["learning_rate"], iteration))


def ours(trials: int, method: str = "random") -> Cost:
    """A search by summtune, from reading the data to the closing of the run."""
    from summtune.config.experiment import load_experiment
    from summtune.tuning import engine
    from summtune.tuning.drive import Witness
    from summtune.tuning.launch import start

    space = {
        "name": "trivial",
        "method": method,
        "baseline": False,
        "run_cap": trials,
        "parameters": {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
        "early_terminate": {"type": "none"},
        "resources": {"max_concurrent_trials": AT_ONCE},
        "settings": {
            "general": {"device": "cpu"},
            "training": {"num_train_epochs": REPORTS},
            "evaluation": {"strategy": "full"},
            "wandb": {"mode": "disabled"},
        },
    }
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder, engine.connected("benchmark", None):
        file = Path(folder) / "trivial.yaml"
        file.write_text(yaml.safe_dump(space), encoding="utf-8")
        experiment = load_experiment(file, environ={})
        marks = Marks()
        watch = partial(_on_event, marks)
        witness = Witness(lambda opened: None, watch, lambda: None, print)
        return _cost(lambda: start(experiment, folder, [], witness, work=trivial), marks)


def _on_event(marks: Marks, event: Event, state: RunState) -> None:
    if isinstance(event, Ended):
        marks.ended()


def bare(trials: int, loggers: bool = True) -> Cost:
    """A search by Ray Tune alone: as it comes, or without what it logs of each result (JSON, CSV), which summtune turns off, too."""
    import ray
    from ray import tune

    marks = Marks()

    class Counting(tune.Callback):  # type: ignore[misc]  # Ray ships no types
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            marks.ended()

    if not loggers:
        os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    ray.init(log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
        tuner = tune.Tuner(
            tune.with_resources(trivial_alone, {"CPU": 1}),
            param_space={"learning_rate": tune.loguniform(1e-5, 1e-2)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True, max_concurrent_trials=AT_ONCE),
            run_config=tune.RunConfig(name="bare", storage_path=folder, verbose=0, callbacks=[Counting()]),
        )
        found = _cost(tuner.fit, marks)
    ray.shutdown()
    return found


class Marks:
    """Counts finished trials, and looks at this process at every hundredth."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[float, float]] = {}
        self._finished = 0

    def ended(self) -> None:
        self._finished += 1
        if self._finished % 100 == 0:
            self.found[self._finished] = (time.process_time(), resident_mb())


def resident_mb() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _cost(search: Callable[[], object], marks: Marks) -> Cost:
    began, cpu = time.perf_counter(), time.process_time()
    search()
    return Cost(time.perf_counter() - began, time.process_time() - cpu, marks.found)
