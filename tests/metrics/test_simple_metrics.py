"""Length, repetition, copying, latency and truncation, by hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from summtune.config.settings import Evaluation
from summtune.metrics import Columns, Summaries
from summtune.metrics._scoring import Scoring
from summtune.metrics.copying import copied, longest_piece
from summtune.metrics.repetition import repeated


def score(name: str, summaries: Summaries, cache: Path) -> Columns:
    known = [need for need in ("references", "dialogues", "seconds", "finished") if getattr(summaries, need) is not None]
    evaluation = Evaluation(metrics=(name,), rouge_tokenizer="whitespace")
    return Scoring(evaluation, cache, known).score(summaries).per_dialogue


def test_length_ratio(tmp_path: Path) -> None:
    summaries = Summaries(["가 나", "가나다라", "", "가", ""], [["가나"], ["가나", "가나다라마바"], ["가나"], ["."], [" "]])
    found = score("length_ratio", summaries, tmp_path)
    assert found == {"length_ratio": [1.0, 1.0, 0.0, 1.0, 1.0], "length_error": [0.0, 0.0, 1.0, 0.0, 0.0]}
    assert score("length_ratio", Summaries(["가"], [[""]]), tmp_path)["length_ratio"] == [2.0]


def test_compression(tmp_path: Path) -> None:
    assert score("compression", Summaries(["가 나", ""], dialogues=["가나다라 마바사아", "가"]), tmp_path)["compression"] == [0.25, 0.0]


REPEATED = [("a b a b a b", 2, 0.6), ("a b c", 2, 0.0), ("a", 2, 0.0), ("", 2, 0.0), ("a a a a a", 3, 2 / 3)]


@pytest.mark.parametrize(("text", "size", "share"), REPEATED)
def test_repetition(text: str, size: int, share: float) -> None:
    assert repeated(tuple(text.split()), size) == pytest.approx(share)


def test_copying(tmp_path: Path) -> None:
    summaries = Summaries(["a b c x d", "a", "", "d c b a"], dialogues=["z a b c d"] * 4)
    found = score("copying", summaries, tmp_path)
    assert found["copied_bigrams"] == [0.5, 0.0, 0.0, 0.0]
    assert found["copied_trigrams"] == pytest.approx([1 / 3, 0.0, 0.0, 0.0])
    assert found["longest_copy"] == [0.6, 1.0, 0.0, 0.25]
    assert copied(("a", "b"), ("a",), 2) == 0.0


def test_the_longest_piece_of_long_texts() -> None:
    began = time.perf_counter()
    assert longest_piece(("a",) * 5_000, ("a",) * 300) == 300
    assert longest_piece(tuple("abcabx"), tuple("zabxabc")) == 3
    assert time.perf_counter() - began < 5


def test_latency_and_truncation(tmp_path: Path) -> None:
    summaries = Summaries(["a", "b"], seconds=[0.25, 0.75], finished=[True, False])
    assert score("latency", summaries, tmp_path) == {"latency_s": [0.25, 0.75]}
    assert score("truncation", summaries, tmp_path) == {"guardrails/truncated": [0.0, 1.0]}
