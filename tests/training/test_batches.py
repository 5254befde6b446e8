"""Rows of similar length come together, other ones in every epoch."""

import random

from summtune.training.batches import LengthGrouped

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
