"""Each architecture that a family names is learnt from, is read alike alone and in a batch, and is decoded as transformers decodes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from summtune import registry
from summtune.config.architectures import model_type
from summtune.config.settings import Settings
from summtune.config.transformers_arguments import installed
from summtune.decoding.cleaning import cleaner
from summtune.decoding.generation import generate, generation_config
from summtune.families import Sources
from summtune.training.store import Store
from tests.small_training import rows, small_settings

LINES = rows(6)
DIALOGUES, SUMMARIES = [line["dialogue"] for line in LINES], [line["summary"] for line in LINES]
NAMED = [(family, name) for family in registry.names("families") for name in registry.load("families", family).ARCHITECTURES]
QUICK = {"longt5", "gptj", "qwen3_moe"}

SIZES: dict[int | float, tuple[str, ...]] = {
    16: ("hidden_size", "d_model", "n_embd", "word_embed_proj_dim", "moe_intermediate_size", "shared_expert_intermediate_size"),
    1: (
        *("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers", "decoder_layers", "num_decoder_layers"),
        "num_experts_per_tok",
    ),
    2: (
        *("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads"),
        *("num_key_value_heads", "num_local_experts", "num_experts"),
    ),
    8: ("head_dim", "d_kv"),
    32: ("intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "n_inner"),
    4: ("rotary_dim", "local_radius"),
    256: ("max_position_embeddings", "n_positions"),
    0.3: ("initializer_range", "init_std"),  # so that summaries differ
}

OF_ITS_OWN: dict[str, dict[str, Any]] = {"gpt_neo": {"attention_types": [[["global"], 1]]}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("architectures")


def settings_of(shared: Path, architecture: str) -> Settings:
    from transformers import AutoConfig

    known = AutoConfig.for_model(model_type(architecture))
    fixed = {key for key in dir(type(known)) if isinstance(getattr(type(known), key), property)}
    sizes: dict[str, Any] = {key: size for size, keys in SIZES.items() for key in keys if hasattr(known, key) and key not in fixed}
    sizes |= OF_ITS_OWN.get(architecture, {})
    generation = {"max_length": 8, "num_beams": 1, "no_repeat_ngram_size": 0}
    return small_settings(
        shared, model={"architecture": architecture, "config_overrides": sizes, "dropout_rate": 0.0}, generation=generation
    )


def test_transformers_builds_them() -> None:
    tables = {"AutoModelForSeq2SeqLM": installed().seq2seq, "AutoModelForCausalLM": installed().causal}
    for family, name in NAMED:
        assert model_type(name) in tables[registry.load("families", family).AUTO_CLASS], name


@pytest.mark.parametrize(
    ("family_name", "architecture"), [pytest.param(*one, marks=() if one[1] in QUICK else pytest.mark.slow) for one in NAMED]
)
def test_it_is_taught_and_decoded_like_any_other(family_name: str, architecture: str, shared: Path) -> None:
    family = registry.load("families", family_name)
    settings = settings_of(shared, architecture)
    loaded = family.load(settings, Sources(Store(shared / "cache").once, lambda: [*DIALOGUES, *SUMMARIES] * 10, "digest"))
    model, tokenizer = loaded.model, loaded.tokenizer
    columns = family.encode(tokenizer, DIALOGUES, SUMMARIES, settings)
    lines = [{name: columns[name][place] for name in ("input_ids", "labels")} for place in range(len(DIALOGUES))]

    def loss(some: list[dict[str, Any]]) -> Any:
        logits, targets = family.logits_and_targets(model, family.collate(tokenizer, some))
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    before = loss(lines).item()
    for _ in range(6):
        optimizer.zero_grad()
        loss(lines).backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        after = loss(lines).item()
        assert after < before
        assert sum(loss([line]).item() for line in lines) == pytest.approx(after, rel=1e-3)
        sources = [{"input_ids": line["input_ids"]} for line in lines]
        for beams in (1, 3):
            searching = settings.model_copy(update={"generation": settings.generation.model_copy(update={"num_beams": beams})})
            model.generation_config = config = family.adapted(generation_config(model, searching.generation))
            clean = cleaner(tokenizer, settings.inference.remove_tokens)
            theirs = clean(family.new_tokens(model, family.collate(tokenizer, sources), config))
            alone = [clean(family.new_tokens(model, family.collate(tokenizer, [source]), config))[0] for source in sources]
            ours = generate(family, model, tokenizer, [line["input_ids"] for line in lines], searching, batch_size=4)
            assert theirs == alone == ours
