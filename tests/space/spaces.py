"""Spaces for tests: random ones for hypothesis, and what is true of them by looking at every combination."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from summtune.space.bundle import Bundle
from summtune.space.expressions import parse_expression
from summtune.space.parameters import Choice, Constant, Integers, Parameter, Reals
from summtune.space.rules import Backdrop, Narrowing, Rule, When
from summtune.space.space import Point, Space

NAMES = ("p0", "p1", "p2", "p3", "p4")
BENEATH = {"p0": 9, "p1": 9, "p2": 2, "p3": None, "p4": 1, "outside": 2, "b.x": 0, "b.y": 0}
OF_MODELS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"model": "k"}, {}),
    ({"model": "t"}, {"p0": 1, "p1": 2, "p3": 3, "outside": 1, "b.y": 3}),
)


@st.composite
def finite_spaces(draw: st.DrawFn) -> Space:
    """Two to five parameters of all countable kinds, with conditions, chains of them, and rules of all forms; some draw a model."""
    count = draw(st.integers(2, 5))
    parameters: list[Parameter] = []
    for name in NAMES[:count]:
        kind = draw(st.sampled_from(["choice", "integers", "reals", "constant"]))
        if kind == "choice":
            values = draw(st.lists(st.sampled_from([1, 2, 3, "x", None]), min_size=2, max_size=4, unique_by=str))
            parameters.append(Choice(name, tuple(values)))
        elif kind == "integers":
            low, step = draw(st.integers(0, 2)), draw(st.integers(1, 2))
            parameters.append(Integers(name, low, low + step * draw(st.integers(1, 3)), step=step))
        elif kind == "reals":
            parameters.append(Reals(name, 1.0, 1.0 + draw(st.integers(1, 3)), step=1.0))
        else:
            parameters.append(Constant(name, draw(st.sampled_from([1, "x"]))))
    if draw(st.booleans()):
        parameters.insert(
            draw(st.integers(0, len(parameters))),
            Bundle("b", (("part", (("b.x", 1),)), ("small", (("b.x", 1), ("b.y", 1))), ("large", (("b.x", 2),)), ("other", (("b.y", 3),)))),
        )
    drawn = draw(st.booleans())
    if drawn:
        parameters.insert(draw(st.integers(0, 1)), Choice("model", ("k", "t")))
    known = [one.name for one in parameters]
    conditions: dict[str, tuple[When, ...]] = {}
    for place, one in enumerate(parameters):
        if place and one.name != "model" and draw(st.integers(0, 3)) == 0:
            earlier = [*known[:place], "outside", *(["b.x"] if "b" in known[:place] else [])]
            looked_at = str(draw(st.sampled_from(earlier)))
            labels: list[Any] = {"b": ["small", "large"], "model": ["k", "t"]}.get(looked_at, [1, 2, "x", None])
            asked = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=2, unique_by=str))
            conditions[one.name] = (When(looked_at, tuple(asked)),)
    names = [*known, "outside", *(["b.x", "b.y"] if "b" in known else [])]
    some_name = st.sampled_from([one for one in names if one not in ("b", "model")])
    rules = []
    for number in range(draw(st.integers(0, 3))):
        one_name, other_name = str(draw(some_name)), str(draw(some_name))
        asked_of = (
            f"{one_name} > 1",
            f"{one_name} == 2",
            f"{one_name} in [1, 'x']",
            f"not {one_name} == 1 or {other_name} == 2",
        )
        condition = parse_expression(draw(st.sampled_from(asked_of)))
        if draw(st.booleans()):
            ways = [Narrowing(other_name, high=2), Narrowing(other_name, low=2), Narrowing(other_name, values=(1, "x"))]
            rules.append(Rule(f"r{number}", condition, (draw(st.sampled_from(ways)),)))
        else:
            required = (f"{one_name} * {other_name} <= 6", f"{one_name} != {other_name}", f"{one_name} + 1 >= {other_name}")
            require = parse_expression(draw(st.sampled_from(required)))
            rules.append(Rule(f"r{number}", condition if draw(st.booleans()) else None, (), require))
    return Space.of(parameters, conditions, rules, Backdrop(BENEATH, OF_MODELS if drawn else ()))


def trained_with(values: dict[str, Any]) -> dict[str, Any]:
    """What rules look at: the values of a point over those beneath it."""
    return {**BENEATH, **next((beneath for model, beneath in OF_MODELS if model["model"] == values.get("model")), {}), **values}


def exists(space: Space, name: str, values: dict[str, Any]) -> bool:
    return all(when.holds(trained_with(values)) for when in space.conditions.get(name, ()))


def all_points(space: Space) -> list[Point]:
    """Every point, found the long way: all combinations, what doesn't exist taken out, what breaks a rule left out."""
    names = space.order  # conditions look at what stands before
    sizes = [range(space.parameters[name].size() or 0) for name in names]
    found: dict[str, Point] = {}
    for combination in itertools.product(*sizes):
        values: dict[str, Any] = {}
        point: Point = {}
        for name, index in zip(names, combination, strict=True):
            if exists(space, name, values):
                value = space.parameters[name].at(index)
                settings = space.parameters[name].settings_of(value)
                values |= {name: value, **settings}
                point |= settings
        absent = {*names, *space.keys} - set(values)
        if all(rule.holds(trained_with(values), absent) for rule in space.rules):
            found[repr(sorted((key, repr(value)) for key, value in point.items()))] = point
    return list(found.values())


def as_set(points: list[Point]) -> set[str]:
    return {repr(sorted((key, repr(value)) for key, value in point.items())) for point in points}
