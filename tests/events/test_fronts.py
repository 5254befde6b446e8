"""The Pareto front, and which of it are taken where it is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from summtune.events.fronts import Aim, Losses, at_least_as_good, on_front, spread

POINTS = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 3), max_size=25)


@given(points=POINTS)
def test_the_front_is_what_no_other_beats(points: list[Losses]) -> None:
    def beaten(point: Losses) -> bool:
        return any(at_least_as_good(other, point) and other != point for other in points)

    assert on_front(points) == [not beaten(point) for point in points]


@given(points=POINTS, most=st.integers(0, 10))
def test_no_more_are_taken_than_asked_for_and_the_best_by_the_first_objective_is_among_them(points: list[Losses], most: int) -> None:
    places = spread(points, most)
    assert places == sorted(set(places))
    assert len(places) == min(most, len(points))
    if places:
        assert min(points[place][0] for place in places) == min(point[0] for point in points)


def test_what_lies_apart_is_taken() -> None:
    points = [(0.0, 10.0), (1.0, 9.0), (1.1, 8.9), (5.0, 5.0), (10.0, 0.0)]
    assert spread(points, 3) == [0, 3, 4]
    assert spread(points, 2) == [0, 4]


def test_less_is_better() -> None:
    assert Aim("rouge", maximize=True).loss({"rouge": 0.25}) == -0.25
    assert Aim("latency_s", maximize=False).loss({"latency_s": 0.5}) == 0.5
