"""Models in one GGUF file: unpacked once, trained like any other, and refused by name where they can't be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake
from summtune.families import Sources, causal, checkpoints, family_of
from summtune.inference.predict import predict
from summtune.training.store import Store
from summtune.training.train import train
from tests.small_gguf import EOS, POSITIONS, write_gguf
from tests.small_training import Reports, job, small_settings


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="module")
def weights(shared: Path) -> dict[str, np.ndarray]:
    (shared / "model").mkdir()
    return write_gguf(shared / "model" / "tiny.Q8_0.gguf")


def asked(shared: Path, file: str = "tiny.Q8_0.gguf", **sections: dict[str, Any]) -> Settings:
    plain: dict[str, dict[str, Any]] = {
        "model": {
            **{"architecture": None, "load_pretrained": True, "config_overrides": {}},
            "checkpoint": str(shared / "model"),
            "gguf_file": file,
        },
        "tokenizer": {"vocab_size": None, "encoder_max_len": 160, "decoder_max_len": 60},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section}
    return small_settings(shared, **plain)  # type: ignore[arg-type]  # its other arguments are not among them


@pytest.mark.usefixtures("weights")
def test_the_file_says_which_family(shared: Path) -> None:
    assert checkpoints.model_type(asked(shared)) == "llama"
    assert family_of(asked(shared)) is causal


def test_unpacked_once_and_as_it_was_written(shared: Path, weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    made: list[str] = []
    store = Store(tmp_path / "cache")

    def once(kind: str, key: str, make: Any) -> Path:
        def noted(folder: Path) -> None:
            made.append(kind)
            make(folder)

        return store.once(kind, key, noted)

    sources = Sources(once, list, "none")
    first, again = (causal.load(asked(shared, tokenizer={"special_tokens": []}), sources) for _ in range(2))
    assert made == ["gguf"]
    for one in (first, again):
        state = one.model.state_dict()
        assert np.array_equal(state["model.embed_tokens.weight"].numpy(), weights["token_embd.weight"])
        assert np.array_equal(state["model.layers.0.mlp.up_proj.weight"].numpy(), weights["blk.0.ffn_up.weight"])
        assert one.model.config.max_position_embeddings == POSITIONS
        assert getattr(one.model.config, "quantization_config", None) is None
        assert one.tokenizer.eos_token == EOS
        text = "#Person1#: 내일 병원에 같이 갈까요?\n네"
        assert one.tokenizer.decode(one.tokenizer(text)["input_ids"]) == text
    (shared / "model" / "tiny.Q8_0.gguf").touch()
    causal.load(asked(shared), sources)
    assert made == ["gguf", "gguf"], "a file that was changed is unpacked again"


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("lora", [None, {}])
def test_it_trains_and_predicts(lora: dict[str, Any] | None, shared: Path) -> None:
    settings = asked(shared, model={"lora": lora}, training={"num_train_epochs": 2})
    reports = Reports()
    one = job(shared, settings, f"gguf {lora}")
    train(one, reports)
    assert reports.metrics[1]["loss"] < reports.metrics[0]["loss"]
    (shared / "model").rename(shared / "gone")
    try:
        best = one.attempt.best_model(int(max(reports.metrics, key=lambda line: line["rouge_combined_f1"])["iteration"]))
        assert settings.data.dev is not None
        assert predict(best, settings.data.dev, shared / "predicted.csv").rows == 6, "the best model stands by itself"
    finally:
        (shared / "gone").rename(shared / "model")


@pytest.mark.usefixtures("weights")
def test_files_that_can_t_be(shared: Path, tmp_path: Path) -> None:
    def said(file: str, **model: Any) -> str:
        settings = asked(shared, file, model={"checkpoint": str(shared / "model"), "gguf_file": file, **model})

        def load() -> None:
            checkpoints.check_available(settings)
            family_of(settings).load(settings, Sources(Store(tmp_path / "cache").once, list, "none"))

        with pytest.raises(CheckpointMistake) as caught:
            load()
        return str(caught.value).replace(str(shared), "")

    assert said("other.gguf") == "model.gguf_file: /model has no file other.gguf. There is tiny.Q8_0.gguf."
    for outside in ("../tiny.Q8_0.gguf", "/etc/passwd", "..", "a/b.gguf"):
        assert said(outside) == f"model.gguf_file: {outside!r} is no file's name. Give the name alone: the file lies in model.checkpoint."
    (shared / "model" / "text.gguf").write_text("no model at all")
    assert said("text.gguf") == "model.gguf_file: /model/text.gguf is no GGUF file. Name one, or leave gguf_file out."
    (shared / "model" / "torn.gguf").write_bytes((shared / "model" / "tiny.Q8_0.gguf").read_bytes()[:900])
    assert "model.gguf_file: /model/torn.gguf is damaged" in said("torn.gguf")
    write_gguf(shared / "model" / "mamba.gguf", "mamba")
    assert "no family handles the architecture 'mamba'." in said("mamba.gguf")
    write_gguf(shared / "model" / "t5.gguf", "t5")
    assert said("t5.gguf") == "model.gguf_file: t5.gguf can't be used: GGUF files hold causal models. Leave it out."
    write_gguf(shared / "model" / "olmo2.gguf", "olmo2")
    assert "/model can't be loaded" in said("olmo2.gguf"), "a family handles it, and transformers can't read it"


@pytest.mark.usefixtures("weights")
def test_looking_into_a_file_imports_no_torch(shared: Path) -> None:
    code = f"""
import sys
from summtune.config.settings import Settings
from summtune.families import checkpoints, family_of
settings = Settings.model_validate({{"model": {{"checkpoint": {str(shared / "model")!r}, "gguf_file": "tiny.Q8_0.gguf"}}}})
checkpoints.check_available(settings)
assert family_of(settings).__name__ == "summtune.families.causal"
sys.exit(1 if {{"torch", "transformers"}} & set(sys.modules) else 0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
