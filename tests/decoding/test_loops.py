"""The loops over tokens give what transformers' own give, and do less for it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from summtune.decoding.beams import beam_search
from summtune.decoding.steps import generators, seed_of, step_by_step
from summtune.families import causal, seq2seq

WORDS = 200
PAD, BOS, EOS = 1, 0, 2
TOKENS = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
TOKENIZER = SimpleNamespace(pad_token_id=PAD)

LIKELY_END = {"bart": 2.3, "t5": 25.0, "gpt2": 3.0, "llama": 3.0}
"""What is added to the end's score: random weights would write on to the last token allowed, or end at once."""
RULES: tuple[dict[str, Any], ...] = (
    {"num_beams": 4, "early_stopping": True},
    {"num_beams": 4, "early_stopping": False, "length_penalty": 1.5},
    {"num_beams": 3, "early_stopping": False, "length_penalty": 0.3, "no_repeat_ngram_size": 2},
    {"num_beams": 2, "early_stopping": "never", "length_penalty": 2.0},
    {"num_beams": 2, "early_stopping": True, "min_length": 6, "repetition_penalty": 1.3},
    {"num_beams": 1},
    {"num_beams": 1, "no_repeat_ngram_size": 3, "min_length": 4},
)


@pytest.fixture(scope="module", params=list(LIKELY_END))
def model(request: pytest.FixtureRequest) -> Any:
    """A model of random weights, in double precision: ties are as good as impossible."""
    import torch
    import transformers

    torch.manual_seed(0)
    heads = {"num_attention_heads": 2}
    made: Any = {
        "bart": lambda: transformers.BartForConditionalGeneration(
            transformers.BartConfig(
                vocab_size=WORDS,
                d_model=32,
                max_position_embeddings=64,
                init_std=0.2,
                decoder_start_token_id=EOS,
                forced_eos_token_id=EOS,
                **{f"{part}_layers": 1 for part in ("encoder", "decoder")},
                **{f"{part}_attention_heads": 2 for part in ("encoder", "decoder")},
                **{f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")},
                **TOKENS,
            )
        ),
        "t5": lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=WORDS,
                d_model=32,
                d_kv=16,
                d_ff=32,
                num_layers=1,
                num_heads=2,
                initializer_factor=3.0,
                decoder_start_token_id=PAD,
                pad_token_id=PAD,
                eos_token_id=EOS,
            )
        ),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.2, **TOKENS)
        ),
        "llama": lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=WORDS,
                hidden_size=32,
                intermediate_size=32,
                num_hidden_layers=2,
                num_key_value_heads=1,
                initializer_range=0.2,
                **heads,
                **TOKENS,
            )
        ),
    }[request.param]()
    return made.eval().double()


def family(model: Any) -> ModuleType:
    return seq2seq if model.config.is_encoder_decoder else causal


def config_of(model: Any, **rules: Any) -> Any:
    from transformers import GenerationConfig

    start = getattr(model.config, "decoder_start_token_id", None) if model.config.is_encoder_decoder else None
    plain = {
        "max_length": 16,
        "sequence_bias": {(EOS,): LIKELY_END[model.config.model_type]},
        "use_cache": True,
        "decoder_start_token_id": start,
        **TOKENS,
    }
    return family(model).adapted(GenerationConfig(**{**plain, **rules}))


def dialogues(count: int) -> list[list[int]]:
    dice = random.Random(5)
    return [[dice.randrange(3, WORDS) for _ in range(dice.randint(3, 30))] for _ in range(count)]


def written(model: Any, sources: Sequence[Sequence[int]], config: Any, **how: Any) -> list[list[int]]:
    """New tokens of each dialogue, without padding."""
    import torch

    batch = family(model).collate(TOKENIZER, [{"input_ids": source} for source in sources])
    with torch.inference_mode():
        tokens = family(model).new_tokens(model, batch, config, **how)
    return [[token for token in row if token != PAD] for row in tokens.tolist()]


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_the_same_as_transformers(model: Any, rules: dict[str, Any]) -> None:
    config = config_of(model, **rules)
    sources = dialogues(32)
    loop = beam_search if rules["num_beams"] > 1 else step_by_step(None)
    theirs = written(model, sources, config)
    assert len({tuple(row) for row in theirs}) > 1, "summaries differ"
    assert written(model, sources, config, custom_generate=loop) == theirs


def test_one_dialogue_alone_and_nothing_but_the_end(model: Any) -> None:
    (source,) = dialogues(1)
    for rules in ({"num_beams": 4}, {"num_beams": 1}):
        ending = config_of(model, sequence_bias={(EOS,): 1e4}, **rules)
        loop = beam_search if rules["num_beams"] > 1 else step_by_step(None)
        assert written(model, [source], ending, custom_generate=loop) == written(model, [source], ending)


def rows_computed(model: Any, sources: Sequence[Sequence[int]], config: Any, **how: Any) -> int:
    """Rows that went through the decoder, step by step, all together."""
    seen = []
    module = model.get_decoder() if model.config.is_encoder_decoder else model.base_model
    hook = module.register_forward_hook(
        lambda module, args, kwargs, outputs: seen.append(outputs.last_hidden_state.shape[0] * outputs.last_hidden_state.shape[1]),
        with_kwargs=True,
    )
    try:
        written(model, sources, config, **how)
    finally:
        hook.remove()
    return sum(seen)


@pytest.mark.parametrize("beams", [1, 4])
def test_finished_dialogues_cost_nothing(model: Any, beams: int) -> None:
    config = config_of(model, num_beams=beams, early_stopping=beams > 1)
    loop = beam_search if beams > 1 else step_by_step(None)
    sources = dialogues(32)
    assert rows_computed(model, sources, config, custom_generate=loop) < 0.8 * rows_computed(model, sources, config)


def test_what_is_drawn_depends_on_the_dialogue_alone(model: Any) -> None:
    config = config_of(model, num_beams=1, do_sample=True, top_k=20, temperature=1.5)
    sources = dialogues(12)

    def drawn(some: list[list[int]]) -> list[list[int]]:
        return written(model, some, config, custom_generate=step_by_step(generators(some, "cpu")))

    together = drawn(sources)
    assert together == [drawn([source])[0] for source in sources]
    assert drawn(sources[::-1]) == together[::-1]
    assert len({tuple(row) for row in drawn([sources[0]] * 2)}) == 1
    assert len({tuple(row) for row in together}) > 6, "dialogues don't share their luck"


def test_transformers_draws_the_same_for_a_dialogue_alone(model: Any) -> None:
    import torch

    sources = dialogues(6)
    config = config_of(model, num_beams=1, do_sample=True, top_p=0.9, temperature=1.5, repetition_penalty=1.2)
    ours = written(model, sources, config, custom_generate=step_by_step(generators(sources, "cpu")))
    for source, row in zip(sources, ours, strict=True):
        with torch.random.fork_rng():
            torch.manual_seed(seed_of(source))
            assert written(model, [source], config) == [row]
