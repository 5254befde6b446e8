"""Kendall's τ of cheap and full scores, and how sure it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from scipy.stats import kendalltau

from summtune.reporting.faithfulness import MOST_NOISE, agreement, noise
from summtune.reporting.wording import proxy_texts


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


def finals(draw: random.Random, noise: float) -> tuple[list[tuple[float, float]], list[float]]:
    """(cheap, full) of the five best of twenty by cheap scores and one more, and all cheap scores."""
    full = [-draw.expovariate(1) for _ in range(20)]
    cheap = [score + draw.gauss(0, noise) for score in full]
    best = sorted(range(20), key=lambda trial: -cheap[trial])
    return [(cheap[trial], full[trial]) for trial in (*best[:5], best[12])], cheap


def test_finalists_of_faithful_evaluations_are_often_in_another_order() -> None:
    """That is why τ among them is no ground for a warning: τ over all twenty is 0.9 here."""
    draw = random.Random(3)
    low = sum(agreement(finals(draw, 0.1)[0]).tau < 0.6 for _ in range(300))
    assert low / 300 > 0.1


@pytest.mark.parametrize(("size", "least", "most"), [(0.1, 0.0, 0.01), (0.3, 0.0, 0.08), (2.0, 0.4, 1.0)])
def test_doubt_comes_with_noise(size: float, least: float, most: float) -> None:
    """τ over all twenty is 0.90, 0.73 and 0.26."""
    draw = random.Random(4)
    doubted = 0
    for _ in range(400):
        found = noise(*finals(draw, size))
        assert found is not None
        doubted += found > MOST_NOISE
    assert least <= doubted / 400 <= most


def test_few_or_equal_trials_say_nothing_of_noise() -> None:
    assert noise([(1, 1), (2, 2), (3, 3)], [1, 2, 3, 4, 5]) is None
    assert noise([(1, 2)] * 5, [1.0] * 5) is None
    assert not agreement([(1, 3), (2, 2), (3, 1)]).doubtful


def test_doubt_is_said_with_what_helps() -> None:
    told = agreement([(1, 1), (2, 3), (3, 2), (4, 4)])
    assert len(proxy_texts(replace(told, noise=0.2))) == 1
    _, doubt = proxy_texts(replace(told, noise=0.49))
    assert doubt.startswith("Cheap scores scatter around full ones by 70% of what they differ by among all trials. More evaluation.proxy_")
