"""Does tuning pay? The best trial of `search_spaces/lr.yaml` against the preset's own settings, on the test split.

Three searches with different seeds, each as `make demo` runs it; best and baseline of each are scored on the test split, which no search
has seen. Then whether those own settings are sound: their development score among 20 random points of the same space, all trained to
their end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median, stdev

from summtune.events import standings
from summtune.events.mending import read_run
from summtune.inference.predict import predict
from summtune.paths import RunPaths, shipped

SEEDS = (1, 2, 3)
RANDOM_POINTS = 20
SPACE = shipped("search_spaces") / "lr.yaml"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
        output_dir = Path(folder)
        print("| seed | time of the run | baseline, test | best, test | gain | best, dev | baseline, dev |")
        print("|---|---|---|---|---|---|---|")
        gains = [_one_search(output_dir, seed) for seed in SEEDS]
        print(
            f"\nMean gain on the test split: {fmean(gains):+.4f} (standard deviation {stdev(gains):.4f}, {len(gains)} seeds)\n", flush=True
        )
        _own_settings_among_random_points(output_dir)


def _one_search(output_dir: Path, seed: int) -> float:
    began = time.perf_counter()
    run = _run(output_dir, f"general.seed={seed}")
    took = time.perf_counter() - began
    state, _ = read_run(run)
    best, baseline = standings.best(state), state.baseline
    assert best is not None
    assert baseline is not None
    test = shipped("data") / "test.csv"
    scores = []
    for trial in (baseline, best):
        done = predict(run.trial(trial.id).best_model, test, output_dir / "predictions.csv")
        assert done.metrics is not None
        scores.append(done.metrics["rouge_combined_f1"])
    own, tuned = scores
    by_dev = f"{state.full_score(best):.4f} | {state.full_score(baseline):.4f}"
    print(f"| {seed} | {took:.0f} s | {own:.4f} | {tuned:.4f} | {tuned - own:+.4f} | {by_dev} |", flush=True)
    return tuned - own


def _own_settings_among_random_points(output_dir: Path) -> None:
    alike = ("method=random", "early_terminate.type=none", "evaluation.strategy=full")
    run = _run(output_dir, *alike, f"count={RANDOM_POINTS}", "general.seed=4")
    state, _ = read_run(run)
    points = sorted(score for trial in state.searched if (score := state.score(trial)) is not None)
    baseline = state.baseline
    assert baseline is not None
    own = state.score(baseline)
    assert own is not None
    below = sum(score <= own for score in points)
    print(
        f"The preset's own settings score {own:.4f} on dev; {len(points)} random points of the same space: median {median(points):.4f}, ",
        end="",
    )
    print(f"from {points[0]:.4f} to {points[-1]:.4f}; {below} of them do no better than the preset's own.")


def _run(output_dir: Path, *assignments: str) -> RunPaths:
    words = [word for assignment in assignments for word in ("--set", assignment)]
    command = [sys.executable, "-m", "summtune", "run", str(SPACE), "--output-dir", str(output_dir), "--json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return RunPaths(Path(json.loads(done.stdout)["folder"]))
