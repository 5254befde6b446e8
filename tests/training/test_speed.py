"""What makes training fast changes nothing about what is learnt; tokens and padding are counted as they are."""

import gc
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.errors import SettingsMistake
from summtune.families import causal, seq2seq
from summtune.training.batches import LengthGrouped
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speed")


def settings_of(shared: Path, family: str, **training: Any) -> Settings:
    model: dict[str, Any] = {"dropout_rate": 0.0}
    if family == "causal":
        sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1}
        model |= {"architecture": "kogpt2", "config_overrides": sizes}
    return small_settings(shared, model=model, training=training)


def history(shared: Path, attempt: str, settings: Settings) -> list[dict[str, float | int]]:
    reports = Reports()
    train(job(shared, settings, attempt), reports)
    return reports.lasting()


@pytest.mark.parametrize("family", [seq2seq, causal], ids=["seq2seq", "causal"])
def test_tokens_and_padding_are_counted_as_they_are(shared: Path, family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = family.__name__.rpartition(".")[2]
    settings = settings_of(shared, name, gradient_accumulation_steps=2, num_train_epochs=2)
    encoded: list[dict[str, list[Any]]] = []
    encode = family.encode

    def listen(*arguments: Any) -> Any:
        encoded.append(encode(*arguments))
        return encoded[-1]

    monkeypatch.setattr(family, "encode", listen)
    reports = Reports()
    train(job(shared, settings, f"counted-{name}"), reports)
    columns = encoded[0]
    sources, targets = [[len(value) for value in columns[column]] for column in ("input_ids", "labels")]
    tokens = sum(sources) + sum(targets)
    for epoch, line in enumerate(reports.metrics):
        sampler = LengthGrouped(columns["length"], 8, settings.general.seed)
        sampler.set_epoch(epoch)
        rows = list(sampler)
        positions = 0
        for start in range(0, 16, 4):
            batch = rows[start : start + 4]
            parts = [sources, targets] if family is seq2seq else [[a + b for a, b in zip(sources, targets, strict=True)]]
            positions += sum(4 * 8 * -(-max(part[row] for row in batch) // 8) for part in parts)
        assert line["tokens_per_second"] * line["train_s"] == pytest.approx(tokens)
        assert line["padding_share"] == pytest.approx(1 - tokens / positions)


@pytest.mark.parametrize("family", ["seq2seq", "causal"])
def test_gradient_checkpointing_saves_memory_and_changes_nothing(shared: Path, family: str) -> None:
    plain = history(shared, f"plain-{family}", settings_of(shared, family))
    saving = history(shared, f"saving-{family}", settings_of(shared, family, gradient_checkpointing=True))
    assert saving == [pytest.approx(line, rel=1e-6) for line in plain]


@pytest.mark.parametrize(
    "more",
    [{}, {"dataloader_persistent_workers": True, "dataloader_prefetch_factor": 3, "dataloader_multiprocessing_context": "fork"}],
    ids=["plain", "persistent"],
)
def test_dataloader_workers_change_nothing_and_leave_nobody_behind(shared: Path, more: dict[str, Any]) -> None:
    # With dropout; but workers that persist draw their seed once, not for every epoch, so that dropout's comes out otherwise.
    alone, helped = (small_settings(shared) if not more else settings_of(shared, "seq2seq") for _ in range(2))
    helped = helped.model_copy(update={"training": helped.training.model_copy(update={"dataloader_num_workers": 2, **more})})
    assert history(shared, f"helped-{len(more)}", helped) == history(shared, f"alone-{len(more)}", alone)
    assert multiprocessing.active_children() == []


def test_attention_is_recorded(shared: Path) -> None:
    for family in ("seq2seq", "causal"):
        asked = job(shared, settings_of(shared, family, num_train_epochs=1), f"attention-{family}")
        train(asked, Reports())
        assert json.loads(asked.attempt.results.read_text())["attention"] == "sdpa"


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_training_is_the_same_training(shared: Path, backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    compiled = {"torch_compile": True, "torch_compile_backend": backend}
    plain = history(shared, f"not-{backend}", settings_of(shared, "seq2seq"))
    assert history(shared, backend, settings_of(shared, "seq2seq", **compiled)) == [pytest.approx(line, rel=1e-4) for line in plain]
    half, rest = Reports(stop_after=1), Reports()
    with pytest.raises(SystemExit):
        train(job(shared, settings_of(shared, "seq2seq", **compiled), f"half-{backend}"), half)
    train(job(shared, settings_of(shared, "seq2seq", **compiled), f"rest-{backend}", resume_from=half.checkpoints[0]), rest)
    assert half.lasting() + rest.lasting() == [pytest.approx(line, rel=1e-4) for line in plain]
    assert capfd.readouterr() == ("", "")
    from torch._dynamo.eval_frame import OptimizedModule

    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is OptimizedModule]


def test_a_compiler_that_is_not_there_is_named(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SettingsMistake) as caught:
        train(job(shared, settings_of(shared, "seq2seq", torch_compile=True), "no-compiler"), Reports())
    reason = "compiling needs a C++ compiler (g++ or clang++), which this node lacks."
    assert str(caught.value) == f"training.torch_compile: {reason} Install it, or leave torch_compile out."


def test_products_of_fp32_are_as_exact_as_before_when_a_training_is_over(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backends: Any = torch.backends
    before = backends.fp32_precision
    seen = []

    def report(metrics: dict[str, float | int], checkpoint: Path | None) -> None:
        backends.fp32_precision = "tf32"  # as transformers does where there is some
        seen.append(metrics)

    train(job(shared, settings_of(shared, "seq2seq", num_train_epochs=1), "exact"), report)
    assert seen
    assert backends.fp32_precision == before
