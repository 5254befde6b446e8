"""Tags, turns and ends of texts come through every tokenizer whole, in each of the four shipped kinds of model."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.presets import document, names
from summtune.config.settings import SPEAKER_TOKENS, Settings
from summtune.decoding.cleaning import cleaner
from summtune.errors import CheckpointMistake
from summtune.families import Loaded, Sources, causal, family_of, seq2seq
from summtune.families._framing import own_frame, tokenizer_state
from summtune.families._line_breaks import keep_line_breaks, line_break_was_added
from summtune.training.store import Store
from tests.decoding.test_decoding import kobart_like
from tests.small_training import rows

TINY = [name for name in names() if name.startswith("tiny-")]
TEXT = "\n".join(f"{token}: 여기는 {token}은 {token}에게, 전화({token})!" for token in SPEAKER_TOKENS)


def preset(name: str, **tokenizer: Any) -> Settings:
    """A preset's settings, with a tokenizer that takes no time to learn."""
    plain = {section: dict(keys) for section, keys in document(name).value.items()}
    plain["general"] = {"device": "cpu"}
    plain["tokenizer"] |= {"vocab_size": 700, **tokenizer}
    return Settings.model_validate(plain)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Loaded]:
    store = Store(tmp_path_factory.mktemp("cache"))
    texts = [text for row in rows(16) for text in (row["dialogue"], row["summary"])]

    def load(settings: Settings) -> Loaded:
        loaded: Loaded = family_of(settings).load(settings, Sources(store.once, lambda: texts, "digest"))
        return loaded

    return load


@pytest.mark.parametrize("name", TINY)
def test_tags_and_turns_are_whole_in_input_and_output(load: Callable[[Settings], Loaded], name: str) -> None:
    settings = preset(name, encoder_max_len=400, decoder_max_len=400, prefix="")
    loaded = load(settings)
    tokenizer = loaded.tokenizer
    columns = family_of(settings).encode(tokenizer, [TEXT], [TEXT], settings)
    assert (columns["cut"], columns["cut_summary"]) == ([0], [0])
    for ids in (columns["input_ids"][0], columns["labels"][0]):
        tokens = tokenizer.convert_ids_to_tokens(ids)
        assert [tokens.count(token) for token in SPEAKER_TOKENS] == [4] * 6
        assert [token for token in tokens if token in SPEAKER_TOKENS] == [token for token in SPEAKER_TOKENS for _ in range(4)]
        assert tokenizer.decode(ids).count("\n") >= TEXT.count("\n")
    assert cleaner(tokenizer, settings.inference.remove_tokens)([columns["labels"][0]]) == [TEXT]
    assert not line_break_was_added(tokenizer), "the tiny twins' tokenizers know line breaks"
    assert loaded.model.get_input_embeddings().num_embeddings == len(tokenizer)


@pytest.mark.parametrize("name", TINY)
def test_the_list_is_configurable(load: Callable[[Settings], Loaded], name: str) -> None:
    settings = preset(name, special_tokens=["#Doctor#"])
    loaded = load(settings)
    (ids,) = family_of(settings).encode(loaded.tokenizer, ["#Doctor#은 #Person1#"], None, settings)["input_ids"]
    tokens = loaded.tokenizer.convert_ids_to_tokens(ids)
    assert "#Doctor#" in tokens
    assert "#Person1#" not in tokens
    assert loaded.model.get_input_embeddings().num_embeddings == len(loaded.tokenizer)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("written", ["{}", "<s>{}</s>", "<s><s>{}</s></s>"])
def test_begin_and_end_are_never_doubled(load: Callable[[Settings], Loaded], name: str, written: str) -> None:
    settings = preset(name, prefix="")
    loaded = load(settings)
    tokenizer = loaded.tokenizer
    family = family_of(settings)
    columns = family.encode(tokenizer, [written.format("네.")], [written.format("#Person1#은 간다.")], settings)
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    source, target = columns["input_ids"][0], columns["labels"][0]
    assert source[0] == begin
    assert target[-1] == end
    assert target.count(end) == 1
    if family.__name__.endswith("seq2seq"):  # a causal model's prompt goes on after the dialogue
        assert (source.count(begin), source.count(end), target.count(begin)) == (1, 1, 1)


def unigram(*, ends_by_itself: bool) -> Any:
    """A tokenizer that normalises as T5's SentencePiece model does (nmt_nfkc): line breaks become spaces."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = string.ascii_letters + string.digits + ".:#?! 안녕은네"
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters if letter != " ")]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    made.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    if ends_by_itself:
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def transformers_own_t5() -> Any:
    from transformers import T5Tokenizer

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in string.printable[:94])]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0)


@pytest.mark.parametrize("make", [lambda: unigram(ends_by_itself=True), transformers_own_t5, kobart_like], ids=["nmt", "t5", "kobart"])
def test_line_breaks_are_kept_by_tokenizers_that_would_lose_them(make: Callable[[], Any], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = make()
    one, two = (tokenizer(text)["input_ids"] for text in ("a: b c: d", "a: b\nc: d"))
    assert one == two or tokenizer.unk_token_id in two, "this is the trap"
    keep_line_breaks(tokenizer)
    assert line_break_was_added(tokenizer)
    size = len(tokenizer)
    keep_line_breaks(tokenizer)
    assert len(tokenizer) == size, "added once"
    tokenizer.save_pretrained(tmp_path)
    for known in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        for text, count in (("a: b\nc: d", 1), ("a: b \n c: d\n\ne", 3), ("#Person1#\n#Person2#", 1)):
            ids = known(text)["input_ids"]
            assert known.convert_ids_to_tokens(ids).count("\n") == count
            assert known.decode(ids, skip_special_tokens=True).count("\n") == count


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_summaries_end_once_whether_or_not_the_tokenizer_ends_texts(ends_by_itself: bool) -> None:
    tokenizer = unigram(ends_by_itself=ends_by_itself)
    assert own_frame(tokenizer).after == ([1] if ends_by_itself else [])
    settings = Settings.model_validate({"tokenizer": {"encoder_max_len": 8, "decoder_max_len": 6}})
    texts = ["ab", "ab</s>", "abcdefgh", "abcdefgh</s></s>"]
    columns = seq2seq.encode(tokenizer, texts, texts, settings)
    assert all(target.count(1) == 1 and target[-1] == 1 and len(target) <= 6 for target in columns["labels"])
    assert columns["labels"][0] == columns["labels"][1]
    assert columns["labels"][2] == columns["labels"][3]
    assert columns["cut_summary"] == [0, 0, 4, 4]
    if ends_by_itself:
        assert all(source.count(1) == 1 and source[-1] == 1 for source in columns["input_ids"])
        assert columns["cut"] == [0, 0, 2, 2]


def test_encoding_leaves_the_tokenizer_as_it_was(load: Callable[[Settings], Loaded]) -> None:
    for name in ("tiny-kobart", "tiny-kogpt2"):
        settings = preset(name, encoder_max_len=24)
        loaded, family = load(settings), family_of(settings)
        before = family.encoding_digest(loaded, settings)
        family.encode(loaded.tokenizer, [TEXT], [TEXT], settings)
        loaded.tokenizer([TEXT], truncation=True, max_length=9, padding="max_length")
        assert family.encoding_digest(loaded, settings) == before, "what was asked of it in between doesn't count"
        assert tokenizer_state(loaded.tokenizer) != tokenizer_state(kobart_like())


@pytest.mark.parametrize("family", [seq2seq, causal])
def test_lengths_that_leave_no_room(family: Any) -> None:
    tokenizer = unigram(ends_by_itself=True)
    settings = Settings.model_validate({"tokenizer": {"decoder_max_len": 1}})
    with pytest.raises(CheckpointMistake) as caught:
        family.encode(tokenizer, ["a"], ["a"], settings)
    assert str(caught.value) == "tokenizer.decoder_max_len: 1 tokens stand around each text, and 1 leave no room for it. Raise it."


def test_what_the_frame_holds_is_not_taken_from_the_text(load: Callable[[Settings], Loaded]) -> None:
    settings = preset("tiny-kogpt2", input_format="네{dialogue}네", encoder_max_len=50)
    loaded = load(settings)
    (ids,) = causal.encode(loaded.tokenizer, ["네네 좋아요 네"], None, settings)["input_ids"]
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == "네네네 좋아요 네네"
