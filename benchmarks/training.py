"""What dynamic padding and grouping by length are worth: summtune's training beside three of transformers' own Seq2SeqTrainer.

The same small BART with the same initial weights sees the same dialogues as often, with the same arguments and threads; each way once per
seed, in turns, so that what else the machine does hits all alike. Then the loss of each on the same development dialogues, by the same
function. Needs DialogSum: BENCH_DATA names the folder that holds dialogsum_en and dialogsum_ko.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import yaml

from summtune.config import presets
from summtune.config.settings import Settings, Training
from summtune.corpus.dialogues import Split, read_split
from summtune.decoding.evaluation import loss_over
from summtune.families import Loaded, Sources, seq2seq
from summtune.paths import AttemptPaths, cache_dir
from summtune.training.arguments import Hardware, training_arguments
from summtune.training.job import Job
from summtune.training.log import to_file
from summtune.training.process import restored
from summtune.training.store import Store
from summtune.training.train import train

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (1, 2, 3, 4)
THREADS = 1
BATCH = 8
CORPORA = {"dialogsum_en": (640, 1), "dialogsum_ko": (320, 2)}
"""Dialogues that are trained on, and how often."""
DEV_ROWS = 80


@dataclass(frozen=True)
class Trained:
    """One training: its seconds, between the first step's beginning and the last one's end, and what came of it."""

    seconds: float
    padding_share: float
    dev_loss: float


@dataclass(frozen=True)
class Corpus:
    """Dialogues, tokenised, and the model's beginning."""

    settings: Settings
    loaded: Callable[[], Loaded]
    rows: dict[str, Any]
    dev: dict[str, Any]


def main() -> None:
    """Print a table for each corpus."""
    for name, (rows, epochs) in CORPORA.items():
        if not (DATA / name / "train.csv").is_file():
            print(f"{name} is not in {DATA}. Say BENCH_DATA=FOLDER, the folder that {name}/train.csv lies in.\n")
            continue
        with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
            _compare(name, _prepared(name, rows, epochs), Path(folder))


def _compare(name: str, corpus: Corpus, folder: Path) -> None:
    done: dict[str, list[Trained]] = {way: [] for way in WAYS}
    for way in WAYS.values():  # whatever is done for the first time only
        way(_shortened(corpus), folder / "warm-up", 0)
    for seed in SEEDS:
        names = list(WAYS)
        for place in range(len(names)):
            which = (place + seed) % len(names)
            done[names[which]].append(WAYS[names[which]](corpus, folder / f"{seed}-{which}", seed))
    training = corpus.settings.training
    print(
        f"**{name}**: {len(corpus.rows['length'])} dialogues × {training.num_train_epochs}, batches of {BATCH}, {len(SEEDS)} seeds, "
        f"{THREADS} thread. Longest source {_longest(corpus, 'input_ids')}, longest target {_longest(corpus, 'labels')} tokens.\n"
    )
    print("| | seconds, median | from – to | padding | times summtune's seconds | from – to | dev loss ± s.d. | minus summtune's ± s.d. |")
    print("|---|---|---|---|---|---|---|---|")
    ours = done["summtune"]
    for name_of_way, results in done.items():
        seconds = sorted(one.seconds for one in results)
        slower = sorted(one.seconds / own.seconds for one, own in zip(results, ours, strict=True))
        losses = [one.dev_loss for one in results]
        gaps = [one.dev_loss - own.dev_loss for one, own in zip(results, ours, strict=True)]
        padding = fmean(one.padding_share for one in results)
        print(
            f"| {name_of_way} | {median(seconds):.1f} | {seconds[0]:.1f} – {seconds[-1]:.1f} | {padding:.1%} | {median(slower):.2f} "
            f"| {slower[0]:.2f} – {slower[-1]:.2f} | {fmean(losses):.4f} ± {stdev(losses):.4f} | {fmean(gaps):+.4f} ± {stdev(gaps):.4f} |",
            flush=True,
        )
    print()


def _summtune(corpus: Corpus, folder: Path, seed: int) -> Trained:
    # The general seed makes the initial weights, too; there is no dropout, so that the order of the rows is all that is left to chance.
    training = Training.model_validate({**corpus.settings.training.model_dump(), "data_seed": seed})
    settings = corpus.settings.model_copy(update={"training": training})
    reports: list[dict[str, float | int]] = []
    job = Job(settings, "loss", False, AttemptPaths(folder), cache_dir(), threads=THREADS)
    train(job, lambda metrics, checkpoint: reports.append(metrics))
    return Trained(sum(line["train_s"] for line in reports), fmean(line["padding_share"] for line in reports), reports[-1]["loss"])


def _transformers(corpus: Corpus, folder: Path, seed: int, *, to_maximum: bool, grouped: bool) -> Trained:
    """One of transformers' own ways."""
    with to_file(None, "error"), restored(THREADS):
        from datasets import Dataset
        from transformers import DataCollatorForSeq2Seq, PrinterCallback, Seq2SeqTrainer, TrainerCallback

        class Stopwatch(TrainerCallback):  # type: ignore[misc]  # transformers exports it lazily
            began = ended = 0.0

            def on_train_begin(self, *_: Any, **__: Any) -> None:
                self.began = time.perf_counter()

            def on_train_end(self, *_: Any, **__: Any) -> None:
                self.ended = time.perf_counter()

        loaded = corpus.loaded()
        arguments = training_arguments(corpus.settings, Hardware(), folder, "loss", maximize=False)
        arguments.seed = seed
        arguments.train_sampling_strategy = "group_by_length" if grouped else "random"
        arguments.eval_strategy = arguments.save_strategy = "no"
        arguments.remove_unused_columns = True
        collate = DataCollatorForSeq2Seq(loaded.tokenizer, model=loaded.model, pad_to_multiple_of=8)
        counted = _Counted(collate)
        stopwatch = Stopwatch()
        trainer = Seq2SeqTrainer(
            model=loaded.model,
            args=arguments,
            train_dataset=Dataset.from_dict(_padded(corpus, loaded) if to_maximum else corpus.rows),
            data_collator=counted,
            processing_class=loaded.tokenizer,
            callbacks=[stopwatch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        total, tokens = loss_over(seq2seq, loaded.model, loaded.tokenizer, corpus.dev, 32)
    learnt = sum(map(len, (*corpus.rows["input_ids"], *corpus.rows["labels"]))) * corpus.settings.training.num_train_epochs
    return Trained(stopwatch.ended - stopwatch.began, 1 - learnt / counted.positions, total / tokens)


class _Counted:
    """A collator that counts the positions of its batches."""

    def __init__(self, collate: Any) -> None:
        self._collate = collate
        self.positions = 0

    def __call__(self, rows: Any) -> Any:
        batch = self._collate(rows)
        self.positions += batch["input_ids"].numel() + batch["labels"].numel()
        return batch


WAYS: dict[str, Callable[[Corpus, Path, int], Trained]] = {
    "summtune": _summtune,
    "Seq2SeqTrainer, padded to the corpus's maximum": lambda *one: _transformers(*one, to_maximum=True, grouped=False),
    "Seq2SeqTrainer, dynamic padding": lambda *one: _transformers(*one, to_maximum=False, grouped=False),
    "Seq2SeqTrainer, dynamic padding, grouped by length": lambda *one: _transformers(*one, to_maximum=False, grouped=True),
}


def _prepared(name: str, rows: int, epochs: int) -> Corpus:
    values = yaml.safe_load(presets.file_of("tiny-kobart").read_text(encoding="utf-8"))
    values["general"] = {"device": "cpu"}
    values["training"] |= {"num_train_epochs": epochs, "per_device_train_batch_size": BATCH}
    values["generation"] = {"num_beams": 1, "max_length": 2}  # summaries are not what is measured
    values["data"] = {"train": DATA / name / "train.csv", "dev": DATA / name / "dev.csv"}
    values["data"] |= {"max_train_samples": rows, "max_val_samples": DEV_ROWS}
    settings = Settings.model_validate(values)
    train_split, dev_split = read_split(settings.data, "train"), read_split(settings.data, "dev")

    def texts() -> list[str]:
        return [text for dialogue in train_split.dialogues for text in (dialogue.dialogue, dialogue.summary or "")]

    sources = Sources(Store(cache_dir()).once, texts, train_split.digest)

    def loaded() -> Loaded:
        return seq2seq.load(settings, sources)

    with to_file(None, "error"):
        tokenizer = loaded().tokenizer

    def encoded(split: Split) -> dict[str, Any]:
        summaries = [dialogue.summary or "" for dialogue in split.dialogues]
        return seq2seq.encode(tokenizer, [dialogue.dialogue for dialogue in split.dialogues], summaries, settings)

    return Corpus(settings, loaded, encoded(train_split), encoded(dev_split))


def _padded(corpus: Corpus, loaded: Loaded) -> dict[str, Any]:
    """Every row as long as the corpus's longest, as the old system stored them."""
    source, target = (-(-_longest(corpus, column) // 8) * 8 for column in ("input_ids", "labels"))
    pad = loaded.tokenizer.pad_token_id
    return {
        "input_ids": [[*row, *[pad] * (source - len(row))] for row in corpus.rows["input_ids"]],
        "attention_mask": [[1] * len(row) + [0] * (source - len(row)) for row in corpus.rows["input_ids"]],
        "labels": [[*row, *[-100] * (target - len(row))] for row in corpus.rows["labels"]],
    }


def _longest(corpus: Corpus, column: str) -> int:
    return max(map(len, corpus.rows[column]))


def _shortened(corpus: Corpus) -> Corpus:
    few = {name: column[: 2 * BATCH] for name, column in corpus.rows.items()}
    settings = corpus.settings.model_copy(update={"data": corpus.settings.data.model_copy(update={"max_train_samples": 2 * BATCH})})
    return replace(corpus, rows=few, settings=settings)
