"""Adapters: what of a model they train, that they go on where they were left, and that what comes of them needs no PEFT."""

from __future__ import annotations

import json
import subprocess
import sys
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
from tests.published import BART, GPT2, LLAMA, T5, publish
from tests.small_training import Reports, job, small_settings

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bart": ("bart", BART),
    "gpt2": ("gpt2", GPT2),
    "llama, output of its own": ("llama", {**LLAMA, "tie_word_embeddings": False}),
    "llama, tied": ("llama", {**LLAMA, "tie_word_embeddings": True}),
    "t5": ("t5", T5),
    "mt5": ("mt5", T5),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


def adapting(shared: Path, kind: str = "bart", **sections: dict[str, Any]) -> Settings:
    """Settings of adapters over a published model."""
    model_type, overrides = KINDS[kind]
    folder = shared / kind.replace(", ", "-").replace(" ", "-")
    if not folder.exists():
        publish(folder, model_type, overrides)
    plain: dict[str, dict[str, Any]] = {
        "model": {"checkpoint": str(folder), "load_pretrained": True, "architecture": None, "config_overrides": {}, "lora": {}},
        "tokenizer": {"vocab_size": None, "encoder_max_len": 80, "decoder_max_len": 40},
        "training": {"learning_rate": 2e-2, "num_train_epochs": 4, "weight_decay": 0.0},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section}
    return small_settings(shared, **plain)  # type: ignore[arg-type]  # its other arguments are not among them


def loaded(settings: Settings, shared: Path) -> Loaded:
    found: Loaded = family_of(settings).load(settings, Sources(Store(shared / "cache").once, list, "none"))
    return found


def logits(settings: Settings, one: Loaded) -> torch.Tensor:
    family = family_of(settings)
    columns = family.encode(one.tokenizer, ["#Person1#: 안녕\n#Person2#: 네"], ["#Person1#이 인사한다."], settings)
    batch = family.collate(one.tokenizer, [{name: column[0] for name, column in columns.items()}])
    one.model.eval()
    with torch.no_grad():
        found: torch.Tensor = family.logits_and_targets(bare(one.model), batch)[0]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_and_added_tokens_are_trained_and_merged(kind: str, shared: Path, tmp_path: Path) -> None:
    settings = adapting(shared, kind)
    plain, adapted = loaded(settings, shared), trainable(loaded(settings, shared), settings)
    assert len(plain.added) == 6
    assert torch.equal(logits(settings, plain), logits(settings, adapted)), "adapters begin without effect"
    learning = [name for name, parameter in adapted.model.named_parameters() if parameter.requires_grad]
    assert all("lora_" in name or "trainable_tokens_delta" in name for name in learning)
    rows = [parameter for name, parameter in adapted.model.named_parameters() if "trainable_tokens_delta" in name]
    assert [tuple(row.shape) for row in rows] == [(6, 16)] * (2 if kind in ("llama, output of its own", "mt5") else 1)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in adapted.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    taught = logits(settings, adapted)
    assert not torch.allclose(taught, logits(settings, plain), atol=1e-3)
    before = {name: tensor.clone() for name, tensor in adapted.model.state_dict().items()}
    write_merged(adapted.model, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in adapted.model.state_dict().items()), "the model itself is left alone"
    adapted.tokenizer.save_pretrained(str(tmp_path))
    merged = family_of(settings).load_folder(tmp_path, settings)
    assert torch.allclose(logits(settings, merged), taught, atol=1e-5)
    assert {name for name, _ in merged.model.named_parameters()} == {name for name, _ in plain.model.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_added_token_gets_a_gradient(kind: str, shared: Path) -> None:
    settings = adapting(shared, kind)
    family, adapted = family_of(settings), trainable(loaded(settings, shared), settings)
    text = " ".join(settings.tokenizer.special_tokens)
    columns = family.encode(adapted.tokenizer, [text], [text], settings)
    batch = family.collate(adapted.tokenizer, [{name: column[0] for name, column in columns.items()}])
    found, targets = family.logits_and_targets(bare(adapted.model), batch)
    loss: Any = torch.nn.functional.cross_entropy(found.flatten(0, 1), targets.flatten())
    loss.backward()
    for name, parameter in adapted.model.named_parameters():
        if "trainable_tokens_delta" in name:
            assert parameter.grad is not None, name
            assert (parameter.grad.abs().sum(dim=1) > 0).all(), name


@pytest.mark.parametrize("kind", ["bart", "gpt2"])
def test_interrupted_after_two_epochs_equals_the_uninterrupted_one(kind: str, shared: Path) -> None:
    settings = adapting(shared, kind, model={"lora": {"dropout": 0.1}})
    whole, first, rest = Reports(), Reports(stop_after=2), Reports()
    asked = job(shared, settings, f"{kind} whole")
    train(asked, whole)
    with pytest.raises(SystemExit):
        train(job(shared, settings, f"{kind} first"), first)
    held = {file.name for file in first.checkpoints[-1].iterdir()}
    assert "adapter_model.safetensors" in held
    assert "model.safetensors" not in held
    assert (first.checkpoints[-1] / "adapter_model.safetensors").stat().st_size < 20_000
    train(job(shared, settings, f"{kind} rest", resume_from=first.checkpoints[-1]), rest)
    assert first.lasting() + rest.lasting() == whole.lasting()
    assert whole.metrics[-1]["loss"] < whole.metrics[0]["loss"]
    last = whole.metrics[-1]
    assert 0 < last["trainable_parameters"] < last["parameters"] / 5
    results = json.loads(asked.attempt.results.read_text())
    assert results["best_metrics"]["trainable_parameters"] == last["trainable_parameters"]


def test_the_best_model_needs_no_peft(shared: Path) -> None:
    settings = adapting(shared, "gpt2", training={"num_train_epochs": 1})
    asked = job(shared, settings, "no peft")
    train(asked, Reports())
    model = asked.attempt.best_model(1)
    held = {file.name for file in model.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "predictions.csv"} <= held
    assert not {"adapter_model.safetensors", "adapter_config.json", "README.md"} & held
    code = f"""
import sys
sys.modules["peft"] = sys.modules["bitsandbytes"] = None
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained({str(model)!r}), AutoTokenizer.from_pretrained({str(model)!r})
assert model.get_input_embeddings().num_embeddings == len(tokenizer)
assert len(tokenizer("#Person1#", add_special_tokens=False)["input_ids"]) == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert settings.data.dev is not None
    written = predict(model, settings.data.dev, shared / "predicted.csv")
    assert written.metrics is not None
    reported = json.loads(asked.attempt.results.read_text())["best_metrics"]
    assert written.metrics["loss"] == pytest.approx(reported["loss"], abs=1e-5)


def test_frozen_parts_get_no_adapters(shared: Path) -> None:
    settings = adapting(shared, model={"freeze_encoder": True, "freeze_embeddings": True})
    learning = [name for name, one in trainable(loaded(settings, shared), settings).model.named_parameters() if one.requires_grad]
    assert learning
    assert all(".decoder." in name and "lora_" in name for name in learning), learning


def test_checkpointed_activations_have_the_same_gradients(shared: Path) -> None:
    once, twice = Reports(), Reports()
    for reports, checkpointed in ((once, False), (twice, True)):
        settings = adapting(shared, training={"num_train_epochs": 1, "gradient_checkpointing": checkpointed})
        train(job(shared, settings, f"checkpointing {checkpointed}"), reports)
    assert twice.metrics[0]["loss"] == pytest.approx(once.metrics[0]["loss"], abs=1e-5)
    assert twice.metrics[0]["learning_rate"] > 0


@pytest.mark.parametrize(
    ("kind", "modules", "message"),
    [
        (
            "bart",
            ["q_proj", "query"],
            "no module that can have an adapter is called query. This model has k_proj, v_proj, q_proj, out_proj",
        ),
        ("gpt2", ["lm_head"], "lm_head shares its weights with another module, which an adapter would not change. Leave it out."),
    ],
)
def test_modules_that_can_t_have_adapters(kind: str, modules: list[str], message: str, shared: Path) -> None:
    settings = adapting(shared, kind, model={"lora": {"target_modules": modules}})
    with pytest.raises(SettingsMistake) as caught:
        trainable(loaded(settings, shared), settings)
    assert str(caught.value).startswith(f"model.lora.target_modules: {message}")


def test_modules_may_be_named(shared: Path) -> None:
    for modules, ends in ((["fc1"], {"fc1"}), ("all-linear", {"k_proj", "v_proj", "q_proj", "out_proj", "fc1", "fc2"})):
        settings = adapting(shared, model={"lora": {"target_modules": modules}})
        model = trainable(loaded(settings, shared), settings).model
        assert {name.rpartition(".lora_A")[0].rpartition(".")[2] for name, _ in model.named_parameters() if ".lora_A." in name} == ends


def test_the_seed_draws_the_adapters(shared: Path) -> None:
    def drawn(seed: int) -> torch.Tensor:
        settings = adapting(shared, general={"seed": seed})
        model = trainable(loaded(settings, shared), settings).model
        first: torch.Tensor = next(one for name, one in model.named_parameters() if ".lora_A." in name)
        return first

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
