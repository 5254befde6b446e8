"""Races: who is dropped when, and how often wrongly."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.search.racing import ALPHA, LEAST, looks, lost, spread_order


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300))
def test_every_dialogue_once_and_each_beginning_spread_over_lengths(lengths: list[int]) -> None:
    order = spread_order(lengths)
    assert sorted(order) == list(range(len(lengths)))
    if len(lengths) >= 64:
        ranks = sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
        rank = {place: number for number, place in enumerate(ranks)}
        beginning = [rank[place] / len(lengths) for place in order[: len(order) // 4]]
        assert 0.35 < fmean(beginning) < 0.65


@pytest.mark.parametrize(("dialogues", "found"), [(10, [10]), (60, [16, 32, 60]), (500, [31, 62, 124, 248, 500]), (16, [16])])
def test_looks_double(dialogues: int, found: list[int]) -> None:
    assert looks(dialogues) == found


def test_a_much_worse_setting_is_dropped_at_the_first_look() -> None:
    draw = random.Random(1)
    best = [draw.uniform(0.2, 0.6) for _ in range(LEAST)]
    worse = [score - 0.1 + draw.gauss(0, 0.02) for score in best]
    assert lost(worse, best, maximize=True, looks=4)
    assert not lost(best[:-1] + [best[-1] + 0.01], best, maximize=True, looks=4)
    assert lost([-score for score in worse], [-score for score in best], maximize=False, looks=4)


def test_the_same_summaries_can_not_win() -> None:
    assert lost([0.5, 0.25], [0.5, 0.25], maximize=True, looks=1)


def test_a_better_one_is_never_dropped() -> None:
    draw = random.Random(2)
    best = [draw.random() for _ in range(50)]
    assert not lost([score + 0.001 for score in best], best, maximize=True, looks=1)


def test_one_as_good_is_dropped_wrongly_no_more_often_than_it_says() -> None:
    draw = random.Random(3)
    races, dropped = 400, 0
    steps = looks(200)
    for _ in range(races):
        best = [draw.gauss(0.4, 0.1) for _ in range(200)]
        challenger = [score + draw.gauss(0, 0.05) for score in best]
        dropped += any(lost(challenger[:seen], best[:seen], maximize=True, looks=len(steps)) for seen in steps[:-1])
    assert dropped / races <= ALPHA + 0.02
