"""rouge-score and rouge-score-rs give the same values, to the last bit."""

from __future__ import annotations

import csv
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summtune.metrics import _engines
from summtune.metrics._engines import PACKAGES, Engine, fastest
from summtune.metrics._words import Analysed, analysed
from summtune.metrics.rouge import TYPES
from tests.metrics.test_rouge import DATA

LETTERS = st.sampled_from(["가", "나", "다", "#Person1#", ".", "a", " ", "\n", "0", "r0"])
SENTENCES = st.lists(st.lists(LETTERS, max_size=12).map(tuple), max_size=5).map(tuple)
FREE = st.lists(st.lists(st.text(max_size=4), max_size=9).map(tuple), max_size=4).map(tuple)


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [Engine(name, TYPES) for name in PACKAGES]


def texts(words: st.SearchStrategy[tuple[tuple[str, ...], ...]]) -> st.SearchStrategy[Analysed]:
    """Words by sentence, and the whole: mostly the same words, sometimes others, as an analyser may cut them."""
    other = st.lists(LETTERS, max_size=20).map(tuple)
    return st.builds(lambda by, whole: Analysed(sum(by, ()) if whole is None else whole, by), words, st.none() | other)


@settings(max_examples=600, deadline=None)
@given(texts(SENTENCES | FREE), texts(SENTENCES | FREE))
def test_the_engines_agree_on_any_words(engines: list[Engine], reference: Analysed, prediction: Analysed) -> None:
    slow, fast = (engine.score(reference, prediction) for engine in engines)
    assert slow == fast
    assert all(0.0 <= value <= 1.0 for triple in slow.values() for value in triple)


REAL = [("dialogsum_ko/train.csv", "mecab"), ("dialogsum_ko/train.csv", "whitespace"), ("dialogsum_en/dev.csv", "english")]


@pytest.mark.parametrize(("file", "tokenizer"), REAL)
def test_the_engines_agree_on_real_texts(engines: list[Engine], file: str, tokenizer: str) -> None:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:150]
    for one, other in pairwise(rows):
        reference = analysed(one["summary"], tokenizer)
        for text in (other["summary"], one["dialogue"][:400]):
            slow, fast = (engine.score(reference, analysed(text, tokenizer)) for engine in engines)
            assert slow == fast


def test_the_fast_engine_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fastest() == "rouge-score-rs"
    monkeypatch.setattr(_engines, "find_spec", lambda package: None if package == "rouge_score_rs" else package)
    assert fastest() == "rouge-score"
