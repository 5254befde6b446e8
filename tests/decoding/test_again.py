"""Decoding the same dialogues with other settings: what is computed once, and when nothing may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from summtune.decoding.again import Again
from summtune.families import Loaded, Sources, seq2seq
from summtune.training.store import Store
from tests.small_training import rows, small_settings

ROWS = rows(6)


@pytest.fixture
def small(tmp_path: Path) -> Loaded:
    texts = [row["dialogue"] for row in ROWS]
    return seq2seq.load(small_settings(tmp_path), Sources(Store(tmp_path / "cache").once, lambda: texts, "digest"))


def readings(small: Loaded, folder: Path, metrics: list[str]) -> list[int]:
    """How often the encoder has read by the time of each step: prepared, decoded, decoded again."""
    read: list[Any] = []
    small.model.get_encoder().register_forward_hook(lambda *given: read.append(given))
    settings = small_settings(folder, generation={"max_length": 8}, evaluation={"metrics": metrics})
    again = Again(seq2seq, small, [row["dialogue"] for row in ROWS], [[row["summary"]] for row in ROWS], settings, folder)
    counts = [len(read)]
    for _ in range(2):
        again.decode(settings.generation, range(len(ROWS)))
        counts.append(len(read))
    return counts


def test_each_dialogue_is_read_once(small: Loaded, tmp_path: Path) -> None:
    assert readings(small, tmp_path, ["rouge"]) == [0, 1, 1]


def test_where_summaries_are_timed_each_one_is_made_as_a_person_would_get_it(small: Loaded, tmp_path: Path) -> None:
    """With the encoder's part, and after one that is not timed."""
    assert readings(small, tmp_path, ["rouge", "latency"]) == [1, 2, 3]
