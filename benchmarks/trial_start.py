"""How long a trial takes to get going, and what Ray Train's local mode saves.

First: seconds from a trial's start to the end of its first optimiser step, of which loading data, tokenizer and model, in an actor's
first trial and in later ones. Then: four short trials, two at a time, as summtune runs them (local mode, reused actors) against the same
training function under one nested TorchTrainer worker per trial, as Ray's documentation shows it; both in turn, several times.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from summtune.config.experiment import Experiment, load_experiment
from summtune.events.mending import read_run
from summtune.paths import AttemptPaths, cache_dir
from summtune.tuning import engine
from summtune.tuning.drive import Witness
from summtune.tuning.launch import start

REPEATS = 3
TRIALS, AT_ONCE = 4, 2

SPACE: dict[str, Any] = {
    "name": "start",
    "method": "grid",
    "baseline": False,
    "parameters": {"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3]}},
    "early_terminate": {"type": "none"},
    "resources": {"max_concurrent_trials": AT_ONCE},
    "settings": {
        "general": {"device": "cpu"},
        "training": {"num_train_epochs": 1},
        "generation": {"num_beams": 1, "max_length": 16},
        "data": {"max_train_samples": 64, "max_val_samples": 16},
    },
}


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder, engine.connected("benchmark", None):
        file = Path(folder) / "start.yaml"
        file.write_text(yaml.safe_dump(SPACE), encoding="utf-8")
        experiment = load_experiment(file, environ={})
        times: dict[str, list[float]] = {"local mode, reused actors": [], "one nested worker per trial": []}
        starts: list[tuple[bool, float, float, float]] = []
        _local(experiment, Path(folder))  # warms the cache of tokenised data and made-up weights for both
        for repeat in range(REPEATS):
            times["local mode, reused actors"].append(_timed(lambda: starts.extend(_local(experiment, Path(folder)))))
            times["one nested worker per trial"].append(_timed(partial(_nested, experiment, Path(folder) / f"nested-{repeat}")))
    print("| | trials | first step after, median | of which loading | beyond loading |\n|---|---|---|---|---|")
    for label, first in (("first trial of an actor", True), ("reused actor", False)):
        chosen = [(orders, load, step) for is_first, orders, load, step in starts if is_first is first]
        orders, load, step = (median(column) for column in zip(*chosen, strict=True))
        print(f"| {label} | {len(chosen)} | {orders + step:.2f} s | {load:.2f} s | {orders + step - load:.2f} s |")
    print(f"\n{TRIALS} short trials, {AT_ONCE} at a time:\n\n| | median | from | to |\n|---|---|---|---|")
    for label, seconds in times.items():
        print(f"| {label} | {median(seconds):.1f} s | {min(seconds):.1f} s | {max(seconds):.1f} s |")
    ratios = sorted(b / a for a, b in zip(*times.values(), strict=True))
    print(f"\nNested takes {median(ratios):.1f} times as long (from {ratios[0]:.1f} to {ratios[-1]:.1f}, {REPEATS} pairs).")


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _local(experiment: Experiment, folder: Path) -> list[tuple[bool, float, float, float]]:
    """Run the trials as summtune does.

    Returns:
        Per trial: whether it is its actor's first, seconds from the driver's start of it to the training's, load_s, first_step_s.
    """
    run = start(experiment, str(folder), [], Witness(lambda opened: None, lambda event, state: None, lambda: None, print))
    state, _ = read_run(run)
    seen: set[int] = set()
    rows = []
    for trial in sorted(state.searched, key=lambda trial: trial.started_at or 0.0):
        (report,) = trial.reports
        assert trial.started_at is not None
        metrics = report.metrics
        whole = metrics["first_step_s"] + metrics["train_s"] + metrics["evaluation_s"]
        before = max(0.0, report.time - trial.started_at - whole)
        rows.append((report.pid not in seen, before, metrics["load_s"], metrics["first_step_s"]))
        seen.add(report.pid)
    return rows


def _nested(experiment: Experiment, folder: Path) -> None:
    """The same trainings, each in a nested worker group of one, as Ray's guide to Tune with Train shows it."""
    from ray import tune
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    points = list(experiment.space.points())

    def loop(config: dict[str, Any]) -> None:
        from ray import train as ray_train

        from summtune.training.job import Job
        from summtune.training.train import train

        attempt = AttemptPaths(folder / f"trial-{config['number']}")
        settings = experiment.settings_for(points[config["number"]])
        train(
            Job(settings, "rouge_combined_f1", True, attempt, cache_dir(), threads=1),
            lambda metrics, checkpoint: ray_train.report(dict(metrics)),
        )

    def trial(config: dict[str, Any]) -> None:
        TorchTrainer(
            loop,
            train_loop_config=config,
            scaling_config=ScalingConfig(num_workers=1, resources_per_worker={"CPU": 1}),
            run_config=RunConfig(name=f"trial-{config['number']}", storage_path=str(folder / "train"), callbacks=[TuneReportCallback()]),
        ).fit()

    tune.Tuner(
        tune.with_resources(trial, {"cpu": 0.01}),
        param_space={"number": tune.grid_search(list(range(TRIALS)))},
        tune_config=tune.TuneConfig(max_concurrent_trials=AT_ONCE),
        run_config=tune.RunConfig(name="nested", storage_path=str(folder / "tune"), verbose=0),
    ).fit()
