"""How long a search space of 50 parameters takes to read and check, once summtune is imported: parse, layers, rules, effect receipt.

The limit is 50 ms. Prints the median, the least and the most of many loadings in one process, and where the time goes.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import tempfile
import time
from pathlib import Path

from summtune.config.catalogue import catalogue
from summtune.config.experiment import load_experiment

REPEATS = 40
NUMBERS = ("adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay", "warmup_ratio", "max_grad_norm", "label_smoothing", "learning_rate")


def fifty_parameters() -> str:
    """A search space of 50 parameters of many kinds, six conditions, three rules and a bundle."""
    lines = ["base: tiny-kobart", "method: bayes", "decode: inline", "parameters:"]
    lines += [f"  {name}: {{min: 0.0001, max: 0.0009}}" for name in NUMBERS]
    lines += [
        "  per_device_train_batch_size: {values: [4, 8, 16, 32]}",
        "  gradient_accumulation_steps: {min: 1, max: 8}",
        "  num_train_epochs: {values: [2, 4, 6]}",
        "  lr_scheduler_type: {values: [linear, cosine, polynomial]}",
        "  optim: {values: [adamw_torch, adafactor]}",
        "  seed: {min: 1, max: 1000}",
        "  encoder_max_len: {values: [128, 256, 512]}",
        "  decoder_max_len: {values: [64, 128]}",
        "  truncation_side: {values: [left, right]}",
        "  prefix: {values: ['', 'summarize: ']}",
        "  num_beams: {values: [1, 2, 4]}",
        "  do_sample: {values: [true, false]}",
        "  length_penalty: {min: 0.5, max: 1.5, when: {num_beams: [2, 4]}}",
        "  temperature: {min: 0.5, max: 1.5, when: {do_sample: true}}",
        "  top_k: {min: 5, max: 50, when: {do_sample: true}}",
        "  top_p: {min: 0.5, max: 0.99, when: {do_sample: true}}",
        "  no_repeat_ngram_size: {values: [0, 2, 3]}",
        "  repetition_penalty: {min: 1.0, max: 1.5}",
        "  max_length: {values: [32, 64]}",
        "  min_length: {values: [0, 4]}",
        "  freeze_encoder: {values: [true, false]}",
        "  freeze_embeddings: {values: [true, false]}",
        "  dropout_rate: {distribution: beta, a: 2, b: 10}",
        "  max_train_samples: {values: [100, 500, 900]}",
        "  size: {bundle: {small: {vocab_size: 1000, data_seed: 1}, large: {vocab_size: 3000, data_seed: 2}}}",
        "  neftune_noise_alpha: {min: 0.1, max: 5.0}",
        "  train_sampling_strategy: {values: [random, group_by_length]}",
    ]
    overrides = ("d_model", "encoder_layers", "decoder_layers", "encoder_ffn_dim", "decoder_ffn_dim", "encoder_attention_heads", "extra_2")
    more = (
        *overrides,
        "init_std",
        "decoder_attention_heads",
        "encoder_layerdrop",
        "decoder_layerdrop",
        "classifier_dropout",
        "scale",
        "extra_1",
        "extra_3",
    )
    lines += [f"  model.config_overrides.{name}: {{values: [1, 2, 3]}}" for name in more]
    lines += [
        "constraints:",
        "  - {condition: encoder_max_len > 256, then: {per_device_train_batch_size: {max: 16}}}",
        "  - {condition: optim == 'adafactor', then: {learning_rate: {min: 0.0005}}}",
        "  - {require: 'per_device_train_batch_size * gradient_accumulation_steps <= 64'}",
        "settings: {general: {device: cpu}}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "fifty.yaml")
        file.write_text(fifty_parameters(), encoding="utf-8")
        assert catalogue()
        began = time.perf_counter()
        count = len(load_experiment(file, environ={}).space.parameters)
        first = time.perf_counter() - began
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            load_experiment(file, environ={})
            times.append(1000 * (time.perf_counter() - began))
        print("| parameters | median ms | least | most | first ms |\n|---|---|---|---|---|")
        print(f"| {count} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} | {1000 * first:.1f} |\n")
        profile = cProfile.Profile()
        profile.runcall(load_experiment, file, environ={})
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
        ours = sorted(((row[3], place) for place, row in stats.items() if "summtune" in place[0]), reverse=True)[:25]
        for spent, (path, _, name) in ours:
            print(f"    {1000 * spent:7.1f} ms  {Path(path).stem}.{name}")
