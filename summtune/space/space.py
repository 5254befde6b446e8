"""A space: its parameters, the rules between them, and the points in it.

Plain data: it can be pickled, and written down and read back. It must not know how points are chosen (`search` does).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from summtune.space import rules as rules_of
from summtune.space.bundle import Bundle
from summtune.space.counting import ABSENT, EFFORT, Counting, Uncountable
from summtune.space.parameters import Constant, Parameter, from_record, to_record
from summtune.space.rules import Backdrop, Rule, When
from summtune.space.source import Dice, Source

Point = dict[str, Any]

TRIES = 24
"""How often one parameter is asked for again where what was answered can't be, before its values are looked through."""

LOOKED_THROUGH = 2000
"""How many values are looked through; of longer ranges those at both ends, where the limits of rules mostly lie."""


@dataclass(frozen=True)
class Draw:
    """A point, and how it came about.

    Attributes:
        point: by dotted settings key, as it is trained; what does not exist here is not in it.
        answers: what the sampler said, by parameter.
    """

    point: Point
    answers: dict[str, Any]


class Outside(ValueError):
    """A point that a space could not have drawn: outside the range of a parameter, or against a rule."""


@dataclass
class _Judged:
    """How much of rules was judged in drawing (names, numbers and signs), and what it cost besides, in the same coin."""

    weight: int = 0


@dataclass(frozen=True)
class Space:
    """What varies.

    Attributes:
        parameters: by name (the dotted settings key, or a bundle's own name), in the order of the file; fixed ones too.
        conditions: by a parameter's name, what must hold for it to exist at all.
        rules: which values go together.
        backdrop: the settings beneath, as far as rules look at them.
    """

    parameters: Mapping[str, Parameter]
    conditions: Mapping[str, tuple[When, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    backdrop: Backdrop = field(default_factory=Backdrop)

    @classmethod
    def of(
        cls,
        parameters: Iterable[Parameter],
        conditions: Mapping[str, tuple[When, ...]] | None = None,
        rules: Iterable[Rule] = (),
        backdrop: Backdrop | None = None,
    ) -> Space:
        """A space of these parameters, in this order."""
        given = list(parameters)
        named = {parameter.name: parameter for parameter in given}
        assert len(named) == len(given), "no two parameters have one name"
        return cls(named, dict(conditions or {}), tuple(rules), backdrop or Backdrop())

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("parameters", "conditions", "rules", "backdrop")}  # not what is cached

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the parameters that vary."""
        return tuple(name for name, parameter in self.parameters.items() if not isinstance(parameter, Constant))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Every settings key that a point may have."""
        return tuple(dict.fromkeys(key for parameter in self.parameters.values() for key in parameter.keys))

    @property
    def constants(self) -> Point:
        """Values of the parameters that don't vary and always exist."""
        return {
            name: parameter.value
            for name, parameter in self.parameters.items()
            if isinstance(parameter, Constant) and name not in self.conditions
        }

    @cached_property
    def always_set(self) -> frozenset[str]:
        """The parameters, and the settings keys, that have a value at every point: what lies beneath never shows."""
        found: set[str] = set()
        for name, parameter in self.parameters.items():
            if name not in self.conditions:
                found |= {name, *(parameter.common_keys if isinstance(parameter, Bundle) else parameter.keys)}
        return frozenset(found)

    def places_of_rule(self, rule: Rule) -> set[int]:
        """The places in the order of drawing on which a rule hangs. What it narrows of this space it doesn't look for beneath."""
        own = {*self.parameters, *self.keys}
        beneath = rule.compared | {one.name for one in rule.narrowings if one.name not in own}
        return self.places_of(beneath) | self._setting(rule.names)

    def places_of(self, names: frozenset[str]) -> set[int]:
        """The places in the order of drawing on which the values of names hang; where one may lie beneath, the model's, too."""
        return self._setting(names if self.always_set >= names else names | self.backdrop.model_keys)

    def _setting(self, names: frozenset[str]) -> set[int]:
        return {place for place, name in enumerate(self.order) if not names.isdisjoint((name, *self.parameters[name].keys))}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names in the order of drawing: models first, then each after what its `when` looks at; otherwise that of the file.

        Raises:
            ValueError: conditions go round in a circle; the message names those in it.
        """
        setters: dict[str, list[str]] = {}
        for name, parameter in self.parameters.items():
            for output in (name, *parameter.keys):
                setters.setdefault(output, []).append(name)
        models = self.backdrop.model_keys
        ordered: dict[str, None] = {}
        under_way: list[str] = []

        def place(name: str) -> None:
            if name in ordered:
                return
            if name in under_way:
                raise ValueError(" → ".join([*under_way[under_way.index(name) :], name]))
            under_way.append(name)
            for when in self.conditions.get(name, ()):
                for other in setters.get(when.name, []):
                    place(other)
            under_way.pop()
            ordered[name] = None

        for name in sorted(self.parameters, key=lambda name: not models.intersection(self.parameters[name].keys)):
            place(name)
        return tuple(ordered)

    def values_under(self, drawn: Mapping[str, Any]) -> Mapping[str, Any]:
        """What rules look at: the values drawn so far, over those of the settings beneath."""
        return {**self.backdrop.under(drawn), **drawn}

    def keeps(self, rules: Iterable[Rule], drawn: Mapping[str, Any]) -> bool:
        """Whether what was drawn, of a point or of all that these rules look at, keeps them."""
        values = self.values_under(drawn)
        absent = self._narrowed_at_times - drawn.keys()
        return all(rule.holds(values, absent) for rule in rules)

    @cached_property
    def _narrowed_at_times(self) -> frozenset[str]:
        """What rules narrow and only some points have."""
        own = {*self.parameters, *self.keys} - self.always_set
        return frozenset(one.name for rule in self.rules for one in rule.narrowings if one.name in own)

    def draw(self, source: Source) -> Draw | None:
        """One attempt: every parameter asked for once, in order; None where the answers don't go together."""
        return self._drawn(source, None)

    def draw_narrowed(self, source: Source, seed: int) -> Draw | None:
        """One attempt that keeps to the rules parameter by parameter: what can't lead to a point is asked for again, then looked through.

        Args:
            source: asked first.
            seed: of what is chosen where the source's answers can't be.

        Returns:
            None only where a rule over more values than can be looked through could not be met.
        """
        return self._drawn(source, random.Random(seed))

    def keeps_rules(self, draw: Draw) -> bool:
        """Whether a point keeps every rule."""
        return self.keeps(self.rules, {**draw.answers, **draw.point})

    def _drawn(self, source: Source, narrowing: random.Random | None) -> Draw | None:
        values: dict[str, Any] = {}
        answers: dict[str, Any] = {}
        point: Point = {}
        chosen: list[int] = []
        for name in self.order:
            parameter = self.parameters[name]
            if not all(when.holds(self.values_under(values)) for when in self.conditions.get(name, ())):
                chosen.append(ABSENT)
                continue
            found = self._value(parameter, source, narrowing, chosen, values)
            if found is None:
                return None
            answer, value, index = found
            if not isinstance(parameter, Constant):
                answers[name] = answer
            chosen.append(index)
            values[name] = value
            settings = parameter.settings_of(value)
            values |= settings
            point |= settings
        drawn = Draw({key: point[key] for key in self.keys if key in point}, answers)
        self._judged.weight += 10 * len(chosen) + sum(rule.weight for rule in self.rules)
        return drawn if not self.rules or self.keeps(self.rules, values) else None

    def _value(
        self, parameter: Parameter, source: Source, narrowing: random.Random | None, chosen: list[int], values: Mapping[str, Any]
    ) -> tuple[Any, Any, int] | None:
        """(answer, value, index of the value; 0 where there is no end of them)."""
        question = parameter.question()
        if question is None:
            return None, parameter.value_of(None), 0
        if narrowing is None:
            answer = source.answer(parameter.name, question)
            return answer, parameter.value_of(answer), 0
        size = parameter.size()
        few = size is not None and size <= LOOKED_THROUGH
        for number in range(TRIES if few else 20 * TRIES):
            asked = source if number < TRIES else Dice(narrowing)
            answer = asked.answer(parameter.name, question)
            value = parameter.value_of(answer)
            index = parameter.index_of(value)
            if self._viable(parameter, value, chosen, index, values):
                return answer, value, index
        looked_through = range(size or 0) if few else _ends(size or 0)
        candidates = [index for index in looked_through if self._viable(parameter, parameter.at(index), chosen, index, values)]
        if not candidates:
            return None
        index = narrowing.choice(candidates)
        value = parameter.at(index)
        return parameter.answer_to(value), value, index

    def _viable(self, parameter: Parameter, value: Any, chosen: list[int], index: int, values: Mapping[str, Any]) -> bool:
        """Whether a value may still lead to a point."""
        if not self.rules:
            return True
        decided = self._decided_at[len(chosen)]
        self._judged.weight += 3 + sum(rule.weight for rule in decided)
        if decided and not self.keeps(decided, {**values, parameter.name: value, **parameter.settings_of(value)}):
            return False
        if parameter.size() is None:
            return True
        try:
            here = [*chosen, index]
            return self._counting.kept_at(here) and self._counting.below(here) > 0
        except Uncountable:
            return True

    @cached_property
    def _decided_at(self) -> tuple[tuple[Rule, ...], ...]:
        """For each place in the order of drawing the rules that can be judged then, and not before."""
        places = [max(self.places_of_rule(rule), default=0) for rule in self.rules]
        return tuple(tuple(rule for rule, at in zip(self.rules, places, strict=True) if at == place) for place in range(len(self.order)))

    @cached_property
    def _judged(self) -> _Judged:
        return _Judged()

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self)

    @cached_property
    def _size(self) -> int | None:
        if any(parameter.size() is None for parameter in self.parameters.values()):
            return None
        try:
            return self._counting.total()
        except Uncountable:
            return None

    def size(self) -> int | None:
        """How many points there are, after the rules; None where there is no end of them, or too many are tied together to be counted."""
        return self._size

    @cached_property
    def endless(self) -> tuple[str, ...]:
        """Names of the parameters without an end of values."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.size() is None)

    def possible(self, effort: int = EFFORT) -> bool:
        """Whether anything can be drawn at all; where points can't be counted, whether attempts find one.

        Args:
            effort: how much is looked at in counting (see `counting.EFFORT`), and a third of it in attempts, before it is taken for empty.
        """
        counting = self._counting if effort >= EFFORT else Counting(self, effort)
        try:
            count = counting.total()
        except Uncountable:
            pass
        else:
            if count == 0 or not self.endless:
                return count > 0
        dice, limit = Dice(0), self._judged.weight + effort // 3
        attempts = itertools.chain((self.draw(dice) for _ in range(500)), (self.draw_narrowed(dice, seed) for seed in range(100)))
        for found in attempts:
            if found is not None:
                return True
            if self._judged.weight > limit:
                break
        return False

    @cached_property
    def surely_empty(self) -> bool:
        """Whether it is known for certain that there is no point, rather than that none was found."""
        try:
            return self._counting.total() == 0
        except Uncountable:
            return False

    def at(self, index: int) -> Draw:
        """The point at an index below `size`, the last parameter varying fastest."""
        values: dict[str, Any] = {}
        for name, option in zip(self.order, self._counting.at(index), strict=True):
            if option != ABSENT:
                values[name] = self.parameters[name].at(option)
        return self._of_values(values)

    def points(self) -> Iterator[Point]:
        """All points, one at a time.

        Raises:
            ValueError: there is no end of them, or they can't be counted.
        """
        size = self.size()
        if size is None:
            raise ValueError("this space has no end of points")
        return (self.at(index).point for index in range(size))

    def locate(self, point: Mapping[str, Any]) -> Draw | None:
        """How a sampler would have come by a point; None where the space could not have drawn it."""
        try:
            return self.located(point)
        except Outside:
            return None

    def located(self, point: Mapping[str, Any]) -> Draw:
        """The same. Settings of parameters that do not exist at this point are not looked at.

        Raises:
            Outside: the space could not have drawn it; it says why.
        """
        values: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        for name in self.order:
            parameter = self.parameters[name]
            if not all(when.holds(self.values_under(seen)) for when in self.conditions.get(name, ())):
                continue
            try:
                value = self._found(parameter, point, seen)
                parameter.answer_to(value)
            except (ValueError, KeyError):
                raise Outside(f"outside the range of {name.rpartition('.')[2]}") from None
            values[name] = value
            seen |= {name: value, **parameter.settings_of(value)}
        for rule in self.rules:
            if not self.keeps([rule], seen):
                raise Outside(f"against the rule {rule.describe()}")
        return self._of_values(values)

    def _found(self, parameter: Parameter, point: Mapping[str, Any], seen: Mapping[str, Any]) -> Any:
        """A parameter's value at a point, of which some is known."""
        if isinstance(parameter, Bundle):
            return parameter.label_of(point, lambda settings: self.backdrop.under({**seen, **settings}))
        return point[parameter.keys[0]]

    def _of_values(self, values: Mapping[str, Any]) -> Draw:
        point: Point = {}
        answers = {}
        for name, value in values.items():
            parameter = self.parameters[name]
            point |= parameter.settings_of(value)
            if not isinstance(parameter, Constant):
                answers[name] = parameter.answer_to(value)
        return Draw({key: point[key] for key in self.keys if key in point}, answers)

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "parameters": [to_record(parameter) for parameter in self.parameters.values()],
            "conditions": {name: [[when.name, list(when.values)] for when in whens] for name, whens in self.conditions.items()},
            "rules": [rules_of.to_record(rule) for rule in self.rules],
            "backdrop": {
                "values": dict(self.backdrop.values),
                "of_models": [[dict(model), dict(values)] for model, values in self.backdrop.of_models],
            },
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Space:
        """What `to_record` wrote."""
        backdrop = record["backdrop"]
        return cls.of(
            [from_record(one) for one in record["parameters"]],
            {name: tuple(When(other, tuple(values)) for other, values in whens) for name, whens in record["conditions"].items()},
            [rules_of.from_record(one) for one in record["rules"]],
            Backdrop(backdrop["values"], tuple((model, values) for model, values in backdrop["of_models"])),
        )


def _ends(size: int) -> Iterator[int]:
    """Indices at both ends of a long range."""
    half = LOOKED_THROUGH // 2
    return itertools.chain(range(min(half, size)), range(max(half, size - half), size))
