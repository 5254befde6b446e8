from __future__ import annotations

import itertools
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.space.parameters import Choice, Constant, Integers, Reals
from summtune.space.source import Dice, OneOf, Question
from summtune.space.space import Space
from summtune.space.values import multiple, multiples_within, shown


class Listening(Dice):
    """Remembers what it was asked."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.asked: list[str] = []

    def answer(self, name: str, question: Question) -> Any:
        self.asked.append(name)
        if isinstance(question, OneOf):
            assert all(choice is None or isinstance(choice, (bool, int, float, str)) for choice in question.choices)
        elif question.log:
            assert question.step in (1, None), "samplers can't do both"
        return super().answer(name, question)


def drawn(space: Space, seed: int) -> dict[str, Any]:
    draw = space.draw(Listening(seed))
    assert draw is not None
    return draw.point


SPACE = Space.of(
    [
        Reals("a", 1e-5, 1e-3, log=True),
        Reals("b", 0.0, 0.3, step=0.1),
        Integers("c", 2, 10, step=4),
        Choice("d", ("x", None, True)),
        Constant("e", [1, 2]),
        Choice("f", ([1], {"k": "가"})),
        Integers("g", 4, 64, log=True, step=4),
        Reals("h", 0.5, 8.0, log=True, step=0.5),
    ]
)


@given(st.integers(0, 10_000))
def test_points_lie_in_bounds_and_on_steps(seed: int) -> None:
    point = drawn(SPACE, seed)
    assert list(point) == list(SPACE.parameters)
    assert 1e-5 <= point["a"] <= 1e-3
    assert point["b"] in (0.0, 0.1, 0.2, 0.3)
    assert point["c"] in (2, 6, 10)
    assert point["d"] in ("x", None, True)
    assert point["e"] == [1, 2]
    assert point["f"] in ([1], {"k": "가"})
    assert point["g"] in range(4, 65, 4)
    assert 0.5 <= point["h"] <= 8.0
    assert (point["h"] / 0.5).is_integer()


@given(st.floats(1e-6, 1.0), st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.integers(0, 100))
def test_quantised_draws_stay_in_bounds(step: float, first: float, second: float, seed: int) -> None:
    low, high = multiples_within(min(first, second), max(first, second), step)
    if low <= high:
        parameter = Reals("a", low, high, step=step)
        question = parameter.question()
        assert question is not None
        assert low <= parameter.value_of(Dice(seed).answer("a", question)) <= high


def test_constants_are_asked_of_no_sampler() -> None:
    dice = Listening(0)
    SPACE.draw(dice)
    assert "e" not in dice.asked
    assert SPACE.searched == ("a", "b", "c", "d", "f", "g", "h")
    assert SPACE.constants == {"e": [1, 2]}


def test_the_same_seed_draws_the_same_after_a_round_trip() -> None:
    for copy in (Space.from_record(SPACE.to_record()), pickle.loads(pickle.dumps(SPACE))):
        assert copy == SPACE
        assert copy.draw(Dice(7)) == SPACE.draw(Dice(7))


def test_a_grid_is_counted_and_enumerated() -> None:
    grid = Space.of([Choice("a", ("x", "y")), Integers("b", 1, 3), Constant("c", 0), Reals("d", 0.0, 0.2, step=0.1)])
    assert grid.size() == 18
    points = list(grid.points())
    assert points[0] == {"a": "x", "b": 1, "c": 0, "d": 0.0}
    assert points[1] == {"a": "x", "b": 1, "c": 0, "d": 0.1}
    assert len({tuple(point.items()) for point in points}) == 18


def test_a_grid_of_a_billion_answers_at_once() -> None:
    grid = Space.of([Integers(f"p{number}", 1, 10) for number in range(9)])
    assert grid.size() == 10**9
    assert len(list(itertools.islice(grid.points(), 5))) == 5


def test_a_range_has_no_end_of_points() -> None:
    assert SPACE.size() is None
    with pytest.raises(ValueError, match="no end of points"):
        next(iter(SPACE.points()))


def test_multiples_have_no_binary_dust() -> None:
    assert multiple(0.1, 3) == 0.3
    assert multiples_within(0.05, 0.35, 0.1) == (0.1, 0.3)
    assert multiples_within(0.0, 0.3, 0.1) == (0.0, 0.3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5e-5, "5e-5"),
        (2.0, "2.0"),
        (True, "true"),
        (None, "null"),
        ("a", "a"),
        ([1, "a"], '[1, "a"]'),
        (1e20, "1e+20"),
        ("", '""'),
        ("a ", '"a "'),
    ],
)
def test_values_are_shown_as_yaml_has_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_parameters_describe_themselves() -> None:
    described = [parameter.describe() for parameter in SPACE.parameters.values()]
    assert described[:4] == ["1e-5 to 0.001, log", "0.0 to 0.3, in steps of 0.1", "2 to 10, whole, in steps of 4", "one of x, null, true"]
