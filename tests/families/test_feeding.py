"""What every family owes, of whichever file: room for the summary, a masked prompt, new tokens alone, and settings that do something."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from summtune import registry
from summtune.config.settings import Settings
from summtune.decoding.generation import generation_arguments, generation_config
from summtune.families import IGNORED, Loaded, Sources
from summtune.training.adapters import _freeze
from summtune.training.store import Store
from tests.small_models import KINDS, settings_of
from tests.small_training import rows

LINES = rows(6)
DIALOGUES, SUMMARIES = [line["dialogue"] for line in LINES], [line["summary"] for line in LINES]
# Made-up words, enough of them that a larger vocabulary has something to hold.
WORDS = [" ".join("".join(chr(0xAC00 + 28 * (n * step % 41)) for step in (1, 3, 7, many)) for n in range(41)) for many in range(2, 12)]
OF_FAMILY = [
    (name, kind)
    for name in registry.names("families")
    for kind, model in KINDS.items()
    if model.get("architecture", "bart") in registry.load("families", name).ARCHITECTURES
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feeding")


def loaded(shared: Path, family: ModuleType, settings: Settings) -> Loaded:
    sources = Sources(Store(shared / "cache").once, lambda: [*DIALOGUES, *SUMMARIES, *WORDS] * 10, "digest")
    found: Loaded = family.load(settings, sources)
    found.model.eval()
    return found


def columns_of(family: ModuleType, one: Loaded, settings: Settings, *, learning: bool = True) -> list[dict[str, Any]]:
    columns = family.encode(one.tokenizer, DIALOGUES, SUMMARIES if learning else None, settings)
    return [{name: columns[name][place] for name in columns} for place in range(len(DIALOGUES))]


def test_each_family_is_looked_at() -> None:
    assert {name for name, _ in OF_FAMILY} == set(registry.names("families")), "give tests/small_models.py a small model of the new one"


@pytest.mark.parametrize(("name", "kind"), OF_FAMILY)
@pytest.mark.parametrize("source", [24, 200])
@pytest.mark.parametrize("target", [4, 40])
def test_truncation_keeps_room_for_the_summary(name: str, kind: str, source: int, target: int, shared: Path) -> None:
    family = registry.load("families", name)
    lengths = {"encoder_max_len": min(source, 80), "decoder_max_len": target, "vocab_size": 600}
    settings = settings_of(shared, kind, tokenizer=lengths)
    one = loaded(shared, family, settings)
    whole = columns_of(family, one, settings_of(shared, kind, tokenizer={**lengths, "encoder_max_len": 80, "decoder_max_len": 40}))
    for row, uncut in zip(columns_of(family, one, settings), whole, strict=True):
        assert len(row["input_ids"]) <= lengths["encoder_max_len"]
        assert 1 < len(row["labels"]) <= target
        assert row["labels"][-1] == one.tokenizer.eos_token_id
        assert row["labels"][:-1] == uncut["labels"][: len(row["labels"]) - 1], "a summary keeps its beginning, whatever the dialogue"
        assert row["cut"] == max(len(uncut["input_ids"]) - lengths["encoder_max_len"], 0)


@pytest.mark.parametrize(("name", "kind"), OF_FAMILY)
def test_each_token_of_the_summary_is_learnt_once_and_nothing_else(name: str, kind: str, shared: Path) -> None:
    family = registry.load("families", name)
    settings = settings_of(shared, kind)
    one = loaded(shared, family, settings)
    lines = columns_of(family, one, settings)
    with torch.no_grad():
        logits, targets = family.logits_and_targets(one.model, family.collate(one.tokenizer, lines))
    assert logits.shape[:2] == targets.shape
    for row, taught in zip(lines, targets, strict=True):
        assert taught[taught != IGNORED].tolist() == row["labels"]


@pytest.mark.parametrize(("name", "kind"), OF_FAMILY)
def test_a_batch_is_answered_like_each_dialogue_alone_and_with_new_tokens_only(name: str, kind: str, shared: Path) -> None:
    family = registry.load("families", name)
    settings = settings_of(shared, kind, generation={"max_length": 7, "num_beams": 1, "no_repeat_ngram_size": 0})
    one = loaded(shared, family, settings)
    one.model.generation_config = config = family.adapted(generation_config(one.model, settings.generation))
    lines = [{"input_ids": row["input_ids"]} for row in columns_of(family, one, settings, learning=False)]
    together = family.new_tokens(one.model, family.collate(one.tokenizer, lines), config)
    assert together.shape[1] <= 7
    said = [one.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in together]
    for line, text in zip(lines, said, strict=True):
        (alone,) = family.new_tokens(one.model, family.collate(one.tokenizer, [line]), config)
        assert one.tokenizer.decode(alone, skip_special_tokens=True) == text


CHANGES: dict[str, Any] = {
    "general.seed": 7,
    "model.config_overrides": None,  # worked out for each kind
    "model.dropout_rate": 0.4,
    "model.freeze_encoder": True,
    "model.freeze_embeddings": True,
    "tokenizer.encoder_max_len": 30,
    "tokenizer.decoder_max_len": 5,
    "tokenizer.special_tokens": ["#Person1#", "#Person9#"],
    "tokenizer.truncation_side": "left",
    "tokenizer.prefix": "요약: ",
    "tokenizer.input_format": "{dialogue} =>",
    "tokenizer.vocab_size": 800,
    "generation.max_length": 9,
    "generation.min_length": 3,
    "generation.max_new_tokens": 8,
    "generation.num_beams": 3,
    "generation.length_penalty": 2.0,
    "generation.no_repeat_ngram_size": 3,
    "generation.repetition_penalty": 1.5,
    "generation.early_stopping": False,
    "generation.do_sample": True,
    "generation.temperature": 0.5,
    "generation.top_k": 3,
    "generation.top_p": 0.5,
}
NOT_HERE = {
    *("general.device", "model.architecture", "model.checkpoint", "model.load_pretrained", "model.trust_remote_code"),
    *("model.lora", "model.quantization", "model.gguf_file", "training.*"),
    *("tokenizer.bos_token", "tokenizer.eos_token", "tokenizer.pad_token"),  # name what a published tokenizer lacks
}
"""Consumed, but by more than a made-up model shows: tested beside what they are about."""


def footprint(shared: Path, kind: str, family: ModuleType, settings: Settings) -> dict[str, Any]:
    """What a family makes of settings."""
    one = loaded(shared, family, settings)
    _freeze(one.model, settings)
    config = one.model.config.to_dict()
    weights = hashlib.sha256()
    for name, parameter in one.model.named_parameters():
        weights.update(f"{name} {tuple(parameter.shape)} {parameter.requires_grad}".encode())
        weights.update(parameter.detach().numpy().tobytes())
    return {
        "columns": columns_of(family, one, settings),
        "model": {name: value for name, value in config.items() if not name.startswith("_")},
        "weights": weights.hexdigest(),
        "generation": generation_arguments(settings.generation),
        "asked": family.adapted(generation_config(one.model, settings.generation)).to_dict(),
    }


@pytest.mark.parametrize(("name", "kind"), OF_FAMILY)
def test_what_a_family_says_it_consumes_it_consumes(name: str, kind: str, shared: Path) -> None:
    family = registry.load("families", name)
    assert set(family.CONSUMES) <= {*CHANGES, *NOT_HERE}, "say here how a new one shows"
    base: dict[str, Any] = {
        "generation": {"num_beams": 2, "do_sample": False, "max_length": 12},
        "tokenizer": {"vocab_size": 600, "encoder_max_len": 20, "decoder_max_len": 20},
    }
    greedy = {**base["generation"], "num_beams": 1}
    decodings = {"beams": base["generation"], "greedy": greedy, "drawn": {**greedy, "do_sample": True}}
    before = {
        name: footprint(shared, kind, family, settings_of(shared, kind, **{**base, "generation": generation}))
        for name, generation in decodings.items()
    }
    for key in sorted(set(family.CONSUMES) & set(CHANGES)):
        section, _, leaf = key.partition(".")
        beside = "drawn" if leaf in ("temperature", "top_k", "top_p") else "greedy" if leaf == "do_sample" else "beams"
        changed = {**base, "generation": decodings[beside]}
        value = CHANGES[key]
        if key == "model.config_overrides":
            overrides = KINDS[kind].get("config_overrides", settings_of(shared).model.config_overrides)
            value = {**overrides, next(width for width in ("d_model", "n_embd", "hidden_size") if width in overrides): 32}
        changed[section] = {**changed.get(section, {"device": "cpu"} if section == "general" else {}), leaf: value}
        after = footprint(shared, kind, family, settings_of(shared, kind, **changed))
        assert after != before[beside], f"{key} changes nothing"
