"""How fast summaries are decoded, 4 beams: `decoding.generate` against transformers' `model.generate` over the file in its order.

transformers is given its own best of four batch sizes. Everything runs in turn in one process, on one thread. Two models: tiny-kobart,
trained for a few epochs so that its summaries end by themselves, and a decoder-only model with SmolLM2-135M's layers, random weights
and the small model's vocabulary, whose summaries are as long as they may be. On real Korean dialogues where
`../shared/data/dialogsum_ko` is there, else on the sample data. Where two outputs differ, both are scored by the model: equal scores
are a tie that rounding decides.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import yaml

from summtune.config.experiment import load_experiment
from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.decoding.cleaning import cleaner
from summtune.decoding.generation import generate, generation_config
from summtune.families import causal, seq2seq
from summtune.paths import AttemptPaths
from summtune.training.job import Job
from summtune.training.train import train

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "dialogsum_ko"
THEIR_SIZES = (8, 16, 32, 64)
OUR_SIZES = (8, 16, 32)
TIE = 1e-4
"""Difference of two scores (mean log-probability) below which rounding decides."""


@dataclass(frozen=True)
class Case:
    """A model with what it is asked to summarise."""

    name: str
    family: ModuleType
    model: Any
    tokenizer: Any
    settings: Settings
    sources: Sequence[Sequence[int]]
    repeats: int


def main() -> None:
    """Print the table."""
    import torch

    print("| model | way | batch | median | from | to | same summaries | ties |\n|---|---|---|---|---|---|---|---|")
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="summtune-bench-") as folder:
        small = _small(Path(folder))
        torch.set_num_threads(1)
        for case in (small, _smollm2_like(small)):
            verdicts.append(_measured(case))
    print()
    for verdict in verdicts:
        print(f"- {verdict}")


def _measured(case: Case) -> str:
    ways: dict[tuple[str, int], Callable[[], list[str]]] = {}
    for size in THEIR_SIZES:
        ways["transformers, file order", size] = partial(_in_file_order, case, size)
    for size in OUR_SIZES:
        what = case.family, case.model, case.tokenizer, case.sources, case.settings
        ways["summtune", size] = partial(generate, *what, batch_size=size)
    seconds: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    outputs: dict[tuple[str, int], list[str]] = {}
    for _ in range(case.repeats):
        for way, decode in ways.items():
            began = time.perf_counter()
            outputs[way] = decode()
            seconds[way].append(time.perf_counter() - began)
    reference = outputs["transformers, file order", THEIR_SIZES[0]]
    for (name, size), times in seconds.items():
        found = outputs[name, size]
        different = [place for place, text in enumerate(found) if text != reference[place]]
        ties = sum(_tied(case, place, found[place], reference[place]) for place in different)
        spread = f"{median(times):.2f} s | {min(times):.2f} s | {max(times):.2f} s"
        print(f"| {case.name} | {name} | {size} | {spread} | {len(found) - len(different)} of {len(found)} | {ties} |", flush=True)
    theirs = min((median(times), way) for way, times in seconds.items() if way[0] != "summtune")
    ours = min((median(times), way) for way, times in seconds.items() if way[0] == "summtune")
    ratios = sorted(a / b for a, b in zip(seconds[theirs[1]], seconds[ours[1]], strict=True))
    best = f"transformers' best (batches of {theirs[1][1]}) takes {median(ratios):.1f} times as long as ours (of {ours[1][1]})"
    return f"{case.name}: {best}; from {ratios[0]:.1f} to {ratios[-1]:.1f}, {case.repeats} pairs."


def _in_file_order(case: Case, size: int) -> list[str]:
    import torch

    clean = cleaner(case.tokenizer, case.settings.inference.remove_tokens)
    config = case.family.adapted(generation_config(case.model, case.settings.generation))
    texts: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(case.sources), size):
            batch = case.family.collate(case.tokenizer, [{"input_ids": source} for source in case.sources[start : start + size]])
            texts += clean(case.family.new_tokens(case.model, batch, config))
    return texts


def _tied(case: Case, place: int, one: str, other: str) -> bool:
    return abs(_score(case, place, one) - _score(case, place, other)) < TIE


def _score(case: Case, place: int, text: str) -> float:
    """Mean log-probability of a summary's tokens."""
    import torch

    target = [*case.tokenizer(text, add_special_tokens=False)["input_ids"], case.tokenizer.eos_token_id]
    batch = case.family.collate(case.tokenizer, [{"input_ids": case.sources[place], "labels": target}])
    with torch.inference_mode():
        logits, targets = case.family.logits_and_targets(case.model, batch)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
    return -float(loss)


def _small(folder: Path) -> Case:
    """tiny-kobart after six epochs."""
    space: dict[str, Any] = {
        "base": "tiny-kobart",
        "parameters": {"learning_rate": {"values": [1e-3, 2e-3]}},
        "settings": {"general": {"device": "cpu"}, "training": {"num_train_epochs": 6}, "generation": {"num_beams": 1, "max_length": 64}},
    }
    if REAL.is_dir():
        space["data"] = {split: str(REAL / f"{split}.csv") for split in ("train", "dev")}
    file = folder / "space.yaml"
    file.write_text(yaml.safe_dump(space), encoding="utf-8")
    settings = load_experiment(file, environ={}).base.settings
    attempt = AttemptPaths(folder / "attempt")
    train(Job(settings, "loss", False, attempt, folder / "cache", threads=2), lambda metrics, checkpoint: None)
    (model_folder,) = attempt.models.iterdir()
    settings = settings.model_copy(update={"generation": settings.generation.model_copy(update={"num_beams": 4})})
    loaded = seq2seq.load_folder(model_folder, settings)
    texts = [dialogue.dialogue for dialogue in read_split(settings.data, "dev").dialogues]
    sources = seq2seq.encode(loaded.tokenizer, texts, None, settings)["input_ids"]
    return Case("tiny-kobart", seq2seq, loaded.model.eval(), loaded.tokenizer, settings, sources, repeats=5)


def _smollm2_like(small: Case) -> Case:
    """SmolLM2-135M's layers over the small model's tokens, for sixteen of its dialogues."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokens = {f"{role}_token_id": getattr(small.tokenizer, f"{role}_token_id") for role in ("pad", "bos", "eos")}
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(small.tokenizer), tie_word_embeddings=True, initializer_range=0.05, **shape, **tokens)
    )
    generation = small.settings.generation.model_copy(update={"max_length": 24})
    settings = small.settings.model_copy(update={"generation": generation})
    return Case("SmolLM2-135M's layers", causal, model.eval(), small.tokenizer, settings, small.sources[:16], repeats=3)
