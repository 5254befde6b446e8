"""The same seed on the same machine gives the same history, bit for bit: with dropout, and whatever the process did in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.small_models import FOUR, fit

DROPPING: dict[str, Any] = {"dropout_rate": 0.3}
TRAINING: dict[str, Any] = {"num_train_epochs": 3, "neftune_noise_alpha": 2.0, "label_smoothing": 0.1}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeds")


@pytest.mark.parametrize("kind", FOUR)
def test_same_seed_same_history_after_others_have_trained(kind: str, shared: Path, tmp_path: Path) -> None:
    first = fit(shared, kind, model=DROPPING, training=TRAINING)
    other = next(one for one in FOUR if one != kind)
    fit(shared, other, model=DROPPING, general={"device": "cpu", "seed": 9}, training={"max_steps": 3, "optim": "sgd"})
    fit(shared, kind, model=DROPPING, training=TRAINING, stop_after=1)
    again = fit(shared, kind, model=DROPPING, training=TRAINING)
    assert again.reports.lasting() == first.reports.lasting()
    assert all(bool((weights == first.weights[name]).all()) for name, weights in again.weights.items())
    elsewhere = fit(tmp_path, kind, model=DROPPING, training=TRAINING)  # tokenizer and weights made anew
    assert elsewhere.reports.lasting() == first.reports.lasting()


def test_the_seed_decides_weights_order_and_dropout_and_data_seed_the_order_alone(shared: Path) -> None:
    still = {"max_steps": 1, "learning_rate": 1e-12}

    def seeded(seed: int, **training: Any) -> Any:
        return fit(shared, model=DROPPING, general={"device": "cpu", "seed": seed}, training={**still, **training})

    assert seeded(1).losses != seeded(2).losses, "other weights"
    assert seeded(1, data_seed=5).losses == seeded(1).losses
    assert seeded(1, data_seed=5).reports.metrics[0]["train_loss"] != seeded(1).reports.metrics[0]["train_loss"]
    longer = {"max_steps": 12, "learning_rate": 1e-3}
    assert seeded(1, data_seed=1, **longer).losses == seeded(1, **longer).losses, "left out, it is the seed"
