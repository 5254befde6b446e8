"""`freeze_encoder`, `freeze_embeddings` and `dropout_rate` do what they say, in every kind of model that there is a preset for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.architectures import DROPOUTS
from summtune.config.complete import load_settings
from summtune.errors import CheckpointMistake
from summtune.families import Sources, family_of
from summtune.training.store import Store
from tests.small_models import FOUR, fit

QUICK = {"num_train_epochs": 2, "learning_rate": 1e-2, "warmup_ratio": 0.0, "weight_decay": 0.1}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frozen")


@pytest.fixture(scope="module")
def starts(shared: Path) -> dict[str, dict[str, Any]]:
    return {kind: fit(shared, kind, training={"max_steps": 1, "learning_rate": 1e-12}).weights for kind in FOUR}


def unchanged(kind: str, shared: Path, start: dict[str, Any], **model: Any) -> set[str]:
    """Names of the weights that are bit for bit as before."""
    trained = fit(shared, kind, model=model, training=QUICK).weights
    assert trained.keys() == start.keys()
    return {name for name, weights in trained.items() if torch.equal(weights, start[name])}


EMBEDDINGS = {"bart": "model.shared.weight", "gpt2": "transformer.wte.weight", "t5": "shared.weight", "mt5": "shared.weight"}


@pytest.mark.parametrize("kind", FOUR)
def test_without_freezing_everything_learns(kind: str, shared: Path, starts: dict[str, dict[str, Any]]) -> None:
    assert unchanged(kind, shared, starts[kind]) <= {"final_logits_bias"}, "BART's is a buffer"


@pytest.mark.parametrize("kind", FOUR)
def test_frozen_embeddings_stay_and_all_else_learns(kind: str, shared: Path, starts: dict[str, dict[str, Any]]) -> None:
    assert unchanged(kind, shared, starts[kind], freeze_embeddings=True) - {"final_logits_bias"} == {EMBEDDINGS[kind]}


@pytest.mark.parametrize("kind", [kind for kind in FOUR if kind != "gpt2"])
def test_a_frozen_encoder_stays_and_all_else_learns(kind: str, shared: Path, starts: dict[str, dict[str, Any]]) -> None:
    still = unchanged(kind, shared, starts[kind], freeze_encoder=True) - {"final_logits_bias"}
    assert still == {name for name in starts[kind] if name.removeprefix("model.").startswith("encoder.")}
    assert still


DROPOUTS_OF = {
    "tiny-kobart": {"dropout", "attention_dropout", "activation_dropout"},
    "tiny-kogpt2": {"resid_pdrop", "embd_pdrop", "attn_pdrop"},
    "tiny-t5": {"dropout_rate"},
    "tiny-mt5": {"dropout_rate"},
}


@pytest.mark.parametrize("preset", DROPOUTS_OF)
def test_dropout_rate_is_the_rate_of_each_dropout_of_the_model(preset: str, tmp_path: Path) -> None:
    settings = load_settings(preset, assignments=["model.dropout_rate=0.25"], environ={}).resolved.settings
    sources = Sources(Store(tmp_path).once, lambda: ["#Person1#: 안녕하세요. 오늘은 책을 읽어요."] * 20, "digest")
    model = family_of(settings).load(settings, sources).model
    named = {name: getattr(model.config, name) for name in DROPOUTS if hasattr(model.config, name)}
    assert named == dict.fromkeys(DROPOUTS_OF[preset], 0.25)
    modules = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert set(modules) <= {0.25}
    assert modules or preset == "tiny-kobart", "BART drops by function, at the rates of its configuration"


@pytest.mark.parametrize("kind", FOUR)
def test_dropout_acts_in_training_and_not_in_evaluation(kind: str, shared: Path) -> None:
    still = {"max_steps": 1, "learning_rate": 1e-12}
    dry, wet = (fit(shared, kind, model={"dropout_rate": rate}, training=still) for rate in (0.0, 0.5))
    assert wet.reports.metrics[0]["train_loss"] != dry.reports.metrics[0]["train_loss"]
    assert wet.losses == dry.losses
    saved = json.loads((wet.reports.checkpoints[0] / "config.json").read_text(encoding="utf-8"))
    assert {saved[name] for name in DROPOUTS if name in saved} == {0.5}, "a resumed training drops as much"


def test_a_t5_with_fewer_layers_has_them_on_both_sides(shared: Path) -> None:
    config = json.loads((fit(shared, "t5", training={"max_steps": 1}).reports.checkpoints[0] / "config.json").read_text(encoding="utf-8"))
    assert (config["num_layers"], config["num_decoder_layers"]) == (1, 1)
    with pytest.raises(CheckpointMistake, match="a t5 configuration has no layers"):
        fit(shared, "t5", model={"config_overrides": {"layers": 1}})
