"""Chat models: asked by their template, taught to end their turn, and stopped where they do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken

from summtune.config.settings import Settings
from summtune.decoding.generation import generate_watched, generation_config
from summtune.errors import CheckpointMistake
from summtune.families import Loaded, Sources, causal
from summtune.families._prompt import end_of_summary, notices
from summtune.training.store import Store
from tests.published import GPT2, publish, tokenizer
from tests.small_gguf import CHAT, EOS, write_gguf

DIALOGUE, SUMMARY = "#Person1#: 안녕하세요?\n#Person2#: 네!", "#Person1#이 인사한다."
ASKED = "Summarise this dialogue in its own language."


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chat")


@pytest.fixture(scope="module", params=[True, False], ids=["special", "plain"])
def loaded(request: pytest.FixtureRequest, shared: Path) -> Loaded:
    """A chat model that ends a turn by `<|im_end|>`, marked as special or not, and a text by `</s>`."""
    own = tokenizer(shared / "cache")
    own.add_tokens([AddedToken(token, normalized=False, special=request.param) for token in ("<|im_start|>", EOS)])
    own.chat_template = CHAT
    folder = publish(shared / f"special-{request.param}", "gpt2", GPT2, embeddings=len(own))
    own.save_pretrained(str(folder))
    found = causal.load(settings(folder), Sources(Store(shared / "cache").once, list, "none"))
    found.model.generation_config = causal.adapted(generation_config(found.model, settings(folder).generation))
    return found


def settings(folder: Path, **wanted: Any) -> Settings:
    return Settings.model_validate(
        {
            "general": {"device": "cpu"},
            "model": {"checkpoint": str(folder)},
            "tokenizer": {"encoder_max_len": 160, "decoder_max_len": 60, **wanted},
            "generation": {"num_beams": 1, "max_length": 12, "no_repeat_ngram_size": 0},
        }
    )


def always(loaded: Loaded, token: int) -> None:
    """Make the model say one token for ever, whatever it reads."""
    head = loaded.model.transformer.ln_f
    with torch.no_grad():
        rows = loaded.model.get_input_embeddings().weight
        rows[token] = 1.0
        head.weight.zero_()
        head.bias.fill_(1.0)
    assert int((rows @ head.bias).argmax()) == token


def test_a_turn_is_asked_for_and_ended(loaded: Loaded) -> None:
    end = loaded.tokenizer.convert_tokens_to_ids(EOS)
    assert end != loaded.tokenizer.eos_token_id
    columns = causal.encode(loaded.tokenizer, [DIALOGUE], [SUMMARY], settings(Path()))
    assert columns["labels"][0][-1] == end
    assert columns["labels"][0].count(end) == 1
    assert loaded.tokenizer.eos_token_id not in columns["labels"][0]
    prompt = loaded.tokenizer.decode(columns["input_ids"][0], skip_special_tokens=False)
    assert f"<|im_start|>user\n{ASKED}\n\n{DIALOGUE}<|im_end|>\n<|im_start|>assistant\n" in prompt
    assert sorted(loaded.model.generation_config.eos_token_id) == sorted({end, loaded.tokenizer.eos_token_id})
    short = causal.encode(loaded.tokenizer, [DIALOGUE], [SUMMARY], settings(Path(), decoder_max_len=4))
    assert len(short["labels"][0]) == 4
    assert short["labels"][0][-1] == end, "a summary that was cut ends, too"


def test_a_format_of_one_s_own_goes_first(loaded: Loaded) -> None:
    given = settings(Path(), input_format="{dialogue}\n요약:")
    columns = causal.encode(loaded.tokenizer, [DIALOGUE], [SUMMARY], given)
    assert columns["labels"][0][-1] == loaded.tokenizer.eos_token_id
    prompt = loaded.tokenizer.decode(columns["input_ids"][0], skip_special_tokens=True)
    assert prompt == f"{DIALOGUE}\n요약:"


@pytest.mark.parametrize("beams", [1, 2])
def test_generation_stops_where_the_turn_ends(loaded: Loaded, beams: int) -> None:
    given = settings(Path())
    given = given.model_copy(update={"generation": given.generation.model_copy(update={"num_beams": beams})})
    sources = causal.encode(loaded.tokenizer, [DIALOGUE], None, given)["input_ids"]
    always(loaded, loaded.tokenizer.convert_tokens_to_ids(EOS))
    done = generate_watched(causal, loaded.model, loaded.tokenizer, sources, given, batch_size=1)
    assert done.summaries == [""], "the end is no part of the summary"
    assert done.finished == [True]


def test_a_template_without_a_token_for_it_ends_as_texts_do(loaded: Loaded) -> None:
    chat = loaded.tokenizer
    before = chat.chat_template
    try:
        chat.chat_template = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
        assert end_of_summary(chat, settings(Path()).tokenizer) == chat.eos_token_id
    finally:
        chat.chat_template = before


def test_of_several_templates_the_default_is_asked(loaded: Loaded) -> None:
    """As of Command R, whose others are for tools and documents; what these say of the date is nobody's business."""
    chat, given = loaded.tokenizer, settings(Path())
    before = chat.chat_template
    alone = causal.encode(chat, [DIALOGUE], [SUMMARY], given)
    try:
        for other in (before, "{{ documents }}{{ strftime_now('%d') }}"):
            chat.chat_template = {"default": before, "rag": other}
            assert causal.encode(chat, [DIALOGUE], [SUMMARY], given) == alone
            assert notices(chat, given.tokenizer) == ()
        chat.chat_template = {"tool_use": before, "rag": before}
        with pytest.raises(
            CheckpointMistake, match=r"tokenizer.input_format: the tokenizer has chat templates for rag, tool_use, and none"
        ):
            causal.encode(chat, [DIALOGUE], [SUMMARY], given)
        assert end_of_summary(chat, settings(Path(), input_format="{dialogue}\n").tokenizer) == chat.eos_token_id
    finally:
        chat.chat_template = before


def test_a_prompt_does_not_depend_on_the_day(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates such as Llama 3's write the date: training, referee, prediction and the next run would read other prompts."""
    from transformers.utils import chat_template_utils

    chat, given = loaded.tokenizer, settings(Path())
    before, prompts = chat.chat_template, []
    chat.chat_template = "{{ 'Today Date: ' + strftime_now('%d %b %Y') + '\\n' }}" + str(before)
    try:
        for day in (1, 2):

            class Clock(datetime):
                @classmethod
                def now(cls, tz: Any = None, day: int = day) -> datetime:  # type: ignore[override]
                    return datetime(2026, 1, day)

            monkeypatch.setattr(chat_template_utils, "datetime", Clock)
            prompts += causal.encode(chat, [DIALOGUE], [SUMMARY], given)["input_ids"]
        assert prompts[0] == prompts[1]
        assert chat.decode(prompts[0], skip_special_tokens=False).startswith("<s>Today Date: 26 Jul 2024\n<|im_start|>")
        said = (
            "the chat template writes the date: it is 26 July 2024 in every prompt, so that prompts stay the same; whoever asks the model"
        )
        assert f"{said} elsewhere does as well to say that date (tokenizer.input_format goes without)." in notices(chat, given.tokenizer)
        assert notices(chat, settings(Path(), input_format="{dialogue}\n").tokenizer) == ()
        chat.chat_template = "{% set form = '%d' %}{{ strftime_now(form) }}" + str(before)
        with pytest.raises(
            CheckpointMistake, match=r"tokenizer.input_format: the chat template writes the date in a form that is known only"
        ):
            causal.encode(chat, [DIALOGUE], [SUMMARY], given)
    finally:
        chat.chat_template = before
    assert notices(chat, given.tokenizer) == ()


def test_the_template_in_a_gguf_file(shared: Path) -> None:
    (shared / "gguf").mkdir()
    write_gguf(shared / "gguf" / "chat.gguf", chat=True)
    given = settings(shared / "gguf")
    given = given.model_copy(update={"model": given.model.model_copy(update={"gguf_file": "chat.gguf"})})
    one = causal.load(given, Sources(Store(shared / "cache").once, list, "none"))
    assert one.tokenizer.chat_template == CHAT
    columns = causal.encode(one.tokenizer, [DIALOGUE], [SUMMARY], given)
    assert f"{DIALOGUE}<|im_end|>\n<|im_start|>assistant\n" in one.tokenizer.decode(columns["input_ids"][0])
    assert one.tokenizer.convert_ids_to_tokens(columns["labels"][0][-1]) == EOS
