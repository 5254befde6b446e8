"""What the keys of the optimisation do to the weights, step by step, against what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.errors import SettingsMistake
from summtune.families import family_of
from tests.small_models import Fitted, fit, settings_of
from tests.small_training import rows

STILL = 1e-12
"""A learning rate at which weights stay as they were."""
ONE_STEP: dict[str, Any] = {
    **{"max_steps": 1, "warmup_ratio": 0.0, "lr_scheduler_type": "constant", "weight_decay": 0.0, "max_grad_norm": 0.0},
    **{"optim": "sgd", "learning_rate": 1e-2, "logging_steps": 1},
}
SURE: dict[str, Any] = {"dropout_rate": 0.0}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def start(shared: Path) -> dict[str, Any]:
    """The weights before the first step."""
    return fit(shared, model=SURE, training={**ONE_STEP, "learning_rate": STILL}).weights


def moved(fitted: Fitted, start: dict[str, Any]) -> dict[str, Any]:
    return {name: weights - start[name] for name, weights in fitted.weights.items()}


def size(changes: dict[str, Any]) -> float:
    return float(torch.sqrt(sum((change.double() ** 2).sum() for change in changes.values())))


def test_learning_rate_scales_the_step(shared: Path, start: dict[str, Any]) -> None:
    one, two = (size(moved(fit(shared, model=SURE, training={**ONE_STEP, "learning_rate": rate}), start)) for rate in (1e-2, 2e-2))
    assert two == pytest.approx(2 * one, rel=1e-3)


def test_max_grad_norm_is_the_longest_gradient_and_zero_turns_it_off(shared: Path, start: dict[str, Any]) -> None:
    clipped, free, wide = (
        fit(shared, model=SURE, training={**ONE_STEP, "max_grad_norm": norm, "learning_rate": 0.5}) for norm in (0.1, 0.0, 1e9)
    )
    length = wide.logged("grad_norm")[0]
    assert length > 0.1
    assert size(moved(clipped, start)) == pytest.approx(0.5 * 0.1, rel=1e-3)
    assert size(moved(free, start)) == pytest.approx(0.5 * length, rel=1e-3)


def test_weight_decay_shrinks_the_weights_but_not_biases_and_norms(shared: Path, start: dict[str, Any]) -> None:
    training = {**ONE_STEP, "optim": "adamw_torch", "weight_decay": 0.1}
    with_it, without = (fit(shared, model=SURE, training={**training, "weight_decay": decay}).weights for decay in (0.1, 0.0))
    shrunk = 0
    for name, weights in with_it.items():
        difference = without[name] - weights
        if name.endswith("bias") or "norm" in name:
            assert not difference.any(), name
        else:
            assert torch.allclose(difference, 1e-2 * 0.1 * start[name], atol=1e-6), name
            shrunk += 1
    assert shrunk


OPTIMISERS: dict[str, set[str]] = {
    "adamw_torch": {"step", "exp_avg", "exp_avg_sq"},
    "adamw_torch_fused": {"step", "exp_avg", "exp_avg_sq"},
    "adafactor": {"step", "exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", "RMS"},
    "adagrad": {"step", "sum"},
    "rmsprop": {"step", "square_avg"},
    "sgd": set(),
}


@pytest.mark.parametrize("optim", OPTIMISERS)
def test_each_optimiser_of_torch_and_transformers_is_the_one_that_trains(optim: str, shared: Path, start: dict[str, Any]) -> None:
    fitted = fit(shared, model=SURE, training={**ONE_STEP, "max_steps": 2, "optim": optim})
    kept = {name for state in fitted.optimizer["state"].values() for name, value in state.items() if value is not None}
    assert kept == OPTIMISERS[optim]
    assert bool(fitted.optimizer["param_groups"][0].get("fused")) == (optim == "adamw_torch_fused")
    assert size(moved(fitted, start)) > 1e-4
    assert fitted.reports.metrics[-1]["loss"] < 6.1


def test_adam_s_numbers_and_an_optimiser_s_own_arguments_arrive_in_it(shared: Path) -> None:
    given = {"adam_beta1": 0.7, "adam_beta2": 0.8, "adam_epsilon": 1e-3}
    (group, *_) = fit(shared, training={**ONE_STEP, "optim": "adamw_torch", **given}).optimizer["param_groups"]
    assert (group["betas"], group["eps"]) == ((0.7, 0.8), 1e-3)
    (group, *_) = fit(shared, training={**ONE_STEP, "optim_args": "momentum=0.9,nesterov=true"}).optimizer["param_groups"]
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


@pytest.mark.parametrize("optim", ["adamw_8bit", "lion_32bit", "ademamix", "rmsprop_bnb", "paged_adamw_8bit"])
def test_optimisers_of_bitsandbytes(optim: str, shared: Path, start: dict[str, Any]) -> None:
    fitted = fit(shared, model=SURE, training={**ONE_STEP, "optim": optim})
    assert "__bnb_optimizer_quant_state__" in next(iter(fitted.optimizer["state"].values()))
    assert size(moved(fitted, start)) > 1e-3


@pytest.mark.parametrize("kind", ["bart", "gpt2"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_four_batches_of_four_are_one_of_sixteen(kind: str, smoothing: float, shared: Path) -> None:
    training = {"label_smoothing": smoothing, "num_train_epochs": 3, "logging_steps": 1}
    whole, parts = (
        fit(
            shared,
            kind,
            train_rows=32,
            model=SURE,
            training={**training, "per_device_train_batch_size": batch, "gradient_accumulation_steps": steps},
        )
        for batch, steps in ((16, 1), (4, 4))
    )
    assert [line["step"] for line in whole.reports.metrics] == [line["step"] for line in parts.reports.metrics] == [2, 4, 6]
    assert parts.logged("loss") == pytest.approx(whole.logged("loss"), abs=1e-5)
    assert parts.losses == pytest.approx(whole.losses, abs=1e-5)


@pytest.mark.parametrize("kind", ["bart", "gpt2"])
def test_label_smoothing_is_that_of_the_formula_and_in_training_alone(kind: str, shared: Path) -> None:
    """(1 - e) times the negative log-likelihood plus e times the mean over the vocabulary, per target token."""
    smoothed, plain = (
        fit(
            shared,
            kind,
            train_rows=4,
            model=SURE,
            training={**ONE_STEP, "learning_rate": STILL, "label_smoothing": share},
        )
        for share in (0.3, 0.0)
    )
    assert smoothed.losses == plain.losses, "the development set's is never smoothed"
    settings = settings_of(shared, kind, model=SURE)
    family = family_of(settings)
    loaded = family.load_folder(plain.reports.checkpoints[-1], settings)
    loaded.model.eval()
    lines = rows(4)
    columns = family.encode(loaded.tokenizer, [line["dialogue"] for line in lines], [line["summary"] for line in lines], settings)
    batch = family.collate(loaded.tokenizer, [{name: columns[name][place] for name in columns} for place in range(4)])
    with torch.no_grad():
        logits, targets = family.logits_and_targets(loaded.model, batch)
    logs = torch.log_softmax(logits.double(), -1)[targets != -100]
    likelihood = -logs.gather(1, targets[targets != -100][:, None]).mean()
    assert plain.reports.metrics[0]["train_loss"] == pytest.approx(float(likelihood), abs=1e-5)
    assert smoothed.reports.metrics[0]["train_loss"] == pytest.approx(float(0.7 * likelihood - 0.3 * logs.mean()), abs=1e-5)


@pytest.mark.parametrize("kind", ["bart", "gpt2", "t5"])
def test_neftune_adds_noise_in_training_alone(kind: str, shared: Path) -> None:
    training = {**ONE_STEP, "num_train_epochs": 1}
    noisy, plain = (fit(shared, kind, model=SURE, training={**training, "neftune_noise_alpha": alpha}) for alpha in (5.0, None))
    assert noisy.reports.metrics[0]["train_loss"] != plain.reports.metrics[0]["train_loss"]
    still = {**training, "learning_rate": STILL}
    noisy, plain = (fit(shared, kind, model=SURE, training={**still, "neftune_noise_alpha": alpha}) for alpha in (5.0, None))
    assert noisy.losses == plain.losses


def test_epochs_and_steps(shared: Path) -> None:
    assert [line["step"] for line in fit(shared, training={"num_train_epochs": 3}).reports.metrics] == [4, 8, 12]
    fitted = fit(shared, training={"num_train_epochs": 1, "max_steps": 9})
    assert [line["epoch"] for line in fitted.reports.metrics] == [1.0, 2.0, 2.25], "max_steps takes the place of num_train_epochs"
    fitted = fit(shared, train_rows=18, training={"num_train_epochs": 1})
    dropped = fit(shared, train_rows=18, training={"num_train_epochs": 1, "dataloader_drop_last": True})
    assert (fitted.reports.metrics[0]["step"], dropped.reports.metrics[0]["step"]) == (5, 4)
    in_threes = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3}
    dropped = fit(shared, train_rows=17, training={"num_train_epochs": 1, "dataloader_drop_last": True, **in_threes})
    assert dropped.reports.metrics[0]["step"] == 3, "the 17th row is left out, and not the last step, which has fewer"


def test_where_no_batch_is_full_nothing_is_left_of_the_rows(shared: Path) -> None:
    said = "training.dataloader_drop_last: the 3 rows of training data don't fill a batch of 4, and all would be left out. "
    with pytest.raises(SettingsMistake, match=re.escape(said + "Leave it out, or give a smaller per_device_train_batch_size.")):
        fit(shared, train_rows=3, training={"num_train_epochs": 1, "dataloader_drop_last": True})
