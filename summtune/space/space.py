"""A space: its parameters in order, and the points in it.

Plain data: it can be pickled, and written down and read back. It must not know how points are chosen (`search` does).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from summtune.space.parameters import Constant, Parameter, from_record, to_record
from summtune.space.source import Source

Point = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """What varies.

    Attributes:
        parameters: by dotted settings key, in the order of the file; fixed ones too.
    """

    parameters: Mapping[str, Parameter]

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> Space:
        """A space of these parameters, in this order."""
        return cls({parameter.key: parameter for parameter in parameters})

    @property
    def searched(self) -> tuple[str, ...]:
        """Keys of the parameters that vary."""
        return tuple(key for key, parameter in self.parameters.items() if not isinstance(parameter, Constant))

    @property
    def constants(self) -> Point:
        """Values of the parameters that don't."""
        return {key: parameter.value for key, parameter in self.parameters.items() if isinstance(parameter, Constant)}

    def draw(self, source: Source) -> Point:
        """One point: a value for every parameter, asked of the source in order."""
        return {key: parameter.draw(source) for key, parameter in self.parameters.items()}

    def size(self) -> int | None:
        """How many points there are; None where there is no end of them."""
        sizes = [parameter.size() for parameter in self.parameters.values()]
        if any(size is None for size in sizes):
            return None
        return math.prod(size for size in sizes if size is not None)

    def points(self) -> Iterator[Point]:
        """All points, one at a time, the last parameter varying fastest.

        Raises:
            ValueError: there is no end of them.
        """
        if self.size() is None:
            raise ValueError("this space has no end of points")
        counts = [parameter.size() or 0 for parameter in self.parameters.values()]
        for index in range(math.prod(counts)):
            yield self._at(index, counts)

    def _at(self, index: int, counts: list[int]) -> Point:
        point: Point = {}
        for (key, parameter), count in reversed(list(zip(self.parameters.items(), counts, strict=True))):
            index, place = divmod(index, count)
            point[key] = parameter.at(place)
        return {key: point[key] for key in self.parameters}

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"parameters": [to_record(parameter) for parameter in self.parameters.values()]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Space:
        """What `to_record` wrote."""
        return cls.of(from_record(one) for one in record["parameters"])
