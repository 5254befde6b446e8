"""Rows of similar length come together, other ones in every epoch."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.config.settings import Training
from summtune.training.batches import Dealt, LengthGrouped
from summtune.training.memory import Parts, step_rows

LENGTHS = [random.Random(number).randint(20, 500) for number in range(1003)]


def order(epoch: int = 0, seed: int = 1, batch_size: int = 8, lengths: list[int] = LENGTHS) -> list[int]:
    sampler = LengthGrouped(lengths, batch_size, seed)
    sampler.set_epoch(epoch)
    assert len(sampler) == len(lengths)
    return list(sampler)


def in_batches(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def padding(rows: list[int], size: int, lengths: list[int] = LENGTHS) -> float:
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in in_batches(rows, size))
    return 1 - sum(lengths) / computed


def test_every_row_comes_once_in_an_order_of_seed_and_epoch() -> None:
    assert sorted(order()) == list(range(1003))
    assert order() == order()
    assert len({tuple(order(epoch, seed)) for epoch in range(3) for seed in range(3)}) == 9
    assert order(lengths=[]) == []
    assert sorted(order(lengths=[5, 3, 9])) == [0, 1, 2]


def test_little_is_padding() -> None:
    by_chance = random.Random(0).sample(range(1003), 1003)
    assert padding(by_chance, 8) > 0.4
    assert padding(order(), 8) < 0.08
    # Also where the data are small beside the batch.
    few = LENGTHS[:100]
    assert padding(order(lengths=few, batch_size=16), 16, few) < 0.15


def test_parts_of_a_step_have_less_padding_than_the_step() -> None:
    rows = order(batch_size=32)
    assert padding(rows, 4) < padding(rows, 32)


def test_the_longest_come_first_and_no_order_of_length_after_that() -> None:
    rows = order()
    assert max(LENGTHS) in [LENGTHS[row] for row in rows[:8]]
    means = [sum(LENGTHS[row] for row in batch) / 8 for batch in in_batches(rows, 8)[:-1]]
    rises = sum(later > earlier for earlier, later in zip(means, means[1:], strict=False)) / len(means)
    assert 0.35 < rises < 0.65


def test_rows_meet_others_in_every_epoch() -> None:
    for lengths, most in ((LENGTHS, 0.25), (LENGTHS[:64], 0.6)):
        seen = [{frozenset(batch) for batch in in_batches(order(epoch, lengths=lengths), 8)} for epoch in range(4)]
        again = len(seen[0] & seen[1]) + len(seen[1] & seen[2]) + len(seen[2] & seen[3])
        assert again < most * 3 * len(seen[0])


def dealt(rows: int, step_rows: int, at_most: int, workers: int) -> list[list[list[int]]]:
    """Of each worker the micro-batches of an epoch, in order."""
    order = LengthGrouped([row % 7 + 1 for row in range(rows)], step_rows, seed=3)
    found = []
    for rank in range(workers):
        mine = Dealt(order, step_rows, at_most, rank, workers)
        batches = list(mine)
        assert len(batches) == len(mine)
        found.append(batches)
    return found


@pytest.mark.parametrize(
    ("rows", "step_rows", "at_most", "workers"),
    [(64, 16, 8, 2), (41, 16, 8, 2), (33, 16, 4, 2), (30, 12, 5, 3), (17, 16, 16, 1), (23, 6, 2, 4), (5, 16, 8, 2), (10, 5, 2, 2)],
)
def test_workers_together_make_the_steps_of_one(rows: int, step_rows: int, at_most: int, workers: int) -> None:
    (alone,) = dealt(rows, step_rows, step_rows, 1)
    shares = dealt(rows, step_rows, at_most, workers)
    assert len({len(batches) for batches in shares}) == 1, "all come to every reduction"
    per_step = math.ceil(math.ceil(step_rows / workers) / at_most)
    starts = range(0, len(shares[0]), per_step)
    steps = [[row for batches in shares for batch in batches[start : start + per_step] for row in batch] for start in starts]
    assert [sorted(step) for step in steps] == [sorted(step) for step in alone]
    assert all(len(batch) <= at_most for batches in shares for batch in batches)


def test_a_worker_without_a_row_has_an_empty_micro_batch() -> None:
    first, second = dealt(9, 8, 4, 2)
    assert [len(batch) for batch in first] == [4, 1]
    assert [len(batch) for batch in second] == [4, 0]


def test_workers_rows_are_as_long_as_each_other_s() -> None:
    lengths = [row * 10 + 1 for row in range(64)]
    order = LengthGrouped(lengths, 64, seed=0)
    sums = [sum(lengths[row] for batch in Dealt(order, 64, 16, rank, 4) for row in batch) for rank in range(4)]
    assert max(sums) < 1.1 * min(sums)


def test_every_epoch_is_dealt_anew() -> None:
    order = LengthGrouped(list(range(1, 33)), 8, seed=0)
    mine = Dealt(order, 8, 4, 0, 2)
    first = list(mine)
    mine.sampler.set_epoch(1)
    assert list(mine) != first
    mine.sampler.set_epoch(0)
    assert list(mine) == first


@pytest.mark.parametrize(
    ("rows", "accumulation", "workers", "share"),
    [
        (16, 1, 1, (16, 1)),
        (16, 1, 2, (8, 1)),
        (8, 2, 2, (8, 1)),
        (16, 4, 2, (16, 2)),
        (16, 3, 2, (12, 2)),
        (7, 1, 2, (4, 1)),
        (2, 1, 2, (1, 1)),
        (2, 5, 2, (2, 3)),
    ],
)
def test_what_is_asked_of_a_worker(rows: int, accumulation: int, workers: int, share: tuple[int, int]) -> None:
    asked = Training(per_device_train_batch_size=rows, gradient_accumulation_steps=accumulation)
    parts = Parts.asked(asked, workers)
    assert (parts.rows, parts.accumulation) == share


@given(st.integers(1, 24), st.integers(1, 12), st.integers(1, 5))
def test_a_worker_comes_to_its_step_in_as_many_micro_batches_as_the_optimiser_waits_for(rows: int, accumulation: int, workers: int) -> None:
    asked = Training(per_device_train_batch_size=rows, gradient_accumulation_steps=accumulation)
    step = step_rows(asked)
    parts: Parts | None = Parts.asked(asked, workers)
    assert parts is not None
    assert parts.rows <= rows
    sizes = []
    while parts is not None:
        sizes.append(parts.rows)
        for rank in range(workers):
            assert len(Dealt(range(3 * step), step, parts.rows, rank, workers)) == 3 * parts.accumulation
        assert workers > 1 or parts.rows * parts.accumulation == step, "whose micro-batches are cut without regard to steps"
        parts = parts.smaller()
    assert sizes[-1] == 1
    assert sizes == sorted(set(sizes), reverse=True)
