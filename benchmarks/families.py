"""What the tiny twins of the four presets learn from real Korean dialogues, and how fast.

Each twin is trained with its own settings on dialogsum_ko (340 dialogues to learn from, 60 to be scored by), which is not part of this
project: the folder is DIALOGSUM_KO, or ../shared/data/dialogsum_ko; without it the sample data take its place, and the table says so.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import fmean, stdev

from summtune.config.complete import load_settings
from summtune.paths import AttemptPaths, shipped
from summtune.training.job import Job
from summtune.training.train import train

TWINS = ("tiny-kobart", "tiny-kogpt2", "tiny-t5", "tiny-mt5")
SEEDS = (1, 2, 3)
EPOCHS = 4
THREADS = 1

Line = dict[str, float | int]


def main() -> None:
    """Print the tables."""
    real = Path(os.environ.get("DIALOGSUM_KO", Path(__file__).parents[2] / "shared" / "data" / "dialogsum_ko"))
    data = real if real.is_dir() else shipped("data")
    print(f"Data: {'dialogsum_ko' if real.is_dir() else 'the sample data, since dialogsum_ko is not here'}; ", end="")
    print(f"{EPOCHS} epochs, seeds {', '.join(map(str, SEEDS))}, {THREADS} thread; mean ± standard deviation over the seeds.\n")
    histories: dict[str, list[list[Line]]] = {}
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
        for twin in TWINS:
            _train(twin, data, 0, Path(folder) / "first", epochs=1)  # tokenizer, weights and tokens are made, libraries imported
            histories[twin] = [_train(twin, data, seed, Path(folder) / f"{twin}-{seed}") for seed in SEEDS]
    print(
        "| twin | parameters | loss after 1 epoch | after the last | least | best rouge_combined_f1 | tokens/s | training | evaluations |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for twin, runs in histories.items():
        cells = [
            f"{runs[0][0]['parameters'] / 1e6:.2f} M",
            _spread([run[0]["loss"] for run in runs]),
            _spread([run[-1]["loss"] for run in runs]),
            _spread([min(line["loss"] for line in run) for run in runs]),
            _spread([max(line["rouge_combined_f1"] for line in run) for run in runs], 4),
            f"{fmean(line['tokens_per_second'] for run in runs for line in run):,.0f}",
            f"{fmean(sum(line['train_s'] for line in run) for run in runs):.1f} s",
            f"{fmean(sum(line['evaluation_s'] for line in run) for run in runs):.1f} s",
        ]
        print(f"| {twin} | {' | '.join(cells)} |")
    print(f"\nDevelopment loss / rouge_combined_f1 by epoch, means of the {len(SEEDS)} seeds:\n")
    print(f"| twin | {' | '.join(str(number) for number in range(1, EPOCHS + 1))} |\n|---|{'---|' * EPOCHS}")
    for twin, runs in histories.items():
        epochs = [[run[number] for run in runs] for number in range(EPOCHS)]
        cells = [
            f"{fmean(line['loss'] for line in lines):.2f} / {fmean(line['rouge_combined_f1'] for line in lines):.3f}" for lines in epochs
        ]
        print(f"| {twin} | {' | '.join(cells)} |")


def _train(twin: str, data: Path, seed: int, folder: Path, epochs: int = EPOCHS) -> list[Line]:
    given = {
        "data.train": data / "train.csv",
        "data.dev": data / "dev.csv",
        "general.device": "cpu",
        "general.seed": seed,
        "training.num_train_epochs": epochs,
        "evaluation.strategy": "full",
    }
    settings = load_settings(twin, assignments=[f"{key}={value}" for key, value in given.items()], environ={}).resolved.settings
    history: list[Line] = []
    job = Job(settings, "rouge_combined_f1", True, AttemptPaths(folder), folder.parent / "cache", threads=THREADS)
    train(job, lambda metrics, checkpoint: history.append(metrics))
    return history


def _spread(values: list[float | int], digits: int = 3) -> str:
    return f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}"
