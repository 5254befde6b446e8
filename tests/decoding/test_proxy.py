"""The cheap evaluation: which dialogues, and how they are decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.config.settings import Generation, Settings
from summtune.decoding.proxy import default_samples, proxy, sample, shortened
from summtune.training.best_model import SETTINGS_FILE
from summtune.training.referee import score_in_full
from summtune.training.reopened import stored_record
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings


@given(st.lists(st.integers(1, 50), min_size=1, max_size=80), st.integers(1, 90))
def test_a_sample_is_spread_over_all_lengths(lengths: list[int], wanted: int) -> None:
    places = sample(lengths, wanted)
    assert places == sorted(set(places)) == sample(lengths, wanted)
    assert len(places) == min(wanted, len(lengths))
    ordered, taken = sorted(lengths), sorted(lengths[place] for place in places)
    for index, length in enumerate(taken):
        low, high = index * len(lengths) // len(places), -(-(index + 1) * len(lengths) // len(places)) - 1
        assert ordered[low] <= length <= ordered[high], "one of each stratum"


def test_a_sample_is_of_the_same_mean_length() -> None:
    lengths = [(7 * number) % 500 for number in range(500)]
    places = sample(lengths, 50)
    assert sum(lengths[place] for place in places) / 50 == pytest.approx(sum(lengths) / 500, rel=0.01)


def test_decoding_is_cut_off_near_the_lengths_that_references_have() -> None:
    assert shortened(Generation(max_length=100), 40).max_length == 41
    assert shortened(Generation(max_length=30), 40).max_length == 30
    assert shortened(Generation(max_length=100, max_new_tokens=90), 40).max_new_tokens == 41
    assert shortened(Generation(max_length=100, min_length=60), 40).max_length == 61, "never below min_length"


def test_as_the_model_decodes_or_greedily() -> None:
    settings = Settings.model_validate({"generation": {"num_beams": 4, "do_sample": True, "no_repeat_ngram_size": 3}})
    evaluation = settings.evaluation
    sources, targets = [[1] * (number + 1) for number in range(300)], [[1] * (20 if number else 99) for number in range(300)]
    greedily = settings.model_copy(update={"evaluation": evaluation.model_copy(update={"proxy_decoding": "greedy"})})
    greedy = proxy(greedily, sources, targets)
    assert (greedy.generation.num_beams, greedy.generation.do_sample, greedy.generation.no_repeat_ngram_size) == (1, False, 3)
    assert len(greedy.places) == 50
    assert greedy.description["dialogues"].startswith("50 of 300")
    assert greedy.description["decoding"] == "greedy, at most 21 tokens", "a single long reference doesn't count"
    own = settings.model_copy(update={"evaluation": evaluation.model_copy(update={"proxy_samples": 10})})
    found = proxy(own, sources, targets)
    assert (found.generation.num_beams, found.generation.do_sample, len(found.places)) == (4, True, 10)


def test_a_sixth_stands_for_all_within_bounds() -> None:
    assert [default_samples(count) for count in (10, 60, 120, 300, 480, 5000)] == [12, 12, 20, 50, 80, 80]


def test_a_cheap_evaluation_beside_a_full_one(tmp_path: Path) -> None:
    """Fewer dialogues; and the full evaluation of the folder is what a full strategy would have reported."""
    shared = {"dev_rows": 12, "generation": {"num_beams": 2, "max_length": 24}}
    cheap = small_settings(tmp_path, evaluation={"strategy": "proxy", "proxy_samples": 4}, **shared)  # type: ignore[arg-type]
    full = small_settings(tmp_path, evaluation={"strategy": "full"}, **shared)  # type: ignore[arg-type]
    by_cheap, by_full = Reports(), Reports()
    asked = job(tmp_path, cheap, "cheap", objective_name="loss", maximize=False)
    train(asked, by_cheap)
    train(job(tmp_path, full, "full", objective_name="loss", maximize=False), by_full)
    assert [line["train_loss"] for line in by_cheap.metrics] == [line["train_loss"] for line in by_full.metrics], "training is the same"
    assert [line["loss"] for line in by_cheap.metrics] != [line["loss"] for line in by_full.metrics]
    best = asked.attempt.best_model(2)
    assert len((best / "predictions.csv").read_text(encoding="utf-8").splitlines()) == 1 + 4
    record = stored_record(best)
    assert record["evaluation"] == "proxy"
    assert record["scoring"]["proxy"]["dialogues"].startswith("4 of 12")
    assert (best / SETTINGS_FILE).is_file()
    refereed = score_in_full(best, cheap, "rouge_combined_f1", tmp_path / "cache", 1)
    assert len(refereed.rows) == 12
    assert set(refereed.rows[0]) == {"fname", "summary", "reference", "rouge_combined_f1"}
    reported = by_full.metrics[-1]
    assert refereed.metrics == pytest.approx({name: reported[name] for name in refereed.metrics}, rel=1e-5)
    assert refereed.metrics["rouge_combined_f1"] != by_cheap.metrics[-1]["rouge_combined_f1"]
