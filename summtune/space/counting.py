"""Counts the points of a space after its rules, and finds the one at any index, without ever holding them.

Parameters are gone through in the order in which they are drawn. What is still possible below a parameter depends only on those
before it that a later rule looks at; so each such state is counted once and remembered (dynamic programming over a path decomposition),
and a parameter that no rule looks at multiplies the count by its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from summtune.space.space import Space

EFFORT = 1_200_000
"""How much is looked at before a count is given up: states, and names, numbers and signs of the rules judged there. About half a second."""

MANY = 1000

ABSENT = -1
"""Instead of a value's index: the parameter does not exist here."""


class Uncountable(Exception):
    """Rules tie so many values together that counting them would take too long."""


class Counting:
    """The counts of one space.

    Args:
        space: what is counted. Parameters without an end of values count as one, and rules that look at them as kept: then `below`
            says whether a beginning may still lead to a point, not how many there are.
        effort: how much is looked at before the count is given up; None: `EFFORT`.
    """

    def __init__(self, space: Space, effort: int | None = None) -> None:
        self._space = space
        self._effort = EFFORT if effort is None else effort
        self._names = space.order
        self._sizes = [space.parameters[name].size() for name in self._names]
        endless = {place for place, size in enumerate(self._sizes) if size is None}
        self._rules: list[list[int]] = [[] for _ in self._names]
        self._first_rules: list[int] = []
        looked_at: list[tuple[int, set[int]]] = []  # (place where it is looked at, places that it looks at)
        for number, rule in enumerate(space.rules):
            seen = space.places_of_rule(rule)
            if seen & endless:
                continue
            if not seen:
                self._first_rules.append(number)
                continue
            self._rules[max(seen)].append(number)
            looked_at.append((max(seen), seen))
        for place, name in enumerate(self._names):
            for when in space.conditions.get(name, ()):
                seen = space.places_of(frozenset({when.name}))
                if not seen & endless:
                    looked_at.append((place, seen - {place}))
        self._needed = [
            sorted({place for at, seen in looked_at for place in seen if place < here <= at}) for here in range(len(self._names) + 1)
        ]
        self._seen = [any(place in seen for _, seen in looked_at) for place in range(len(self._names))]
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._spent = 0
        self._weights = [3 + sum(space.rules[number].weight for number in numbers) for numbers in self._rules]
        self._outputs: dict[tuple[int, int], dict[str, Any]] = {}

    def total(self) -> int:
        """How many points there are.

        Raises:
            Uncountable: it would take too long to tell.
        """
        if not self._space.keeps([self._space.rules[number] for number in self._first_rules], {}):
            return 0
        return self.below([])

    def below(self, chosen: list[int]) -> int:
        """How many points begin with these indices of values, in the order of drawing (ABSENT where a parameter does not exist).

        Raises:
            Uncountable: it would take too long to tell.
        """
        place = len(chosen)
        if place == len(self._names):
            return 1
        state = (place, tuple(chosen[other] for other in self._needed[place]))
        if state not in self._known:
            options = self._options(place, chosen)
            if self._seen[place]:
                count = sum(self._count([*chosen, option]) for option in options)
            else:
                count = len(options) * self.below([*chosen, options[0]])
            self._known[state] = count
        return self._known[state]

    def kept_at(self, chosen: list[int]) -> bool:
        """Whether the rules that can be judged with the last of these indices are kept."""
        place = len(chosen) - 1
        rules = self._rules[place]
        if not rules:
            return True
        drawn = self._drawn(chosen, [*self._needed[place], place])
        return self._space.keeps([self._space.rules[number] for number in rules], drawn)

    def at(self, index: int) -> list[int]:
        """The indices of the values of the point at an index, which lies below `total`."""
        chosen: list[int] = []
        for place in range(len(self._names)):
            options = self._options(place, chosen)
            if not self._seen[place]:
                step, index = divmod(index, self.below([*chosen, options[0]]))
                chosen.append(options[step])
                continue
            for option in options:
                count = self._count([*chosen, option])
                if index < count:
                    chosen.append(option)
                    break
                index -= count
        return chosen

    def _count(self, chosen: list[int]) -> int:
        self._spent += self._weights[len(chosen) - 1]
        if self._spent > self._effort:  # once given up it stays so: nobody waits twice
            raise Uncountable
        return self.below(chosen) if self.kept_at(chosen) else 0

    def _options(self, place: int, chosen: list[int]) -> Sequence[int]:
        conditions = self._space.conditions.get(self._names[place], ())
        if conditions:
            values = self._space.values_under(self._drawn(chosen, self._needed[place]))
            if not all(when.holds(values) for when in conditions):
                return (ABSENT,)
        return range(self._sizes[place] or 1)

    def _drawn(self, chosen: list[int], places: list[int]) -> dict[str, Any]:
        """The values that these places give."""
        drawn: dict[str, Any] = {}
        for place in places:
            option = chosen[place]
            if option != ABSENT and self._sizes[place] is not None:
                outputs = self._outputs.get((place, option))
                if outputs is None:
                    parameter = self._space.parameters[self._names[place]]
                    value = parameter.at(option)
                    outputs = {self._names[place]: value, **parameter.settings_of(value)}
                    if (self._sizes[place] or 0) <= MANY:  # each of a long range is looked at once
                        self._outputs[place, option] = outputs
                drawn |= outputs
        return drawn
