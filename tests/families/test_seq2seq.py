"""Encoder-decoder models are fed, taught and decoded so that model, tokenizer and text agree."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import SPEAKER_TOKENS, Settings
from summtune.errors import CheckpointMistake
from summtune.families import Loaded, Sources, seq2seq
from summtune.training.store import Store
from tests.small_training import rows, small_settings

TEXT = "#Person1#: 안녕하세요?  뷁 #Person2#의 번호는 #PhoneNumber#예요.\n#Person2#: 네, 010입니다… 🙂 (Mr. Kim)\n"


def load(folder: Path, settings: Settings, resume_from: Path | None = None) -> Loaded:
    texts = [text for row in rows(16) for text in (row["dialogue"], row["summary"])]
    return seq2seq.load(settings, Sources(Store(folder / "cache").once, lambda: texts, "digest", resume_from))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seq2seq")


@pytest.fixture(scope="module")
def small(shared: Path) -> Loaded:
    return load(shared, small_settings(shared))


def test_made_up_tokenizer_gives_back_every_text(small: Loaded) -> None:
    ids = small.tokenizer(TEXT)["input_ids"]
    assert small.tokenizer.decode(ids, skip_special_tokens=True) == TEXT
    assert (ids[0], ids[-1]) == (0, 2)
    assert small.tokenizer.unk_token_id not in ids
    tokens = small.tokenizer.convert_ids_to_tokens(ids)
    assert tokens.count("#Person2#") == 2
    assert "#PhoneNumber#" in tokens
    assert all(len(small.tokenizer.encode(token, add_special_tokens=False)) == 1 for token in SPEAKER_TOKENS)
    assert not set(SPEAKER_TOKENS) & set(small.tokenizer.all_special_tokens)


def test_model_and_tokenizer_agree(small: Loaded) -> None:
    config, generation = small.model.config, small.model.generation_config
    assert small.model.get_input_embeddings().num_embeddings == len(small.tokenizer) == config.vocab_size
    for given in (config, generation):
        assert (given.pad_token_id, given.bos_token_id, given.eos_token_id, given.decoder_start_token_id) == (1, 0, 2, 2)
    assert (generation.forced_bos_token_id, generation.forced_eos_token_id) == (0, 2)


def test_made_once_by_content(shared: Path, small: Loaded) -> None:
    again = load(shared, small_settings(shared))
    assert all(torch.equal(one, other) for one, other in zip(small.model.parameters(), again.model.parameters(), strict=True))
    assert len([entry for entry in (shared / "cache" / "weights").iterdir() if entry.is_dir()]) == 1
    other = load(shared, small_settings(shared, general={"seed": 1}))
    assert not torch.equal(small.model.get_input_embeddings().weight, other.model.get_input_embeddings().weight)


def test_encode_and_collate(small: Loaded, shared: Path) -> None:
    settings = small_settings(shared, tokenizer={"encoder_max_len": 16, "decoder_max_len": 8, "prefix": "요약: "})
    columns = seq2seq.encode(small.tokenizer, ["네.", TEXT], ["좋다.", TEXT], settings)
    tokens = len(small.tokenizer(TEXT)["input_ids"])
    prefix = len(small.tokenizer("요약: ", add_special_tokens=False)["input_ids"])
    assert columns["cut"] == [0, prefix + tokens - 16]
    assert columns["cut_summary"] == [0, tokens - 8]
    assert columns["length"] == [len(columns["input_ids"][0]), 16]
    assert small.tokenizer.decode(columns["input_ids"][0], skip_special_tokens=True) == "요약: 네."
    assert all(label[0] == 0 and label[-1] == 2 and label.count(2) == 1 for label in columns["labels"])
    assert len(columns["labels"][1]) == 8
    rows = [{name: column[place] for name, column in columns.items()} for place in range(2)]
    batch = seq2seq.collate(small.tokenizer, rows)
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "input_ids": (2, 16),
        "attention_mask": (2, 16),
        "labels": (2, 8),
    }
    assert batch["attention_mask"].sum(1).tolist() == columns["length"]
    assert (batch["labels"] == -100).sum() == 8 - len(columns["labels"][0])


def test_truncation_side_is_the_dialogues(small: Loaded, shared: Path) -> None:
    settings = small_settings(shared, tokenizer={"encoder_max_len": 8, "decoder_max_len": 8, "truncation_side": "left"})
    loaded = load(shared, settings)
    columns = seq2seq.encode(loaded.tokenizer, [TEXT], [TEXT], settings)
    assert "#Person1#" not in loaded.tokenizer.decode(columns["input_ids"][0])
    assert "#Person1#" in loaded.tokenizer.decode(columns["labels"][0])


def test_loss_is_the_models_own(small: Loaded, shared: Path) -> None:
    columns = seq2seq.encode(small.tokenizer, ["네.", TEXT], ["좋다.", "#Person1#"], small_settings(shared))
    batch = seq2seq.collate(small.tokenizer, [{name: column[place] for name, column in columns.items()} for place in range(2)])
    small.model.eval()
    with torch.inference_mode():
        logits, targets = seq2seq.logits_and_targets(small.model, batch)
        ours = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        theirs = small.model(**batch).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_local_checkpoint_gets_its_tokens(small: Loaded, shared: Path, tmp_path: Path) -> None:
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    settings = small_settings(
        shared,
        model={"checkpoint": str(tmp_path), "load_pretrained": True, "config_overrides": {}, "architecture": None, "dropout_rate": 0.3},
        tokenizer={"special_tokens": [*SPEAKER_TOKENS, "#Email#"], "vocab_size": None},
    )
    loaded = load(shared, settings)
    assert len(loaded.tokenizer) == len(small.tokenizer) + 1
    assert loaded.model.get_input_embeddings().num_embeddings == len(loaded.tokenizer)
    assert loaded.model.config.dropout == 0.3
    assert len(loaded.tokenizer.encode("#Email#", add_special_tokens=False)) == 1
    again = seq2seq.load_folder(tmp_path, settings)
    assert len(again.tokenizer) == len(small.tokenizer)


def test_korean_survives_a_checkpoint_without_a_tokenizer_class(small: Loaded, shared: Path, tmp_path: Path) -> None:
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    told = json.loads(file.read_text())
    del told["tokenizer_class"]
    file.write_text(json.dumps(told))
    from transformers import AutoTokenizer

    usual = AutoTokenizer.from_pretrained(tmp_path)
    assert usual.decode(usual("안녕하세요")["input_ids"], skip_special_tokens=True) != "안녕하세요", "this is the trap"
    model = {"checkpoint": str(tmp_path), "load_pretrained": True, "config_overrides": {}}
    loaded = load(shared, small_settings(shared, model=model))
    assert loaded.tokenizer.decode(loaded.tokenizer(TEXT)["input_ids"], skip_special_tokens=True) == TEXT


def test_random_weights_of_a_checkpoints_configuration(small: Loaded, shared: Path, tmp_path: Path) -> None:
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    model: dict[str, Any] = {"checkpoint": str(tmp_path), "load_pretrained": False, "config_overrides": {"encoder_layers": 2}}
    loaded = load(shared, small_settings(shared, model=model))
    assert loaded.model.config.encoder_layers == 2
    assert loaded.model.config.d_model == small.model.config.d_model


def test_t5_from_configuration(shared: Path) -> None:
    overrides = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    model = {"architecture": "t5", "config_overrides": overrides, "dropout_rate": 0.2}
    loaded = load(shared, small_settings(shared, model=model))
    assert loaded.model.config.model_type == "t5"
    assert loaded.model.config.dropout_rate == 0.2
    assert loaded.model.config.decoder_start_token_id == loaded.tokenizer.pad_token_id


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"tokenizer": {"encoder_max_len": 256}},
            "tokenizer.encoder_max_len: 256 tokens are more than the model's 128 positions. Give at most 128.",
        ),
        (
            {"generation": {"max_length": 150}},
            "generation.max_length: 150 tokens are more than the model's 128 positions. Give at most 128.",
        ),
        (
            {"generation": {"max_new_tokens": 150}},
            "generation.max_new_tokens: 150 tokens are more than the model's 128 positions. Give at most 128.",
        ),
        ({"model": {"config_overrides": {"width": 3}}}, "model.config_overrides.width: a bart configuration has no width."),
    ],
)
def test_what_does_not_fit_is_a_mistake(shared: Path, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointMistake) as caught:
        load(shared, small_settings(shared, **sections))
    assert str(caught.value) == message
