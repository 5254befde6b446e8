"""What cheap evaluations save, and whether they put models in the order that full ones put them in.

Random points around tiny-kobart are trained on DialogSum (BENCH_DATA names the folder of dialogsum_en and dialogsum_ko), each evaluated
after every epoch by the cheap evaluation. Then every trained model is evaluated in full (all development dialogues, 4 beams, at most 100
tokens) and by cheap evaluations of several sizes, in turns, in one process, on one thread. An order is judged by the pairs of models
whose full scores differ by more than twice their standard error, paired over dialogues. Costs of evaluations and of the decode stage are
CPU seconds of that process, which other work on the machine hardly changes. BENCH_CORPORA names one corpus only.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from summtune.config.complete import load_settings
from summtune.config.experiment import settings_over
from summtune.config.settings import Settings
from summtune.config.stages import DecodeStage
from summtune.corpus.dialogues import read_split
from summtune.decoding.evaluation import Evaluated, Evaluator
from summtune.paths import AttemptPaths
from summtune.space.parameters import Choice, Reals
from summtune.space.space import Space
from summtune.training.best_model import DIGITS
from summtune.training.job import Job
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.reopened import reopen
from summtune.training.train import train
from summtune.tuning.decode_race import Race, race

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
CORPORA = {"dialogsum_en": 1200, "dialogsum_ko": 340}
"""Dialogues that are trained on."""
CHOSEN = os.environ.get("BENCH_CORPORA", " ".join(CORPORA)).split()
POINTS = int(os.environ.get("BENCH_POINTS", "20"))
EPOCHS = 4
SIZES = (12, 24, 48, 120)
SETTINGS = 30
"""Tried by the decode stage on one checkpoint."""
CHECKPOINTS = 4
"""Decoded again with other settings, the best first."""
OBJECTIVE = "rouge_combined_f1"
DECODING = {"generation.num_beams": 4, "generation.max_length": 100, "generation.no_repeat_ngram_size": 2}


@dataclass(frozen=True)
class Model:
    """A trained point.

    Attributes:
        folder: its best model.
        settings: what it was trained with.
        train_s, evaluation_s: of the whole training.
    """

    folder: Path
    settings: Settings
    train_s: float
    evaluation_s: float


def main() -> None:
    """Print the tables."""
    for corpus in CHOSEN:
        dialogues = CORPORA[corpus]
        with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
            _corpus(corpus, dialogues, Path(folder))


def _corpus(corpus: str, dialogues: int, folder: Path) -> None:
    base = _settings(corpus, dialogues)
    draw = random.Random(7)
    points = [
        {
            "training.learning_rate": 10 ** draw.uniform(-4.0, -2.0),
            "training.warmup_ratio": draw.uniform(0.0, 0.3),
            "training.per_device_train_batch_size": draw.choice([4, 8, 16]),
            "training.label_smoothing": draw.choice([0.0, 0.1]),
            "model.dropout_rate": draw.choice([0.0, 0.1]),
        }
        for _ in range(POINTS)
    ]
    _trained(base, folder / "warm", folder / "cache", epochs=1)  # tokenizer, weights and token ids are made, libraries imported
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 1)), mp_context=get_context("spawn")) as pool:
        arguments = [(settings_over(base, point), folder / str(number), folder / "cache") for number, point in enumerate(points)]
        models = [one.result() for one in [pool.submit(_trained, *each) for each in arguments]]
    dev = read_split(base.data, "dev")
    print(f"**{corpus}**: {dialogues} dialogues to learn from, {len(dev.dialogues)} to be scored by, ", end="")
    print(f"{POINTS} random points, {EPOCHS} epochs.\n")
    share = [model.evaluation_s / (model.evaluation_s + model.train_s) for model in models]
    print(f"Cheap evaluations took {fmean(share):.1%} of a training's time (from {min(share):.1%} to {max(share):.1%}).\n", flush=True)
    with to_file(None, "error"), restored(1):
        found = [_evaluations(model, folder / "cache") for model in models]
        _compare(found, len(dev.dialogues))
    print(f"{SETTINGS} settings of generation on the best checkpoints, loading included:\n")
    print("| checkpoint | in full evaluations of it | dropped early | rouge_combined_f1 |\n|---|---|---|---|")
    best = sorted(range(len(found)), key=lambda number: -found[number]["full"].metrics[OBJECTIVE])[:CHECKPOINTS]
    for place, number in enumerate(best, start=1):
        _decode(place, models[number], found[number]["full"])
    print()


def _decode(place: int, model: Model, full: Evaluated) -> None:
    """What the decode stage costs on one checkpoint, in plain full evaluations of it (their loss left in)."""
    space = (
        Choice("generation.num_beams", (1, 2, 4, 6)),
        Choice("generation.no_repeat_ngram_size", (0, 2, 3)),
        Reals("generation.length_penalty", 0.5, 2.0),
        Reals("generation.repetition_penalty", 1.0, 1.5),
    )
    stage = DecodeStage(Space.of(space), "bayes", SETTINGS, 1)
    plain = model.settings.model_dump(mode="json")
    scores = [round(score, DIGITS) for score in full.per_dialogue[OBJECTIVE]]
    asked = Race("best", str(model.folder), plain, stage.to_record(), OBJECTIVE, True, full.metrics, best_scores=scores, threads=1)
    began = time.process_time()
    tried = [one.decoded for one in race(asked) if one.decoded is not None]
    took = time.process_time() - began
    dropped = sum(one.dropped for one in tried)
    best = max([full.metrics[OBJECTIVE], *(one.score for one in tried if one.best)])
    print(
        f"| {place} | {took / full.evaluation_s:.1f} | {dropped} of {len(tried)} | {full.metrics[OBJECTIVE]:.4f} → {best:.4f} |", flush=True
    )


def _settings(corpus: str, dialogues: int) -> Settings:
    given = {
        "data.train": DATA / corpus / "train.csv",
        "data.dev": DATA / corpus / "dev.csv",
        "data.max_train_samples": dialogues,
        "general.device": "cpu",
        "training.num_train_epochs": EPOCHS,
        **DECODING,
    }
    return load_settings("tiny-kobart", assignments=[f"{key}={value}" for key, value in given.items()], environ={}).resolved.settings


def _trained(settings: Settings, folder: Path, cache: Path, epochs: int = EPOCHS) -> Model:
    settings = settings_over(settings, {"training.num_train_epochs": epochs})
    lines: list[dict[str, float | int]] = []
    attempt = AttemptPaths(folder)
    train(Job(settings, OBJECTIVE, True, attempt, cache, threads=1), lambda metrics, checkpoint: lines.append(metrics))
    best = max(lines, key=lambda line: (line[OBJECTIVE], -line["iteration"]))
    seconds = (sum(line[key] for line in lines) for key in ("train_s", "evaluation_s"))
    return Model(attempt.best_model(int(best["iteration"])), settings, *map(float, seconds))


def _evaluations(model: Model, cache: Path) -> dict[str, Evaluated]:
    """The full evaluation of a model, the cheap one as it is by default, and those of several sizes."""
    split = read_split(model.settings.data, "dev")
    texts, references = [one.dialogue for one in split.dialogues], [one.references for one in split.dialogues]
    family, loaded = reopen(model.folder, model.settings)
    columns: dict[str, Any] = family.encode(loaded.tokenizer, texts, [several[0] for several in references], model.settings)

    def evaluator(*, cheap: bool, **evaluation: Any) -> Evaluator:
        settings = settings_over(model.settings, {f"evaluation.{name}": value for name, value in evaluation.items()})
        return Evaluator(family, loaded.tokenizer, columns, texts, references, settings, cache, cheap=cheap)

    ways = {"full": evaluator(cheap=False), "default": evaluator(cheap=True)}
    ways |= {f"as the model decodes, {size}": evaluator(cheap=True, proxy_samples=size) for size in SIZES if size < len(texts)}
    ways |= {
        name: evaluator(cheap=True, proxy_samples=size, proxy_decoding="greedy")
        for name, size in (("greedy, a quarter", len(texts) // 4), ("greedy, all", len(texts)))
    }
    return {name: _in_cpu_seconds(one, loaded.model) for name, one in ways.items()}


def _in_cpu_seconds(evaluator: Evaluator, model: Any) -> Evaluated:
    began = time.process_time()
    evaluated = evaluator.evaluate(model)
    return replace(evaluated, evaluation_s=time.process_time() - began)


def _compare(found: list[dict[str, Evaluated]], dialogues: int) -> None:
    clear = list(_clear_pairs([one["full"] for one in found]))
    scores = [one["full"].metrics[OBJECTIVE] for one in found]
    print(f"Full scores from {min(scores):.4f} to {max(scores):.4f}, median {median(scores):.4f}; {len(clear)} of ", end="")
    print(f"{len(found) * (len(found) - 1) // 2} pairs differ by more than twice their standard error.\n")
    print("| cheap evaluation | dialogues | share of full's CPU time, mean | from – to | τ over the clear pairs | 95 % | τ over all |")
    print("|---|---|---|---|---|---|---|")
    for way in [name for name in found[0] if name != "full"]:
        costs = [one[way].evaluation_s / one["full"].evaluation_s for one in found]
        cheap = [one[way].metrics[OBJECTIVE] for one in found]
        low, high = _interval(cheap, scores, clear)
        every = list(combinations(range(len(found)), 2))
        ratio = sum(one[way].evaluation_s for one in found) / sum(one["full"].evaluation_s for one in found)
        print(
            f"| {way} | {len(found[0][way].places)} of {dialogues} | {ratio:.1%} | {min(costs):.1%} – {max(costs):.1%} | "
            f"{_tau(cheap, scores, clear):.3f} | {low:.3f} – {high:.3f} | {_tau(cheap, scores, every):.3f} |",
            flush=True,
        )
    print()


def _clear_pairs(found: list[Evaluated]) -> Iterator[tuple[int, int]]:
    for one, other in combinations(range(len(found)), 2):
        differences = [a - b for a, b in zip(found[one].per_dialogue[OBJECTIVE], found[other].per_dialogue[OBJECTIVE], strict=True)]
        if abs(fmean(differences)) > 2 * stdev(differences) / sqrt(len(differences)):
            yield one, other


def _tau(cheap: list[float], full: list[float], pairs: list[tuple[int, int]]) -> float:
    return fmean(_sign(cheap[a] - cheap[b]) * _sign(full[a] - full[b]) for a, b in pairs) if pairs else float("nan")


def _interval(cheap: list[float], full: list[float], pairs: list[tuple[int, int]]) -> tuple[float, float]:
    """Of τ, by drawing models anew."""
    draw, places = random.Random(1), range(len(full))
    found = []
    for _ in range(1000):
        weight: Mapping[int, int] = _counts([draw.choice(places) for _ in places])
        weighted = [(weight.get(a, 0) * weight.get(b, 0), _sign(cheap[a] - cheap[b]) * _sign(full[a] - full[b])) for a, b in pairs]
        total = sum(times for times, _ in weighted)
        if total:
            found.append(sum(times * sign for times, sign in weighted) / total)
    found.sort()
    return found[int(0.025 * len(found))], found[int(0.975 * len(found))]


def _counts(drawn: list[int]) -> dict[int, int]:
    return {place: drawn.count(place) for place in drawn}


def _sign(value: float) -> float:
    return (value > 0) - (value < 0)
