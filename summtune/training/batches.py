"""Which rows come together in a batch: rows of similar length, so that little of it is padding, and other ones in every epoch.

And which of a step's rows each of several workers takes. Plain Python, without torch. It must not know what a row is but its length.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

CHUNK = 50
"""Batches among which rows are sorted by length: enough to leave little padding, too few to put the same rows together every time."""

BLUR = 0.05
"""Share by which a row may pass for longer than it is, so that in small data, too, a row meets others every time."""


class LengthGrouped:
    """A sampler of rows in batches of similar length; the order of each epoch depends on its number and the seed alone.

    The batch with the longest row comes first, so that what doesn't fit into memory fails at once; the others come in random order, since a
    model that sees ever shorter dialogues ends each epoch fitted to the shortest.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        """Prepare.

        Args:
            lengths: of the rows, in any unit.
            batch_size: rows of an optimiser step. They are sorted, the longest first, so that parts of a step have little padding, too,
                and a step has the same rows whatever parts it comes in.
            seed: of the order.
        """
        self._lengths, self._batch_size, self._seed = lengths, batch_size, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on; the data loader calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(self._seed * 1_000_003 + self._epoch)
        rows = list(range(len(self._lengths)))
        rng.shuffle(rows)
        passing_for = [length * (1 + BLUR * rng.random()) for length in self._lengths]
        batches = []
        for start in range(0, len(rows), CHUNK * self._batch_size):
            chunk = sorted(rows[start : start + CHUNK * self._batch_size], key=passing_for.__getitem__, reverse=True)
            batches += [chunk[place : place + self._batch_size] for place in range(0, len(chunk), self._batch_size)]
        incomplete = [batches.pop()] if batches and len(batches[-1]) < self._batch_size else []
        rng.shuffle(batches)
        longest = max(batches, key=lambda batch: max(self._lengths[row] for row in batch), default=None)
        if longest is not None:
            batches.remove(longest)
            batches.insert(0, longest)
        return iter([row for batch in [*batches, *incomplete] for row in batch])


class Dealt:
    """The micro-batches of one of several workers: together they make the very steps that one worker alone would make.

    Every worker has the same number of micro-batches, since gradients are reduced among all of them. In a step of fewer rows than there are
    workers, as an epoch's last may be, some have an empty one: they take part with nothing.
    """

    def __init__(self, order: Any, step_rows: int, rows: int, rank: int, workers: int) -> None:
        """Prepare.

        Args:
            order: a sampler of all rows, the same for every worker.
            step_rows: rows of an optimiser step, of all workers together.
            rows: at most so many in a micro-batch.
            rank: of the worker, from 0.
            workers: how many there are.
        """
        self.sampler = order  # by this name accelerate finds whom to tell the epoch
        self._step_rows, self._rows, self._rank, self._workers = step_rows, rows, rank, workers

    def _micro_batches(self, step_rows: int) -> int:
        return math.ceil(math.ceil(step_rows / self._workers) / self._rows)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self._step_rows)
        return whole * self._micro_batches(self._step_rows) + self._micro_batches(rest)

    def __iter__(self) -> Iterator[list[int]]:
        order = iter(self.sampler)
        while step := list(islice(order, self._step_rows)):
            # A step's rows come longest first: dealt out in turn, each worker's are as long as the others', and none waits for another.
            mine = step[self._rank :: self._workers]
            for number in range(self._micro_batches(len(step))):
                yield mine[number * self._rows : (number + 1) * self._rows]
