"""One training, end to end, with a plain function as report."""

import json
import logging
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from summtune.errors import RunMistake, SettingsMistake, TrialFailure
from summtune.metrics import rouge
from summtune.training.checkpoints import is_sealed, verify
from summtune.training.train import train
from tests.small_training import Reports, job, rows, small_settings, write_csv

EVERY_TIME = {
    *("iteration", "epoch", "step", "loss", "train_loss", *rouge.KEYS),
    *(
        "learning_rate",
        "tokens_per_second",
        "padding_share",
        "micro_batch_size",
        "train_s",
        "evaluation_s",
        "first_step_s",
        "load_s",
        "parameters",
        "trainable_parameters",
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def uninterrupted(shared: Path) -> Reports:
    reports = Reports()
    train(job(shared, small_settings(shared, training={"num_train_epochs": 4}), "uninterrupted"), reports)
    return reports


def test_reports_every_metric_every_time(uninterrupted: Reports) -> None:
    assert [set(line) for line in uninterrupted.metrics] == [EVERY_TIME] * 4
    assert all(math.isfinite(value) for line in uninterrupted.metrics for value in line.values())
    assert [line["iteration"] for line in uninterrupted.metrics] == [1, 2, 3, 4]
    assert [line["epoch"] for line in uninterrupted.metrics] == [1, 2, 3, 4]
    assert [line["step"] for line in uninterrupted.metrics] == [4, 8, 12, 16]


def test_learns(uninterrupted: Reports) -> None:
    assert uninterrupted.metrics[-1]["loss"] < uninterrupted.metrics[0]["loss"]
    assert uninterrupted.metrics[-1]["train_loss"] < uninterrupted.metrics[0]["train_loss"]


def test_leaves_what_the_contract_says(uninterrupted: Reports, shared: Path) -> None:
    attempt = job(shared, small_settings(shared), "uninterrupted").attempt
    history = [json.loads(line) for line in attempt.history.read_text().splitlines()]
    assert history == [{**line, "evaluation": "proxy"} for line in uninterrupted.metrics]
    results = json.loads(attempt.results.read_text())
    best = max(uninterrupted.metrics, key=lambda line: (line["rouge_combined_f1"], -line["iteration"]))
    assert results["status"] == "finished"
    assert results["best_metrics"] == best
    assert results["final_metrics"] == uninterrupted.metrics[-1]
    assert results["scoring"]["rouge"]["tokenizer"].startswith("mecab (")
    model = attempt.folder / results["model_path"]
    assert model == attempt.best_model(int(best["iteration"]))
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "predictions.csv"} <= {
        f.name for f in model.iterdir()
    }
    assert [folder.name for folder in attempt.models.iterdir()] == [model.name], "older best models are deleted"
    assert sorted(folder.name for folder in attempt.checkpoints.iterdir()) == ["checkpoint-12", "checkpoint-16"], "save_total_limit is 2"
    assert "Running training" in attempt.log.read_text()


def test_checkpoint_is_sealed_and_best_model_written_before_the_report(shared: Path) -> None:
    seen = []
    asked = job(shared, small_settings(shared, training={"num_train_epochs": 1}), "order")

    def report(metrics: dict[str, float | int], checkpoint: Path | None) -> None:
        assert checkpoint is not None
        assert is_sealed(checkpoint)
        assert verify(checkpoint) == []
        assert checkpoint == asked.attempt.checkpoints / f"checkpoint-{metrics['step']}"
        model = asked.attempt.best_model(1)
        assert (model / "model.safetensors").stat().st_ino == (checkpoint / "model.safetensors").stat().st_ino, "linked, not copied"
        assert asked.attempt.history.exists()
        seen.append(metrics)

    train(asked, report)
    assert len(seen) == 1


def test_same_seed_gives_the_same_history_bit_for_bit(uninterrupted: Reports, shared: Path, tmp_path: Path) -> None:
    again = Reports()
    settings = small_settings(shared, training={"num_train_epochs": 4})
    train(job(tmp_path, settings), again)  # with a cache of its own: tokenizer and weights are made again
    assert again.lasting() == uninterrupted.lasting()
    other = Reports()
    train(job(shared, settings.model_copy(update={"general": settings.general.model_copy(update={"seed": 7})}), "seed 7"), other)
    assert other.lasting() != uninterrupted.lasting()


def test_a_causal_training_interrupted_after_two_epochs_equals_the_uninterrupted_one(shared: Path) -> None:
    overrides = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1}
    given = small_settings(
        shared,
        model={"architecture": "kogpt2", "config_overrides": overrides},
        training={"num_train_epochs": 4, "per_device_train_batch_size": 4, "learning_rate": 3e-3},
    )
    whole, first, rest = Reports(), Reports(stop_after=2), Reports()
    train(job(shared, given, "causal"), whole)
    with pytest.raises(SystemExit):
        train(job(shared, given, "causal-first"), first)
    train(job(shared, given, "causal-rest", resume_from=first.checkpoints[-1]), rest)
    assert first.lasting() + rest.lasting() == whole.lasting()
    assert whole.metrics[-1]["loss"] < whole.metrics[0]["loss"]
    model = job(shared, given, "causal").attempt.models
    saved = json.loads(next(model.rglob("generation_config.json")).read_text())
    assert saved["max_new_tokens"] == 24, "people who load the model generate summaries of the same length"


def test_results_say_how_what_was_given_differs_from_the_baseline(shared: Path) -> None:
    baseline = small_settings(shared)
    mine = small_settings(
        shared,
        training={"learning_rate": 1e-3, "warmup_ratio": 0.0, "label_smoothing": 0.1, "num_train_epochs": 1},
        generation={"num_beams": 2, "max_length": 24},
        tokenizer={"vocab_size": 600, "encoder_max_len": 96, "decoder_max_len": 48},
    )
    asked = job(shared, mine, "receipt", baseline=baseline)
    train(asked, Reports())
    differences = json.loads(asked.attempt.results.read_text())["differs_from_baseline"]
    assert differences == {
        "tokenizer.encoder_max_len": {"baseline": 128, "trial": 96},
        "training.learning_rate": {"baseline": 3e-3, "trial": 1e-3},
        "training.num_train_epochs": {"baseline": 2, "trial": 1},
        "training.label_smoothing_factor": {"baseline": 0.0, "trial": 0.1},
        "training.warmup_steps": {"baseline": 0.1, "trial": 0.0},
        "generation.num_beams": {"baseline": 1, "trial": 2},
        "generation.do_sample": {"baseline": False, "trial": None},
        "generation.length_penalty": {"baseline": None, "trial": 1.0},
        "generation.early_stopping": {"baseline": None, "trial": True},
    }, differences
    alone = job(shared, small_settings(shared, training={"num_train_epochs": 1}), "no-receipt")
    train(alone, Reports())
    assert json.loads(alone.attempt.results.read_text())["differs_from_baseline"] is None


def test_interrupted_after_two_epochs_equals_uninterrupted(uninterrupted: Reports, shared: Path) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 4})
    first, second = Reports(stop_after=2), Reports()
    with pytest.raises(SystemExit):
        train(job(shared, settings, "first"), first)
    best = max(first.metrics, key=lambda line: (line["rouge_combined_f1"], -line["iteration"]))
    resumed = job(
        shared,
        settings,
        "second",
        resume_from=first.checkpoints[-1],
        best_iteration=int(best["iteration"]),
        best_score=float(best["rouge_combined_f1"]),
    )
    train(resumed, second)
    assert first.lasting() + second.lasting() == uninterrupted.lasting()
    assert [line["iteration"] for line in second.metrics] == [3, 4]


def test_best_from_before_is_respected(shared: Path) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 2})
    first = Reports(stop_after=1)
    with pytest.raises(SystemExit):
        train(job(shared, settings, "before"), first)
    after = job(shared, settings, "after", resume_from=first.checkpoints[-1], best_iteration=1, best_score=0.99)
    train(after, Reports())
    assert not after.attempt.models.exists(), "nothing beat 0.99"
    results = json.loads(after.attempt.results.read_text())
    assert (results["best_iteration"], results["best_score"], results["model_path"]) == (1, 0.99, None)


def test_patience_ends_it_after_the_report(shared: Path) -> None:
    settings = small_settings(
        shared,
        training={"num_train_epochs": 9, "early_stopping_patience": 2, "early_stopping_threshold": 0.9},
    )
    reports = Reports()
    asked = job(shared, settings, "patience")
    train(asked, reports)
    assert [line["iteration"] for line in reports.metrics] == [1, 2, 3]
    again = Reports()
    train(job(shared, settings, "patience resumed", resume_from=reports.checkpoints[-1]), again)
    assert again.metrics == [], "its patience was over already"


def test_max_steps_ends_in_the_middle_of_an_epoch(shared: Path) -> None:
    reports = Reports()
    train(job(shared, small_settings(shared, training={"max_steps": 6, "num_train_epochs": 3}), "steps"), reports)
    assert [(line["iteration"], line["step"], line["epoch"]) for line in reports.metrics] == [(1, 4, 1.0), (2, 6, 1.5)]


def test_evaluates_every_second_epoch_and_at_the_end(shared: Path) -> None:
    reports = Reports()
    train(job(shared, small_settings(shared, training={"num_train_epochs": 3}, evaluation={"every": 2}), "every"), reports)
    assert [(line["iteration"], line["epoch"]) for line in reports.metrics] == [(1, 2.0), (2, 3.0)]


def test_minimised_objective(shared: Path) -> None:
    asked = job(shared, small_settings(shared), "loss", objective_name="loss", maximize=False)
    reports = Reports()
    train(asked, reports)
    results = json.loads(asked.attempt.results.read_text())
    assert results["best_score"] == min(line["loss"] for line in reports.metrics)


def test_unknown_objective_is_a_mistake(shared: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"no metric reports 'bleu'. There are loss, rouge1_f1"):
        train(job(shared, small_settings(shared), "bleu", objective_name="bleu"), Reports())


@pytest.mark.parametrize(
    "training",
    [
        {"label_smoothing": 0.1},
        {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2},
        {"lr_scheduler_type": "linear", "optim": "adafactor"},
        {"gradient_checkpointing": True},
        {"train_sampling_strategy": "random", "adam_beta2": 0.98, "warmup_ratio": 1.0},
        {"fp16": True},
        {"dataloader_num_workers": 1},
        {"full_determinism": True},
        {"lr_scheduler_type": "reduce_lr_on_plateau"},
    ],
)
def test_training_keys_work(shared: Path, training: dict[str, object]) -> None:
    reports = Reports()
    train(job(shared, small_settings(shared, training={"num_train_epochs": 1, **training}), "-".join(training)), reports)
    assert len(reports.metrics) == 1


def test_accumulation_equals_the_larger_batch(shared: Path) -> None:
    # The loss is a mean over the target tokens of the whole accumulated batch, so only rounding may differ.
    whole, parts = Reports(), Reports()
    dropout = {"dropout_rate": 0.0}
    plain = small_settings(shared).model
    model = {**plain.model_dump(), **dropout}
    train(job(shared, small_settings(shared, model=model), "whole"), whole)
    settings = small_settings(shared, model=model, training={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2})
    train(job(shared, settings, "parts"), parts)
    assert [line["loss"] for line in parts.metrics] == pytest.approx([line["loss"] for line in whole.metrics], rel=1e-4)


def test_frozen_parts_stay_as_they_were(shared: Path) -> None:
    from safetensors.torch import load_file

    model = {**small_settings(shared).model.model_dump(), "freeze_encoder": True, "freeze_embeddings": True}
    reports = Reports()
    train(job(shared, small_settings(shared, model=model, training={"num_train_epochs": 2}), "frozen"), reports)
    one, two = (load_file(checkpoint / "model.safetensors") for checkpoint in reports.checkpoints)
    moved = {name for name in one if not torch.equal(one[name], two[name])}
    assert moved
    assert not [name for name in moved if "encoder." in name.replace("decoder.", "") or "shared" in name]


def test_divergence_is_a_failure_with_its_cause(shared: Path) -> None:
    settings = small_settings(shared, training={"learning_rate": 0.99, "max_grad_norm": 0.0, "num_train_epochs": 30, "warmup_ratio": 0.0})
    model = {**settings.model.model_dump()}
    model["config_overrides"] = {**model["config_overrides"], "init_std": 1e18}
    with pytest.raises(TrialFailure, match="loss became (nan|inf)") as caught:
        train(job(shared, settings.model_copy(update={"model": settings.model.model_validate(model)}), "diverged"), Reports())
    assert caught.value.cause == "diverged"


def test_timeout_is_a_failure(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small_settings(shared, training={"timeout_s": 1, "num_train_epochs": 10_000}, evaluation={"every": 10_000})
    with pytest.raises(TrialFailure, match=r"longer than training.timeout_s, 1 s") as caught:
        train(job(shared, settings, "timeout"), Reports())
    assert caught.value.cause == "timeout"


def test_damaged_checkpoint_is_refused(shared: Path) -> None:
    settings = small_settings(shared)
    reports = Reports()
    train(job(shared, settings, "whole checkpoint"), reports)
    weights = reports.checkpoints[-1] / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # the best model may be linked to it
    weights.write_bytes(content)
    with pytest.raises(RunMistake, match="has changed since it was written"):
        train(job(shared, settings, "damaged", resume_from=reports.checkpoints[-1]), Reports())


def test_twenty_trainings_in_one_process(shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 1})
    resident = []
    for number in range(20):
        asked = job(shared, settings, f"twenty-{number}")
        # Every other one is stopped by its report, as Ray stops trials.
        reports = Reports(stop_after=1 if number % 2 else None)
        try:
            train(asked, reports)
        except SystemExit:
            assert number % 2
        log = asked.attempt.log.read_text()
        assert log.count("Running training") == 1
        assert "iteration 1" in log
        resident.append(_resident_mb())
    assert resident[-1] - resident[4] < 25, resident
    assert capfd.readouterr() == ("", "")


def test_leaves_the_process_as_it_was(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist(), torch.random.get_rng_state().tolist()
    handlers = {name: logging.getLogger(name).handlers[:] for name in ("transformers", "datasets", "summtune")}
    environment, threads, folder = dict(os.environ), torch.get_num_threads(), Path.cwd()
    train(job(shared, small_settings(shared, training={"num_train_epochs": 1}), "tidy"), Reports())
    assert (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist(), torch.random.get_rng_state().tolist()) == before
    assert {name: logging.getLogger(name).handlers for name in handlers} == handlers
    assert (dict(os.environ), torch.get_num_threads(), Path.cwd()) == (environment, threads, folder)


def test_reused_process_takes_its_first_step_within_a_second_of_loading(shared: Path) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 1})
    reports = Reports()
    for attempt in ("warm-up", "warm"):
        train(job(shared, settings, attempt), reports)
    assert reports.metrics[-1]["first_step_s"] - reports.metrics[-1]["load_s"] < 1.0


def test_failure_of_report_comes_out_and_is_logged(shared: Path) -> None:
    def report(metrics: dict[str, float | int], checkpoint: Path | None) -> None:
        raise ConnectionError("the driver is gone")

    asked = job(shared, small_settings(shared), "gone")
    with pytest.raises(ConnectionError):
        train(asked, report)
    assert "the driver is gone" in asked.attempt.log.read_text()


def test_data_mistakes_come_before_the_model_is_made(tmp_path: Path) -> None:
    from summtune.errors import DataMistake

    bad = rows(3)
    bad[1]["summary"] = ""
    write_csv(tmp_path / "bad.csv", bad)
    with pytest.raises(DataMistake, match=r"bad.csv:5: summary: is empty"):
        train(job(tmp_path, small_settings(tmp_path, data={"train": tmp_path / "bad.csv", "dev": tmp_path / "bad.csv"})), Reports())
    assert not (tmp_path / "cache").exists()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20
