"""The notebook's metric, against the package that the notebook used."""

from __future__ import annotations

import csv
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from summtune.metrics import Summaries
from summtune.metrics.legacy_rouge import KEYS, score
from tests.metrics.test_rouge import DATA

TEXTS = st.lists(st.sampled_from(["가", "나다", "#Person1#은", ".", ". ", "..", " ", "\n", "a"]), max_size=25).map("".join)


def ours(prediction: str, reference: str) -> list[float]:
    columns = score(Summaries([prediction], [[reference]]))
    return [columns[key][0] for key in KEYS]


def theirs(prediction: str, reference: str) -> list[float]:
    from rouge import Rouge

    found = Rouge().get_scores(prediction, reference)[0]
    return [found[kind]["f"] for kind in ("rouge-1", "rouge-2", "rouge-l")]


@settings(max_examples=500, deadline=None)
@given(TEXTS, TEXTS)
def test_the_same_as_the_package(prediction: str, reference: str) -> None:
    assume(prediction.strip(".") and reference.strip("."))  # there the package raises
    assert ours(prediction, reference) == theirs(prediction, reference)


def test_the_same_as_the_package_on_real_summaries() -> None:
    path = DATA / "dialogsum_ko" / "train.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8", newline="") as stream:
        texts = [row["summary"] for row in csv.DictReader(stream)][:80]
    for prediction, reference in zip(texts[1:], texts, strict=False):
        assert ours(prediction, reference) == theirs(prediction, reference)


@pytest.mark.parametrize("odd", ["", ".", "..."])
def test_what_made_the_package_raise_scores_nothing(odd: str) -> None:
    with pytest.raises(ValueError, match="empty|at least 1"):
        theirs(odd, "가 나")
    assert ours(odd, "가 나") == ours("가 나", odd) == [0.0, 0.0, 0.0]


def test_long_texts_do_not_exhaust_the_stack() -> None:
    text = " ".join(f"w{number}" for number in range(1200))
    with pytest.raises(RecursionError):
        theirs(text, text)
    assert ours(text, text) == pytest.approx([1.0, 1.0, 1.0])
    began = time.perf_counter()
    assert ours("간다 " * 5_000, "나는 간다.")[0] > 0
    assert time.perf_counter() - began < 5
