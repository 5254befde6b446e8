"""Points are counted after the rules, and found by their index, without being held."""

from __future__ import annotations

from unittest import mock

from hypothesis import given, settings

from summtune.space import counting
from summtune.space.expressions import parse_expression
from summtune.space.parameters import Choice, Integers, Parameter, Reals
from summtune.space.rules import Backdrop, Narrowing, Rule, When
from summtune.space.source import Dice
from summtune.space.space import Space
from tests.space.spaces import all_points, as_set, finite_spaces


@given(finite_spaces())
@settings(max_examples=300, deadline=None)
def test_as_many_as_looking_at_all_combinations_finds(space: Space) -> None:
    expected = all_points(space)
    size = space.size()
    assert size is not None
    points = [space.at(index).point for index in range(size)]
    assert as_set(points) == as_set(expected)
    # A bundle's labels may differ and come to the same settings, so that points may be fewer than ways to draw them.
    assert len(points) == size
    if "b" not in space.parameters:
        assert size == len(expected)
    assert space.possible() == bool(expected)


@given(finite_spaces())
@settings(max_examples=150, deadline=None)
def test_a_point_is_found_again(space: Space) -> None:
    for index in range(min(space.size() or 0, 50)):
        draw = space.at(index)
        located = space.locate(draw.point)
        assert located is not None
        assert located.point == draw.point
        assert space.keeps_rules(draw)


def test_the_last_parameter_varies_fastest() -> None:
    space = Space.of([Choice("a", (1, 2)), Choice("b", ("x", "y", "z"))])
    assert [tuple(point.values()) for point in space.points()] == [(a, b) for a in (1, 2) for b in "xyz"]


THIRTEEN_THOUSAND = [Choice(f"p{number}", (1, 2, 3)) for number in range(8)] + [Choice("p8", (1, 2))]


def test_a_grid_of_13122_points() -> None:
    assert Space.of(THIRTEEN_THOUSAND).size() == 13_122
    rules = [
        Rule("memory", parse_expression("p0 > 2"), (Narrowing("p7", high=1),)),
        Rule("product", None, (), parse_expression("p1 * p2 <= 4")),
    ]
    space = Space.of(THIRTEEN_THOUSAND, {}, rules)
    expected = sum(
        1
        for index in range(13_122)
        for point in [Space.of(THIRTEEN_THOUSAND).at(index).point]
        if (point["p0"] <= 2 or point["p7"] <= 1) and point["p1"] * point["p2"] <= 4
    )
    assert space.size() == expected
    assert space.keeps_rules(space.at(expected - 1))


def steps(space: Space) -> int:
    """How many states are looked at to count a space."""
    with mock.patch.object(counting.Counting, "_count", autospec=True, side_effect=counting.Counting._count) as count:
        space.size()
    return int(count.call_count)


def test_a_billion_points_are_counted_in_few_steps() -> None:
    parameters = [Integers(f"p{number}", 1, 10) for number in range(9)]
    free = Space.of(parameters)
    assert free.size() == 10**9
    assert steps(Space.of(parameters)) == 0, "nothing ties parameters together"
    assert free.at(10**9 - 1).point == dict.fromkeys([f"p{number}" for number in range(9)], 10)
    rules = [Rule("first three", None, (), parse_expression("p0 * p1 * p2 <= 64"))]
    bound = Space.of(parameters, {}, rules)
    kept = sum(a * b * c <= 64 for a in range(1, 11) for b in range(1, 11) for c in range(1, 11))
    assert bound.size() == kept * 10**6
    assert steps(Space.of(parameters, {}, rules)) <= 1110


def test_what_lies_beneath_a_narrowed_parameter_ties_the_model_to_nothing() -> None:
    parameters: list[Parameter] = [Choice("model", ("k", "t")), Choice("on", (1, 2)), Integers("p", 1, 9), Integers("q", 1, 9)]
    conditions = {"q": (When("on", (1,)),)}
    backdrop = Backdrop({"q": 5}, (({"model": "k"}, {}), ({"model": "t"}, {"q": 7})))
    narrow = [Rule("narrow", parse_expression("p > 3"), (Narrowing("q", high=4),))]
    space = Space.of(parameters, conditions, narrow, backdrop)
    assert space.size() == 2 * (3 * 9 + 6 * 4 + 9)
    assert steps(Space.of(parameters, conditions, narrow, backdrop)) == steps(Space.of(parameters, conditions, narrow)) > 0
    require = [Rule("require", None, (), parse_expression("p >= q"))]
    assert steps(Space.of(parameters, conditions, require, backdrop)) > steps(Space.of(parameters, conditions, require))


def test_what_is_tied_together_too_much_is_not_counted_and_can_still_be_drawn() -> None:
    parameters = [Integers(f"p{number}", 1, 50) for number in range(6)]
    sums = " + ".join(f"p{number}" for number in range(6))
    space = Space.of(parameters, {}, [Rule("sum", None, (), parse_expression(f"{sums} == 100"))])
    with mock.patch.object(counting, "EFFORT", 80_000):
        assert space.size() is None
        assert not space.endless
        easy = Space.of(parameters, {}, [Rule("sum", None, (), parse_expression(f"{sums} <= 200"))])
        assert easy.size() is None
        draw = easy.draw_narrowed(Dice(1), 1)
        assert draw is not None
        assert sum(draw.point.values()) <= 200


def test_values_without_end_have_no_count() -> None:
    assert Space.of([Reals("a", 0.0, 1.0), Choice("b", (1, 2))]).size() is None
