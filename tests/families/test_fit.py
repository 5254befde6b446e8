"""Model and tokenizer: whether they are of one kind, what added tokens begin with, what pads, and whose code may run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.decoding.cleaning import cleaner
from summtune.errors import CheckpointMistake
from summtune.families import Loaded, Sources, causal, family_of
from summtune.training.store import Store
from tests.published import BART, GPT2, LLAMA, T5, publish

TOKENS = ("#Person1#", "#Person2#")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fit")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(Store(tmp_path / "cache").once, list, "none")


def settings(folder: Path, **sections: dict[str, Any]) -> Settings:
    plain: dict[str, dict[str, Any]] = {
        "model": {"checkpoint": str(folder)},
        "tokenizer": {"encoder_max_len": 80, "decoder_max_len": 40, "special_tokens": list(TOKENS)},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section}
    return Settings.model_validate(plain)


def had(folder: Path, sources: Sources, **sections: dict[str, Any]) -> Loaded:
    asked = settings(folder, **sections)
    found: Loaded = family_of(asked).load(asked, sources)
    return found


def refused(folder: Path, sources: Sources, **sections: dict[str, Any]) -> str:
    with pytest.raises(CheckpointMistake) as caught:
        had(folder, sources, **sections)
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(("model_type", "tied"), [("gpt2", True), ("llama", False), ("bart", True)])
def test_added_tokens_begin_as_the_mean_of_their_pieces(model_type: str, tied: bool, shared: Path, sources: Sources) -> None:
    shapes = {"gpt2": GPT2, "llama": {**LLAMA, "tie_word_embeddings": tied}, "bart": BART}
    folder = publish(shared / model_type, model_type, shapes[model_type])
    before = had(folder, sources, tokenizer={"special_tokens": []})
    after = had(folder, sources)
    sides = [(before.model.get_input_embeddings(), after.model.get_input_embeddings())]
    if not tied:
        sides.append((before.model.get_output_embeddings(), after.model.get_output_embeddings()))
    for old, new in sides:
        assert torch.equal(new.weight[: old.weight.shape[0]], old.weight), "what was learnt stays"
        for token in TOKENS:
            pieces = before.tokenizer(token, add_special_tokens=False)["input_ids"]
            assert len(pieces) > 1
            begun = new.weight[after.tokenizer.convert_tokens_to_ids(token)]
            assert torch.allclose(begun, old.weight[pieces].mean(dim=0), atol=1e-7)
    assert after.added == tuple(after.tokenizer.convert_tokens_to_ids(token) for token in TOKENS)
    assert before.added == ()
    assert (after.model.get_output_embeddings().weight is after.model.get_input_embeddings().weight) == tied


def test_tokens_that_take_the_place_of_spare_embeddings(shared: Path, sources: Sources) -> None:
    folder = publish(shared / "spare", "gpt2", GPT2, embeddings=420)
    one = had(folder, sources)
    assert one.model.get_input_embeddings().num_embeddings == 420
    again = had(folder, sources, tokenizer={"special_tokens": []})
    pieces = again.tokenizer("#Person1#", add_special_tokens=False)["input_ids"]
    weights = one.model.get_input_embeddings().weight
    assert torch.allclose(weights[one.tokenizer.convert_tokens_to_ids("#Person1#")], weights[pieces].mean(dim=0), atol=1e-7)


@pytest.mark.parametrize(("model_type", "shapes"), [("gpt2", GPT2), ("bart", BART)])
def test_speakers_that_a_checkpoint_has_as_special_tokens_stay_in_the_output(
    model_type: str, shapes: dict[str, Any], shared: Path, sources: Sources, tmp_path: Path
) -> None:
    """As most who tune models with speakers make them: transformers leaves special tokens out of what it decodes."""
    from transformers import AutoTokenizer

    folder = publish(shared / f"{model_type}-special", model_type, shapes, embeddings=400)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [*TOKENS, "#Own#"]})
    tokenizer.save_pretrained(folder)
    text = f"{TOKENS[0]}은 {TOKENS[1]}와 만난다.</s> #Own#"
    ids = tokenizer(text)["input_ids"]
    assert TOKENS[0] not in tokenizer.decode(ids, skip_special_tokens=True), "this is the trap"
    one = had(folder, sources)
    assert one.tokenizer(text)["input_ids"] == ids
    assert one.added == ()
    family_of(settings(folder)).encode(one.tokenizer, [text], [text], settings(folder))
    one.model.save_pretrained(tmp_path)
    one.tokenizer.save_pretrained(tmp_path)
    saved = family_of(settings(folder)).load_folder(tmp_path, settings(folder))
    for kept in (one, saved):
        assert cleaner(kept.tokenizer, ())([ids]) == [f"{TOKENS[0]}은 {TOKENS[1]}와 만난다."]
        assert kept.tokenizer.all_special_tokens == ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "#Own#"]
    said = f"the checkpoint's tokenizer has {', '.join(TOKENS)} as special tokens, which would be deleted from every summary"
    assert one.notices[0] == f"{said}: here they stay (tokenizer.special_tokens)."
    assert not any("special tokens" in notice for notice in saved.notices)


def test_a_tokenizer_of_another_model(shared: Path, sources: Sources) -> None:
    small, large = publish(shared / "small", "gpt2", GPT2, embeddings=300), publish(shared / "large", "gpt2", GPT2, embeddings=5000)
    said = refused(small, sources)
    assert "model.checkpoint: the tokenizer has " in said
    assert "tokens of its own, and the model 300 embeddings: they are not of one model. Copy the tokenizer's files" in said
    assert "tokens, and the model 5,000 embeddings: they are not of one model." in refused(large, sources)


def test_weights_that_are_not_what_the_configuration_says(shared: Path, sources: Sources, tmp_path: Path) -> None:
    folder = publish(shared / "whole", "gpt2", GPT2)
    deeper = tmp_path / "deeper"
    shutil.copytree(folder, deeper)
    config = json.loads((folder / "config.json").read_text())
    (deeper / "config.json").write_text(json.dumps({**config, "n_layer": 2}))
    said = refused(deeper, sources)
    assert "FOLDER lacks weights of the model that its config.json describes: transformer.h.1.attn." in said
    assert said.endswith("Give a whole checkpoint of that architecture.")
    (deeper / "config.json").write_text(json.dumps({**config, "n_embd": 8}))
    assert "the weights of FOLDER have other shapes than its config.json says." in refused(deeper, sources)
    (deeper / "config.json").write_text(json.dumps(config))
    (deeper / "model.safetensors").write_bytes(b"not weights at all")
    assert "FOLDER can't be loaded" in refused(deeper, sources)


def test_a_causal_model_without_padding_token_pads_with_its_end_token(shared: Path, sources: Sources) -> None:
    folder = publish(shared / "unpadded", "gpt2", GPT2, pad=False)
    one = had(folder, sources)
    assert one.tokenizer.pad_token == one.tokenizer.eos_token == "</s>"
    assert "the tokenizer has no padding token: its end token </s> pads, and is masked (tokenizer.pad_token)." in one.notices
    rows = [{"input_ids": [5, 6], "labels": [7, 2]}, {"input_ids": [5], "labels": [7, 2]}]
    batch = causal.collate(one.tokenizer, rows)
    assert batch["labels"][1][:4].tolist() == [-100, 7, 2, -100], "the end is learnt, padding is not"
    assert batch["attention_mask"].sum(dim=1).tolist() == [4, 3]
    named = had(folder, sources, tokenizer={"pad_token": "<unk>"})
    assert named.tokenizer.pad_token == "<unk>"
    assert not any("padding token" in notice for notice in named.notices)


def test_a_token_that_nobody_has_is_refused_where_it_is_named(shared: Path, sources: Sources) -> None:
    folder = publish(shared / "named", "gpt2", GPT2)
    said = refused(folder, sources, tokenizer={"eos_token": "</S>", "pad_token": "<nothing>"})
    assert "tokenizer.eos_token: the tokenizer has no token '</S>'. Did you mean </s>?" in said
    assert "tokenizer.pad_token: the tokenizer has no token '<nothing>'. There are " in said
    ends = had(folder, sources, tokenizer={"eos_token": "#End#", "special_tokens": [*TOKENS, "#End#"]})
    assert ends.tokenizer.eos_token == "#End#"
    assert ends.tokenizer.eos_token_id in ends.added, "its embedding is trained beside adapters, too"


def test_an_encoder_decoder_model_needs_one(shared: Path, sources: Sources) -> None:
    folder = publish(shared / "bart-unpadded", "bart", BART, pad=False)
    assert "tokenizer.pad_token: the tokenizer has no padding token. Name one of its tokens" in refused(folder, sources)


CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel

Path({mark!r}).write_text("ran")


class OwnConfig(GPT2Config):
    model_type = "own"


class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
"""


@pytest.fixture
def own_code(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A checkpoint with Python code of its own, and the file that it writes when it is run."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    whole = publish(shared / "for-code", "gpt2", GPT2)
    folder, mark = tmp_path / "own", tmp_path / "ran"
    shutil.copytree(whole, folder)
    config = json.loads((whole / "config.json").read_text())
    mapped = {"AutoConfig": "own_code.OwnConfig", "AutoModelForCausalLM": "own_code.OwnModel"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": mapped}))
    (folder / "own_code.py").write_text(CODE.format(mark=str(mark)))
    return folder, mark


@pytest.mark.parametrize("architecture", [None, "gpt2"])
def test_code_of_a_checkpoint_is_not_run_unasked(architecture: str | None, own_code: tuple[Path, Path], sources: Sources) -> None:
    folder, mark = own_code
    assert refused(folder, sources, model={"architecture": architecture}) == (
        "model.trust_remote_code: FOLDER brings Python code of its own, which would have to be run. "
        "Read it; where you trust its author, say `--set model.trust_remote_code=true`."
    )
    assert not mark.exists()


def test_code_of_a_checkpoint_is_run_when_that_is_said(own_code: tuple[Path, Path], sources: Sources, tmp_path: Path) -> None:
    folder, mark = own_code
    asked = settings(folder, model={"trust_remote_code": True})
    family = family_of(asked)
    assert family is causal
    assert not mark.exists(), "finding the family runs nothing"
    one = family.load(asked, sources)
    assert mark.read_text() == "ran"
    assert type(one.model).__name__ == "OwnModel"
    one.model.save_pretrained(str(tmp_path / "saved"))
    one.tokenizer.save_pretrained(str(tmp_path / "saved"))
    assert type(family.load_folder(tmp_path / "saved", asked).model).__name__ == "OwnModel"


def test_a_tokenizer_that_is_python_all_the_way(tmp_path: Path, sources: Sources) -> None:
    """ByT5's own: what counts is its vocabulary without what was added, and token ids are kept by what it is made from."""
    from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

    folder = tmp_path / "byt5"
    ids = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    T5ForConditionalGeneration(T5Config(vocab_size=384, **T5, **ids)).save_pretrained(str(folder))
    ByT5Tokenizer().save_pretrained(str(folder))
    plain, added = had(folder, sources, tokenizer={"special_tokens": []}), had(folder, sources)
    assert not added.tokenizer.is_fast
    assert added.tokenizer("#Person1#")["input_ids"] == [384, 1]
    assert added.model.get_input_embeddings().num_embeddings == 386
    asked = settings(folder)
    digests = [family_of(asked).encoding_digest(one, asked) for one in (plain, added, had(folder, sources))]
    assert digests[1] == digests[2] != digests[0]
