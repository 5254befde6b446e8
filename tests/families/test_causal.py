"""Prompt and summary in one sequence: what is taught, what is masked, what is generated."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from summtune.config.complete import load_settings
from summtune.config.settings import Settings, Tokenizer
from summtune.decoding.cleaning import cleaner
from summtune.errors import CheckpointMistake
from summtune.families import Loaded, Sources, causal
from summtune.families._prompt import prompt_frame
from summtune.training.store import Store

TEXTS = [
    "#Person1#: 내일 병원에 같이 갈까요?\n#Person2#: 네, 오전 9시에 만나요.",
    "#Person1#: 점심 먹었어요?\n#Person2#: 아직요. 같이 가요.",
    "#Person2#: 오늘은 책을 읽었어요. 재미있었어요. 다음에 또 읽을래요.\n#Person1#: 좋아요!",
]
SUMMARIES = ["#Person1#과 #Person2#는 오전 9시에 병원에서 만난다.", "둘은 점심을 먹으러 간다.", "#Person2#는 책을 읽었다."]
BASE: dict[str, Any] = {
    "general": {"device": "cpu"},
    "model": {
        "architecture": "kogpt2",
        "load_pretrained": False,
        "config_overrides": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256, "initializer_range": 0.3},
    },
    "tokenizer": {"vocab_size": 600, "encoder_max_len": 120, "decoder_max_len": 40},
    "generation": {"num_beams": 1, "max_length": 16, "no_repeat_ngram_size": 0},
}


def settings(**sections: dict[str, Any]) -> Settings:
    return Settings.model_validate({name: {**BASE.get(name, {}), **sections.get(name, {})} for name in {**BASE, **sections}})


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    store = Store(tmp_path_factory.mktemp("cache"))
    return Sources(store.once, lambda: [*TEXTS, *SUMMARIES] * 20, "digest")


@pytest.fixture(scope="module")
def loaded(sources: Sources) -> Loaded:
    found = causal.load(settings(), sources)
    found.model.eval()
    return found


def rows(loaded: Loaded, given: Settings | None = None) -> list[dict[str, Any]]:
    columns = causal.encode(loaded.tokenizer, TEXTS, SUMMARIES, given or settings())
    return [{name: columns[name][place] for name in columns} for place in range(len(TEXTS))]


def test_prompt_and_summary_are_one_sequence_with_the_prompt_masked(loaded: Loaded) -> None:
    tokenizer = loaded.tokenizer
    batch = causal.collate(tokenizer, rows(loaded))
    for place, row in enumerate(rows(loaded)):
        prompt, target = row["input_ids"], row["labels"]
        real = int(batch["attention_mask"][place].sum())
        assert batch["input_ids"][place, :real].tolist() == [*prompt, *target]
        assert batch["labels"][place, : len(prompt)].eq(-100).all()
        assert batch["labels"][place, len(prompt) : real].tolist() == target
        assert batch["labels"][place, real:].eq(-100).all()
        assert row["length"] == real
        assert tokenizer.decode(prompt, skip_special_tokens=True) == f"{TEXTS[place]}\nTL;DR:"
        assert tokenizer.decode(target[:-1]) == SUMMARIES[place]
    assert batch["input_ids"].shape[1] % 8 == 0


def test_begin_and_end_stand_once(loaded: Loaded) -> None:
    for row in rows(loaded):
        whole = [*row["input_ids"], *row["labels"]]
        assert whole.count(loaded.tokenizer.bos_token_id) == 1
        assert whole[0] == loaded.tokenizer.bos_token_id
        assert whole.count(loaded.tokenizer.eos_token_id) == 1
        assert whole[-1] == loaded.tokenizer.eos_token_id


def test_the_loss_is_that_of_the_summary_alone(loaded: Loaded) -> None:
    row = rows(loaded)[0]
    logits, targets = causal.logits_and_targets(loaded.model, causal.collate(loaded.tokenizer, [row]))
    ours = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    whole = torch.tensor([[*row["input_ids"], *row["labels"]]])
    labels = whole.clone()
    labels[:, : len(row["input_ids"])] = -100
    theirs = loaded.model(input_ids=whole, labels=labels).loss
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_cuts_the_dialogue_and_nothing_else(loaded: Loaded, side: str) -> None:
    short = settings(tokenizer={"encoder_max_len": 15, "decoder_max_len": 6, "truncation_side": side})
    full, cut = rows(loaded), rows(loaded, short)
    frame = prompt_frame(loaded.tokenizer, short.tokenizer)
    for whole, row in zip(full, cut, strict=True):
        assert len(row["input_ids"]) == 15
        assert row["cut"] == len(whole["input_ids"]) - 15
        assert row["cut_summary"] == max(len(whole["labels"]) - 6, 0)
        assert (whole["cut"], whole["cut_summary"]) == (0, 0)
        assert row["input_ids"][-len(frame.after) :] == frame.after
        assert row["input_ids"][0] == loaded.tokenizer.bos_token_id
        body = whole["input_ids"][len(frame.before) : -len(frame.after)]
        kept = row["input_ids"][len(frame.before) : -len(frame.after)]
        assert kept == (body[-len(kept) :] if side == "left" else body[: len(kept)])
        assert len(row["labels"]) <= 6
        assert row["labels"] == [*whole["labels"][:-1][:5], loaded.tokenizer.eos_token_id], "a summary keeps its beginning and its end"


def test_prompts_are_padded_on_the_left_and_answered_as_if_alone(loaded: Loaded) -> None:
    config = causal.adapted(GenerationConfig(max_length=12, num_beams=1, pad_token_id=loaded.tokenizer.pad_token_id, eos_token_id=None))
    prompts = [{"input_ids": row["input_ids"]} for row in rows(loaded)]
    together = causal.new_tokens(loaded.model, causal.collate(loaded.tokenizer, prompts), config)
    assert together.shape == (3, 12), "new tokens only"
    for place, prompt in enumerate(prompts):
        alone = loaded.model.generate(torch.tensor([prompt["input_ids"]]), max_new_tokens=12, do_sample=False, eos_token_id=None)
        assert together[place].tolist() == alone[0, len(prompt["input_ids"]) :].tolist()


def test_what_pads_may_be_what_ends(loaded: Loaded, sources: Sources) -> None:
    same = causal.load(settings(), sources)
    same.tokenizer.pad_token = same.tokenizer.eos_token
    same.model.eval()
    assert torch.equal(
        causal.logits_and_targets(same.model, causal.collate(same.tokenizer, rows(same)))[1],
        causal.logits_and_targets(loaded.model, causal.collate(loaded.tokenizer, rows(loaded)))[1],
    ), "end tokens are learnt, padding is not"


LONG = 40


@pytest.mark.parametrize("pads", ["pad_token", "eos_token", "bos_token"])
@pytest.mark.parametrize("rules", [{"no_repeat_ngram_size": 2}, {"no_repeat_ngram_size": 1}, {"repetition_penalty": 1.3}])
def test_rules_against_repetition_count_what_they_count_for_a_prompt_alone(loaded: Loaded, pads: str, rules: dict[str, Any]) -> None:
    """The prompt, as in transformers, but no padding, whichever token pads: also the one that ends, or that every prompt begins with."""
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.pad_token = getattr(loaded.tokenizer, pads)
    of_both = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    prompts = [{"input_ids": row["input_ids"]} for row in rows(loaded)]
    assert len({len(prompt["input_ids"]) for prompt in prompts}) > 1, "else nothing is padded"
    assert {prompt["input_ids"][0] for prompt in prompts} == {tokenizer.bos_token_id}

    def generated(prompt: dict[str, list[int]], **rules: Any) -> Any:
        ids = torch.tensor([prompt["input_ids"]])
        return loaded.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=LONG, **of_both, **rules)

    alone = [generated(each, **rules) for each in prompts]
    summaries = [tokens[0, len(prompt["input_ids"]) :].tolist() for tokens, prompt in zip(alone, prompts, strict=True)]
    free = [generated(each) for each in prompts]
    assert any(one.tolist() != other.tolist() for one, other in zip(free, alone, strict=True)), "else the rule changes nothing"
    config = causal.adapted(GenerationConfig(max_length=LONG, **of_both, **rules))
    together = causal.new_tokens(loaded.model, causal.collate(tokenizer, prompts), config)
    for found, summary in zip(together.tolist(), summaries, strict=True):
        assert found[: len(summary)] == summary
        assert set(found[len(summary) :]) <= {tokenizer.pad_token_id}


def test_a_rule_that_counts_the_dialogue_is_off_unless_asked_for_and_said(sources: Sources) -> None:
    assert load_settings("tiny-kogpt2").resolved.settings.generation.no_repeat_ngram_size == 0
    assert load_settings("tiny-kobart").resolved.settings.generation.no_repeat_ngram_size == 2
    asked = causal.load(settings(generation={"no_repeat_ngram_size": 3}), sources)
    assert any("no 3 tokens that stand together in the dialogue do so in its summary" in notice for notice in asked.notices)
    assert not any("no_repeat_ngram_size" in notice for notice in causal.load(settings(), sources).notices)


def test_speakers_stay_whole_and_stay_in_the_output(loaded: Loaded) -> None:
    tokenizer = loaded.tokenizer
    speaker = tokenizer.convert_tokens_to_ids("#Person1#")
    row = rows(loaded)[0]
    assert speaker in row["input_ids"]
    assert speaker in row["labels"]
    assert cleaner(tokenizer, ())(torch.tensor([row["labels"]])) == [SUMMARIES[0]]


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        ({}, "", "\nTL;DR:"),
        ({"prefix": "요약: "}, "요약: ", "\nTL;DR:"),
        ({"input_format": "대화:\n{dialogue}\n요약:"}, "대화:\n", "\n요약:"),
    ],
)
def test_the_prompt_s_frame(loaded: Loaded, wanted: dict[str, str], before: str, after: str) -> None:
    frame = prompt_frame(loaded.tokenizer, Tokenizer(**wanted))
    assert loaded.tokenizer.decode(frame.before, skip_special_tokens=True) == before
    assert loaded.tokenizer.decode(frame.after) == after


def test_a_chat_model_is_asked_by_its_template(loaded: Loaded, sources: Sources) -> None:
    chat = causal.load(settings(), sources).tokenizer
    chat.chat_template = "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}{% endfor %}[assistant]"
    frame = prompt_frame(chat, Tokenizer())
    assert frame.before.count(chat.bos_token_id) == 1
    whole = chat.decode([*frame.before, *chat("안녕", add_special_tokens=False)["input_ids"], *frame.after], skip_special_tokens=True)
    assert whole == "[user] Summarise this dialogue in its own language.\n\n안녕[assistant]"
    assert chat.decode(prompt_frame(chat, Tokenizer(input_format="{dialogue}=")).after) == "=", "a format that is given goes first"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"input_format": "no place"}, "has 0 places for the dialogue. Write {dialogue} in it once."),
        ({"input_format": "{dialogue} {dialogue}"}, "has 2 places for the dialogue."),
        ({"input_format": "a very long introduction " * 20 + "{dialogue}", "encoder_max_len": 30}, "leaves no room for the dialogue."),
    ],
)
def test_formats_that_can_t_be(loaded: Loaded, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointMistake) as caught:
        prompt_frame(loaded.tokenizer, Tokenizer(**wanted))
    assert message in str(caught.value)


def test_prompt_and_summary_share_the_positions(sources: Sources) -> None:
    with pytest.raises(CheckpointMistake, match="260 tokens together, are more than the model's 256 positions"):
        causal.load(settings(tokenizer={"encoder_max_len": 220, "decoder_max_len": 40}), sources)
    for key in ("max_length", "max_new_tokens"):  # what is generated may be longer than what is taught
        said = (
            f"tokenizer.encoder_max_len: prompt and summary, 350 tokens together with generation.{key} 150, are more than the model's 256"
        )
        with pytest.raises(CheckpointMistake, match=said):
            causal.load(settings(tokenizer={"encoder_max_len": 200, "decoder_max_len": 40}, generation={key: 150}), sources)


def test_a_saved_model_says_the_same(loaded: Loaded, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    again = causal.load_folder(tmp_path, settings())
    again.model.eval()
    assert rows(again) == rows(loaded)
    batch = causal.collate(loaded.tokenizer, rows(loaded))
    assert torch.equal(causal.logits_and_targets(again.model, batch)[0], causal.logits_and_targets(loaded.model, batch)[0])


def test_lengths_are_the_summary_s(loaded: Loaded) -> None:
    config = causal.adapted(GenerationConfig(max_length=20, min_length=5))
    assert (config.max_new_tokens, config.min_new_tokens, config.max_length) == (20, 5, None)
    assert causal.adapted(GenerationConfig(max_new_tokens=7)).max_new_tokens == 7
