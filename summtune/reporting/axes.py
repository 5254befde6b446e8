"""What stands beside and under a drawing of the report: levels and ticks, each a place in SVG units and a label.

It must not know what is drawn.
"""

from __future__ import annotations

import math

MOST_TICKS = 10

Labels = list[tuple[float, str]]


def across(low: float, high: float, length: float, *, upwards: bool = False) -> Labels:
    """The ends of a scale and its middle; upwards, the low end is at `length`. Where all is one value, that alone."""
    values = [low, (low + high) / 2, high] if high > low else [low]
    places = [length * number / 2 for number in range(len(values))]
    return [(length - place if upwards else place, f"{value:.4g}") for place, value in zip(places, values, strict=True)]


def counted(last: int, length: float) -> Labels:
    """The numbers from 1 to `last`, or as many of them as can be read; none of none."""
    step = max(1, math.ceil(last / MOST_TICKS))
    return [(round(length * (number - 1) / max(1, last - 1), 1), str(number)) for number in range(1, last + 1, step)]
