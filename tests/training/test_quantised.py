"""Quantised weights under adapters (QLoRA), and bitsandbytes' optimisers, on the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.errors import SettingsMistake
from summtune.families import Loaded, Sources, family_of
from summtune.inference.predict import predict
from summtune.training.adapters import bare, trainable, write_merged
from summtune.training.store import Store
from summtune.training.train import train
from tests.published import BART, LLAMA, publish
from tests.small_training import Reports, job, small_settings

# Blocks of 64 weights share a scale: narrower matrices would have none of their own.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {**LLAMA, "hidden_size": 64, "intermediate_size": 64}),
    "bart": ("bart", {**BART, "d_model": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantised")


def asked(shared: Path, kind: str, quantization: str, **sections: dict[str, Any]) -> Settings:
    model_type, overrides = KINDS[kind]
    if not (shared / kind).exists():
        publish(shared / kind, model_type, overrides)
    plain: dict[str, dict[str, Any]] = {
        "model": {
            **{"checkpoint": str(shared / kind), "load_pretrained": True, "architecture": None, "config_overrides": {}},
            **{"lora": {}, "quantization": quantization},
        },
        "tokenizer": {"vocab_size": None, "encoder_max_len": 80, "decoder_max_len": 40},
        "training": {"learning_rate": 1e-2, "num_train_epochs": 4, "weight_decay": 0.0},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section}
    return small_settings(shared, **plain)  # type: ignore[arg-type]  # its other arguments are not among them


def loaded(settings: Settings, shared: Path) -> Loaded:
    found: Loaded = family_of(settings).load(settings, Sources(Store(shared / "cache").once, list, "none"))
    return found


def batch_of(settings: Settings, one: Loaded) -> Any:
    family = family_of(settings)
    columns = family.encode(one.tokenizer, ["#Person1#: 안녕\n#Person2#: 네"], ["#Person1#이 인사한다."], settings)
    return family.collate(one.tokenizer, [{name: column[0] for name, column in columns.items()}])


def logits(settings: Settings, one: Loaded) -> torch.Tensor:
    one.model.eval()
    with torch.no_grad():
        found: torch.Tensor = family_of(settings).logits_and_targets(bare(one.model), batch_of(settings, one))[0]
    return found


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
@pytest.mark.parametrize("kind", KINDS)
def test_quantised_weights_train_and_are_merged_plain(kind: str, quantization: str, shared: Path, tmp_path: Path) -> None:
    settings = asked(shared, kind, quantization)
    plain, one = loaded(asked(shared, kind, "none"), shared), trainable(loaded(settings, shared), settings)
    narrow = [parameter for parameter in one.model.parameters() if parameter.dtype in (torch.int8, torch.uint8)]
    assert len(narrow) >= 7, "matrices are kept in a byte or less for each weight"
    assert not any(parameter.requires_grad for parameter in narrow)
    off = (logits(settings, one) - logits(settings, plain)).abs().max() / logits(settings, plain).abs().max()
    assert 0 < off < (0.05 if quantization == "8bit" else 0.3), "close to what was quantised, and not the same"
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in one.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    taught = logits(settings, one)
    write_merged(one.model, tmp_path)
    one.tokenizer.save_pretrained(str(tmp_path))
    assert torch.equal(logits(settings, one), taught), "the model itself is left as it was"
    assert torch.equal(logits(settings, one), taught), "the model itself is left as it was"
    config = json.loads((tmp_path / "config.json").read_text())
    assert "quantization_config" not in config
    merged = family_of(settings).load_folder(tmp_path, settings)
    assert {parameter.dtype for parameter in merged.model.parameters()} == {torch.float32}
    # What bitsandbytes multiplies in 8 bits it rounds on the way.
    assert torch.allclose(logits(settings, merged), taught, atol=0.05 * float(taught.abs().max()) if quantization == "8bit" else 1e-4)


def test_gradients_stay_right_after_an_evaluation(shared: Path) -> None:
    settings = asked(shared, "llama", "4bit")
    one = trainable(loaded(settings, shared), settings)
    family = family_of(settings)

    def gradients() -> list[torch.Tensor]:
        one.model.zero_grad()
        one.model.train()
        found, targets = family.logits_and_targets(bare(one.model), batch_of(settings, one))
        loss: Any = torch.nn.functional.cross_entropy(found.flatten(0, 1), targets.flatten())
        loss.backward()
        return [parameter.grad.clone() for parameter in one.model.parameters() if parameter.grad is not None]

    before = gradients()
    logits(settings, one)
    after = gradients()
    assert any(gradient.abs().sum() > 0 for gradient in before)
    assert all(torch.allclose(old, new, atol=1e-6) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_interrupted_and_resumed(quantization: str, shared: Path) -> None:
    settings = asked(shared, "llama", quantization)
    whole, first, rest = Reports(), Reports(stop_after=2), Reports()
    one = job(shared, settings, f"{quantization} whole")
    train(one, whole)
    with pytest.raises(SystemExit):
        train(job(shared, settings, f"{quantization} first"), first)
    train(job(shared, settings, f"{quantization} rest", resume_from=first.checkpoints[-1]), rest)
    assert first.lasting() + rest.lasting() == whole.lasting()
    assert whole.metrics[-1]["loss"] < whole.metrics[0]["loss"]
    assert whole.metrics[-1]["parameters"] == sum(
        parameter.numel() for parameter in loaded(asked(shared, "llama", "none"), shared).model.parameters()
    )
    best = one.attempt.best_model(int(max(whole.metrics, key=lambda line: line["rouge_combined_f1"])["iteration"]))
    assert settings.data.dev is not None
    assert predict(best, settings.data.dev, shared / "predicted.csv").rows == 6
    assert one.attempt.log.read_text().count("MatMul8bitLt") == 0


def test_quantised_weights_without_adapters(shared: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"model.quantization: 8bit weights can't be trained themselves, only adapters over them"):
        loaded(asked(shared, "llama", "8bit", model={"lora": None, "quantization": "8bit", "checkpoint": str(shared / "llama")}), shared)


@pytest.mark.parametrize("optim", ["adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "lion_8bit", "ademamix_8bit", "rmsprop_bnb_8bit"])
def test_optimisers_of_bitsandbytes(optim: str, shared: Path) -> None:
    rate = 3e-4 if "lion" in optim else 3e-3
    settings = small_settings(shared, training={"optim": optim, "learning_rate": rate, "num_train_epochs": 3})
    reports = Reports()
    train(job(shared, settings, optim), reports)
    assert reports.metrics[-1]["loss"] < reports.metrics[0]["loss"]


def test_a_training_with_an_8_bit_optimiser_goes_on_where_it_was_left(shared: Path) -> None:
    settings = small_settings(shared, training={"optim": "adamw_8bit", "learning_rate": 3e-3, "num_train_epochs": 4})
    whole, first, rest = Reports(), Reports(stop_after=2), Reports()
    train(job(shared, settings, "8bit optimiser whole"), whole)
    with pytest.raises(SystemExit):
        train(job(shared, settings, "8bit optimiser first"), first)
    train(job(shared, settings, "8bit optimiser rest", resume_from=first.checkpoints[-1]), rest)
    assert first.lasting() + rest.lasting() == whole.lasting()
