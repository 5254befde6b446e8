"""Races: who is dropped when, and how often wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.search.racing import ALPHA, Purse, looks, spread_order, standing


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300))
def test_every_dialogue_once_and_each_beginning_spread_over_lengths(lengths: list[int]) -> None:
    order = spread_order(lengths)
    assert sorted(order) == list(range(len(lengths)))
    if len(lengths) >= 64:
        ranks = sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
        rank = {place: number for number, place in enumerate(ranks)}
        beginning = [rank[place] / len(lengths) for place in order[: len(order) // 4]]
        assert 0.35 < fmean(beginning) < 0.65


@pytest.mark.parametrize(("dialogues", "found"), [(7, [7]), (60, [8, 16, 32, 60]), (500, [31, 62, 124, 248, 500]), (16, [8, 16])])
def test_looks_double(dialogues: int, found: list[int]) -> None:
    assert looks(dialogues) == found


def place(challenger: list[float], best: list[float], dialogues: int = 200, *, maximize: bool = True) -> float:
    return standing(challenger, best, maximize=maximize, dialogues=dialogues)


def test_where_a_setting_stands() -> None:
    draw = random.Random(1)
    best = [draw.uniform(0.2, 0.6) for _ in range(16)]
    worse = [score - 0.1 + draw.gauss(0, 0.02) for score in best]
    assert place(worse, best) < 1e-6
    assert place(best, worse) > 1 - 1e-6
    assert place([-score for score in worse], [-score for score in best], maximize=False) < 1e-6
    even = [best[0] + 0.1, best[1] - 0.1, *best[2:]]
    assert place(even, best) == pytest.approx(0.5)
    assert place(worse[:1], best[:1]) == 0.0


def test_where_settings_with_the_same_summaries_and_with_constant_gains_stand() -> None:
    assert place([0.5, 0.25], [0.5, 0.25]) == ALPHA, "enough to go on while nobody has to be saved at"
    assert place([0.5, 0.25], [0.5, 0.25], dialogues=2) == 0.0, "all are known: it is no better"
    assert place([0.5, 0.75], [0.25, 0.5]) == 1.0
    assert place([0.25, 0.5], [0.5, 0.75]) == 0.0


def test_what_few_dialogues_leave_unseen_changes_less() -> None:
    """A small loss after 48 dialogues of 60 can hardly be made good any more; after 48 of thousands it can."""
    best = [0.4] * 48
    worse = [0.4 - 0.01 + 0.06 * (-1) ** number for number in range(48)]
    assert place(worse, best, 60) < 0.01
    assert place(worse, best, 5000) > 0.1


def test_the_unseen_is_judged_about_as_often_wrongly_as_it_says() -> None:
    """Of 60 dialogues 16 are seen; gains over all 60 are exactly 0."""
    draw = random.Random(3)
    dropped = 0
    for _ in range(1000):
        gains = [draw.gauss(0, 0.05) for _ in range(60)]
        mean = fmean(gains)
        dropped += place([gain - mean for gain in gains[:16]], [0.0] * 16, 60) < 0.1
    assert 0.07 < dropped / 1000 < 0.13


def raced(gains: Callable[[int], float], settings: int = 30, dialogues: int = 60, cost: float = 1.0) -> tuple[float, list[int], int]:
    """Race settings whose dialogues each cost `cost` times the model's own; what that costs in evaluations of all of them, and which
    came to the end, and how many were dropped at the first look."""
    steps = looks(dialogues)
    purse = Purse(settings, steps, float(dialogues))
    spent, early = 0.0, 0
    ended: list[int] = []
    for number in range(settings):
        scores = [gains(number) for _ in range(dialogues)]
        for look, seen in enumerate(steps):
            found = place(scores[:seen], [0.0] * seen, dialogues)
            if seen < dialogues and found < purse.level(cost * seen, look):
                early += look == 0
                break
        purse.pay(cost * seen, seen, dropped=seen < dialogues)
        spent += cost * seen
        ended += [number] if seen == dialogues else []
    return spent / dialogues, ended, early


@pytest.mark.parametrize("dialogues", [60, 500])
@pytest.mark.parametrize("cost", [0.6, 1.0, 1.8])
def test_thirty_settings_cost_less_than_ten_evaluations(dialogues: int, cost: float) -> None:
    """All as good as the best: the dearest case, which no test of differences ends."""
    draw = random.Random(5)
    for _ in range(10):
        spent, ended, _ = raced(lambda number: draw.gauss(0, 0.05), dialogues=dialogues, cost=cost)
        assert spent < 10
        assert ended or cost > 1, "where beginnings leave something to spend, it is spent"


@pytest.mark.parametrize("dialogues", [60, 500])
def test_settings_that_change_nothing_cost_no_more_than_others(dialogues: int) -> None:
    spent, ended, _ = raced(lambda number: 0.0, dialogues=dialogues)
    assert spent < 10
    assert ended


@pytest.mark.parametrize(("dialogues", "least"), [(60, 40), (500, 48)])
def test_settings_that_change_nothing_leave_what_a_better_one_costs(dialogues: int, least: int) -> None:
    """Rules that never act, for example, of which any space of decoding has many."""
    draw = random.Random(4)
    through = 0
    for _ in range(50):
        better = draw.randrange(11)

        def gains(number: int, better: int = better) -> float:
            return draw.gauss(0.03, 0.12) if number == better else 0.0

        _, ended, _ = raced(gains, settings=11, dialogues=dialogues)
        through += better in ended
    assert through >= least, "of 50"


@pytest.mark.parametrize("settings", [1, 2, 4])
def test_a_setting_that_acts_on_few_dialogues_is_not_dropped_for_the_others(settings: int) -> None:
    """Rules against repetition, for example: the first dialogues are often summarised as before."""
    draw = random.Random(9)
    for _ in range(50):
        _, ended, _ = raced(lambda number: 0.25 if draw.random() < 0.05 else 0.0, settings=settings)
        assert len(ended) == settings


def test_where_most_are_worse_the_test_alone_decides() -> None:
    draw = random.Random(6)
    for _ in range(10):
        spent, _, early = raced(lambda number: draw.gauss(-0.1 if number % 10 else 0.0, 0.05), dialogues=500)
        assert spent < 6
        assert early >= 26


def test_a_clearly_better_one_goes_on_whatever_it_costs() -> None:
    draw = random.Random(7)
    for number_of_the_better in (0, 15, 29):
        wins = 0
        for _ in range(20):
            steps, purse = looks(60), Purse(30, looks(60), 60.0)
            for _ in range(number_of_the_better):
                purse.pay(60.0, 60, dropped=False)  # far more than there is
            scores = [draw.gauss(0.1, 0.05) for _ in range(60)]
            wins += all(place(scores[:seen], [0.0] * seen, 60) >= purse.level(seen, look) for look, seen in enumerate(steps[:-1]))
        assert wins >= 19


def test_errors_are_as_rare_as_said_while_there_is_enough_to_spend() -> None:
    """One setting that is exactly as good as the best, and nothing else to pay for."""
    draw = random.Random(8)
    dropped, steps = 0, looks(200)
    for _ in range(400):
        gains = [draw.gauss(0, 0.05) for _ in range(200)]
        mean, purse = fmean(gains), Purse(1, steps, 200.0)
        scores = [gain - mean for gain in gains]
        dropped += any(place(scores[:seen], [0.0] * seen) < purse.level(seen, look) for look, seen in enumerate(steps[:-1]))
    assert dropped / 400 <= ALPHA + 0.02
