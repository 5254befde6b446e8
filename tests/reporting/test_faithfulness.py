"""Kendall's τ of cheap and full scores, and how sure it is."""

from __future__ import annotations

import random

import pytest
from scipy.stats import kendalltau

from summtune.reporting.faithfulness import agreement


def test_the_same_as_scipys_without_ties() -> None:
    draw = random.Random(1)
    pairs = [(draw.random(), draw.random()) for _ in range(12)]
    found = agreement(pairs)
    assert found.tau == pytest.approx(kendalltau(*zip(*pairs, strict=True)).statistic)
    assert found.low < found.tau < found.high


@pytest.mark.parametrize(("pairs", "tau"), [([(1, 1), (2, 2)], 1.0), ([(1, 2), (2, 1)], -1.0), ([(1, 1), (1, 2)], 0.0)])
def test_two_trials_say_hardly_anything(pairs: list[tuple[float, float]], tau: float) -> None:
    found = agreement(pairs)
    assert found.tau == tau
    assert found.high - found.low > 1
    assert -1 <= found.low <= found.tau <= found.high <= 1


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of scores that are a common part and noise of the same size, whose τ is 1/3 (arcsine law: 2/π · asin(1/2))."""
    draw = random.Random(2)
    held = 0
    for _ in range(300):
        pairs = []
        for _ in range(8):
            common = draw.gauss(0, 1)
            pairs.append((common + draw.gauss(0, 1), common + draw.gauss(0, 1)))
        found = agreement(pairs)
        held += found.low <= 1 / 3 <= found.high
    assert held / 300 > 0.93


def test_doubt() -> None:
    assert agreement([(1, 3), (2, 2), (3, 1)]).doubtful
    assert not agreement([(1, 1), (2, 2), (3, 3)]).doubtful
