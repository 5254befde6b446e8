"""Summaries come out clean, in the order that was asked, and the same in batches as one by one."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from summtune.config.settings import Generation
from summtune.decoding.cleaning import cleaner, tidied
from summtune.decoding.evaluation import Evaluator, loss_over
from summtune.decoding.generation import by_length, generate, generate_watched, generation_config
from summtune.families import Loaded, Sources, seq2seq
from summtune.metrics import rouge
from summtune.training.store import Store
from tests.small_training import rows, small_settings


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decoding")


@pytest.fixture(scope="module")
def small(shared: Path) -> Loaded:
    texts = [row["dialogue"] for row in rows(16)]
    return seq2seq.load(small_settings(shared), Sources(Store(shared / "cache").once, lambda: texts, "digest"))


def kobart_like() -> Any:
    """A tokenizer that, as KoBART's, marks every word's beginning, also after a speaker."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<s>", "</s>", "<pad>", "<unk>", "<usr>"], show_progress=False)
    tokenizer.train_from_iterator(["은 이 에게 책을 책상 위에 읽는다. 간다 이야기"], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    made.add_tokens([AddedToken("#Person1#", normalized=False), AddedToken("#Person2#", normalized=False)])
    return made


def test_particles_follow_speakers_without_a_space() -> None:
    tokenizer = kobart_like()
    clean = cleaner(tokenizer, ["<usr>"])
    text = "#Person1#은 #Person2#에게 책을 읽는다."
    ids = tokenizer(f"<s>{text}</s><pad><pad>")["input_ids"]
    assert "#Person1# 은" in tokenizer.decode(ids, skip_special_tokens=True), "this is the trap"
    assert clean([ids]) == [text]
    assert clean([tokenizer("<usr>#Person1#이 책상 위에 이야기")["input_ids"]]) == ["#Person1#이 책상 위에 이야기"]


@pytest.mark.parametrize(
    ("torn", "whole"),
    [
        ("#Person1# 은 #Person2# 에게 간다", "#Person1#은 #Person2#에게 간다"),
        ("#Person1# 와 #Person2# 는, #Person1# 의.", "#Person1#와 #Person2#는, #Person1#의."),
        ("#Person1# 이야기 #Person2# 가방 #Person1# 도시", "#Person1# 이야기 #Person2# 가방 #Person1# 도시"),
        ("  두  칸 </s> ", "두 칸"),
    ],
)
def test_tidied(torn: str, whole: str) -> None:
    assert tidied(torn, re.compile("</s>"), mend_particles=True) == whole


def test_exact_tokenizers_are_left_alone(small: Loaded) -> None:
    clean = cleaner(small.tokenizer, ["<usr>"])
    for text in ("#Person1#은 #Person2#에게 간다.", "#Person1# 이 책은"):
        assert clean([small.tokenizer(text)["input_ids"]]) == [text]
    assert clean([small.tokenizer("<usr>가<usr> 나")["input_ids"]]) == ["가 나"]


def test_generation_config_holds_only_what_means_something(small: Loaded, tmp_path: Path) -> None:
    greedy = generation_config(small.model, Generation(num_beams=1, temperature=0.5))
    greedy.save_pretrained(tmp_path)
    assert greedy.temperature in (None, 1.0)
    assert greedy.early_stopping in (None, False)
    beams = generation_config(small.model, Generation(num_beams=3, length_penalty=0.7, max_new_tokens=9))
    beams.save_pretrained(tmp_path)
    assert (beams.num_beams, beams.length_penalty, beams.early_stopping, beams.max_new_tokens) == (3, 0.7, True, 9)
    assert (beams.pad_token_id, beams.decoder_start_token_id, beams.forced_bos_token_id) == (1, 2, 0)


def test_by_length() -> None:
    assert by_length([3, 9, 3, 5], 2) == [[1, 3], [0, 2]]
    assert by_length([4, 8, 4, 4, 4, 4], 1) == [[1], [0, 2], [3, 4], [5]], "short rows come in batches of as many tokens"
    assert [len(batch) for batch in by_length([100] + [1] * 20, 2)] == [2, 8, 8, 3], "but not of any number"
    assert by_length([], 4) == []


def test_batches_change_nothing(small: Loaded, shared: Path) -> None:
    settings = small_settings(shared, generation={"num_beams": 2, "max_length": 12})
    sources = seq2seq.encode(small.tokenizer, [row["dialogue"] for row in rows(9)], None, settings)["input_ids"]
    one_by_one = [generate(seq2seq, small.model, small.tokenizer, [source], settings, batch_size=1)[0] for source in sources]
    for batch_size in (1, 4, 32):
        assert generate(seq2seq, small.model, small.tokenizer, sources, settings, batch_size=batch_size) == one_by_one


def test_order_is_kept(small: Loaded, shared: Path) -> None:
    echo = SimpleNamespace(
        adapted=lambda config: config, collate=seq2seq.collate, new_tokens=lambda model, batch, config, **how: batch["input_ids"]
    )
    texts = [row["dialogue"] for row in rows(9)]
    sources = seq2seq.encode(small.tokenizer, texts, None, small_settings(shared))["input_ids"]
    for batch_size in (1, 4, 32):
        assert generate(echo, small.model, small.tokenizer, sources, small_settings(shared), batch_size=batch_size) == texts  # type: ignore[arg-type]


def test_sampling_is_repeatable_and_leaves_the_generator_alone(small: Loaded, shared: Path) -> None:
    import torch

    settings = small_settings(shared, generation={"do_sample": True, "top_k": 5})
    sources = seq2seq.encode(small.tokenizer, [row["dialogue"] for row in rows(3)], None, settings)["input_ids"]
    state = torch.random.get_rng_state()
    first = generate(seq2seq, small.model, small.tokenizer, sources, settings, batch_size=2)
    assert first == generate(seq2seq, small.model, small.tokenizer, sources, settings, batch_size=2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_evaluation(small: Loaded, shared: Path, tmp_path: Path) -> None:
    settings = small_settings(shared)
    lines = rows(5)
    columns = seq2seq.encode(small.tokenizer, [row["dialogue"] for row in lines], [row["summary"] for row in lines], settings)
    texts = [row["dialogue"] for row in lines]
    evaluator = Evaluator(seq2seq, small.tokenizer, columns, texts, [[row["summary"]] for row in lines], settings, tmp_path)
    small.model.train()
    first, second = evaluator.evaluate(small.model), evaluator.evaluate(small.model)
    assert small.model.training
    assert (first.metrics, first.predictions) == (second.metrics, second.predictions)
    assert set(first.metrics) == {"loss", *rouge.KEYS}
    assert len(first.predictions) == len(first.per_dialogue["rougeL_f1"]) == 5
    # A mean over tokens does not depend on how they are batched.
    sums = [loss_over(seq2seq, small.model, small.tokenizer, columns, size) for size in (1, 2, 5)]
    losses = [total / tokens for total, tokens in sums]
    assert losses == pytest.approx([first.metrics["loss"]] * 3, rel=1e-5)


def test_empty_output_is_an_empty_summary(small: Loaded, shared: Path) -> None:
    family = SimpleNamespace(
        adapted=lambda config: config,
        collate=seq2seq.collate,
        new_tokens=lambda model, batch, config, **how: [[2, 0, 2, 1]] * len(batch["input_ids"]),
    )
    assert generate(family, small.model, small.tokenizer, [[0, 2]], small_settings(shared), batch_size=1) == [""]  # type: ignore[arg-type]


@pytest.mark.parametrize("forced", [None, 2])
def test_which_summaries_the_model_ended(small: Loaded, shared: Path, forced: int | None) -> None:
    """Token 2 is the end, and BART's first token, too."""
    rows_of_tokens = [[2, 5, 2, 1, 1], [2, 5, 6, 7, 2], [2, 5, 6, 7, 8], [2, 2, 1, 1, 1]]

    def configured(config: Any) -> Any:
        config.max_length, config.forced_eos_token_id = 5, forced
        return config

    family = SimpleNamespace(adapted=configured, collate=seq2seq.collate, new_tokens=lambda model, batch, config, **how: rows_of_tokens)
    done = generate_watched(family, small.model, small.tokenizer, [[0, 2]] * 4, small_settings(shared), batch_size=4)  # type: ignore[arg-type]
    assert done.finished == [True, forced is None, False, True]
    assert len(set(done.seconds)) == 1
    assert 0 < done.seconds[0] < 1


def test_cut_off_summaries_and_latency_are_scored(small: Loaded, shared: Path, tmp_path: Path) -> None:
    lines = rows(5)
    texts = [row["dialogue"] for row in lines]
    columns = seq2seq.encode(small.tokenizer, texts, [row["summary"] for row in lines], small_settings(shared))
    found = []
    wanted = {"metrics": ("truncation", "latency", "guardrails")}
    for length in (2, 100):
        settings = small_settings(shared, generation={"max_length": length}, evaluation=wanted)
        evaluator = Evaluator(seq2seq, small.tokenizer, columns, texts, [[row["summary"]] for row in lines], settings, tmp_path)
        found.append(evaluator.evaluate(small.model).metrics)
    assert found[0]["guardrails/truncated"] == 1
    assert all(0 < metrics["latency_s"] < 10 for metrics in found)
    assert all(0 <= metrics["guardrails/invented_speakers"] <= 1 for metrics in found)


@pytest.mark.parametrize(("metrics", "first"), [(("latency",), 1), (("truncation",), 0)])
def test_the_clock_does_not_count_the_first_summary(
    metrics: tuple[str, ...], first: int, small: Loaded, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One dialogue is summarised beforehand, by the first evaluation only, and only where time is scored."""
    lines = rows(5)
    texts = [row["dialogue"] for row in lines]
    settings = small_settings(shared, evaluation={"metrics": metrics})
    columns = seq2seq.encode(small.tokenizer, texts, [row["summary"] for row in lines], settings)
    evaluator = Evaluator(seq2seq, small.tokenizer, columns, texts, [[row["summary"]] for row in lines], settings, tmp_path)
    summarised: list[int] = []
    whole = seq2seq.new_tokens

    def counted(model: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        summarised.append(len(batch["input_ids"]))
        return whole(model, batch, *rest, **more)

    monkeypatch.setattr(seq2seq, "new_tokens", counted)
    evaluator.evaluate(small.model)
    assert sum(summarised) == len(lines) + first
    evaluator.evaluate(small.model)
    assert sum(summarised) == 2 * len(lines) + first
