"""Goes through the points of a finite space by their indices: in order, or evenly mixed, without repeating and without holding them.

The mixing is a keyed permutation, so that which point comes n-th follows from the seed alone, after a restart and for more trials, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from summtune.space.source import Dice
from summtune.space.space import Draw, Point, Space

MAX_STEPS = 20_000
"""Points looked at for one fresh one. Beyond that a space counts as used up: nearly all of it is the same few trainings."""

MAX_DRAWS = 500
"""Points drawn for one fresh one where a space can't be counted."""

_ROUNDS = 6


def fresh_point(space: Space, indices: Iterator[int], fresh: Callable[[Point], bool]) -> Draw | None:
    """The first point among these that is a training that there has not been; None where there is none."""
    for _, index in zip(range(MAX_STEPS), indices, strict=False):
        draw = space.at(index)
        if fresh(draw.point):
            return draw
    return None


def fresh_draw(space: Space, seed: int, fresh: Callable[[Point], bool]) -> Draw | None:
    """A point of an endless space, drawn evenly, that is a training that there has not been; None where none was found."""
    for step in range(MAX_DRAWS):
        draw = space.draw_narrowed(Dice(seed + step), seed + step)
        if draw is not None and fresh(draw.point):
            return draw
    return None


def mixed(size: int, seed: int, begin: int = 0) -> Iterator[int]:
    """Every number below `size` once, evenly mixed, from the `begin`-th on."""
    return (permuted(place, size, seed) for place in range(begin, size))


def permuted(place: int, size: int, seed: int) -> int:
    """Where a keyed permutation of the numbers below `size` puts one of them.

    A Feistel network over the next power of four, walked until the result lies below `size` (Black and Rogaway, Ciphers with Arbitrary
    Finite Domains, 2002).
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = place >> half, place & mask
        for turn in range(_ROUNDS):
            digest = hashlib.blake2b(f"{seed}.{turn}.{right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
        place = left << half | right
        if place < size:
            return place
