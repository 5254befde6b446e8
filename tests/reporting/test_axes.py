"""Labels beside and under a drawing."""

from __future__ import annotations

from summtune.reporting.axes import MOST_TICKS, across, counted


def test_a_scale_is_told_at_its_ends_and_its_middle() -> None:
    assert across(0.1, 0.9, 720) == [(0.0, "0.1"), (360.0, "0.5"), (720.0, "0.9")]
    assert across(0.1, 0.9, 240, upwards=True) == [(240.0, "0.1"), (120.0, "0.5"), (0.0, "0.9")]
    assert across(0.5, 0.5, 240, upwards=True) == [(240.0, "0.5")]


def test_evaluations_are_numbered_as_far_as_there_is_room() -> None:
    assert counted(4, 720) == [(0.0, "1"), (240.0, "2"), (480.0, "3"), (720.0, "4")]
    assert counted(1, 720) == [(0.0, "1")]
    assert counted(0, 720) == []
    assert len(counted(1000, 720)) <= MOST_TICKS
