"""Who goes on from a rung where the weak ones pause, and when."""

from __future__ import annotations

import numpy as np
import pytest

from summtune.config.stopping import Stopping
from summtune.events.kinds import BASELINE_ID
from summtune.events.rungs import Rung
from summtune.search import pausing
from summtune.search.stopping import asha

THIRD = Stopping("asha", eta=3, min_iter=1, max_iter=20)


def come(rung: Rung, trial: str, mark: float) -> tuple[float | None, bool]:
    """A trial arrives, and pauses or goes on."""
    ahead, pauses = pausing.at_arrival(asha, THIRD, rung, mark)
    rung.arrive(trial, mark)
    if pauses:
        rung.pause(trial)
    else:
        rung.go_on(trial)
    return ahead, pauses


def let_on(rung: Rung, *, last: bool = False) -> str | None:
    found = pausing.next_to_go_on(asha, THIRD, rung, last=last)
    if found is not None:
        rung.go_on(found)
    return found


def test_the_first_at_a_rung_pauses() -> None:
    assert pausing.at_arrival(asha, THIRD, None, 0.9) == (None, True)


def test_the_third_makes_a_place_and_the_best_takes_it() -> None:
    rung = Rung(maximize=True)
    assert come(rung, "a", 0.5) == (None, True)
    assert come(rung, "b", 0.2) == (0.5, True), "a is the next to go on"
    assert let_on(rung) is None
    assert come(rung, "c", 0.9) == (None, False), "better than all that wait: it goes on at once"
    assert let_on(rung) is None, "the place is taken"
    come(rung, "d", 0.1)
    come(rung, "e", 0.1)
    assert come(rung, "f", 0.1) == (0.5, True)
    assert let_on(rung) == "a"


def test_of_equals_the_one_that_was_here_first_goes_on() -> None:
    for maximize in (True, False):
        rung = Rung(maximize)
        assert [come(rung, name, 0.5) for name in "abc"] == [(None, True), (0.5, True), (0.5, True)]
        assert let_on(rung) == "a"


def test_at_the_last_call_an_incomplete_third_makes_a_place() -> None:
    rung = Rung(maximize=False)
    for name, mark in zip("abcd", (4.0, 3.0, 2.0, 1.0), strict=True):
        come(rung, name, mark)
    assert [name for name in "abcd" if name not in _waiting(rung)] == ["c"], "the best of three; d came too late for that place"
    assert let_on(rung) is None
    assert let_on(rung, last=True) == "d"
    assert let_on(rung, last=True) is None


def test_who_ended_while_it_waited_took_no_place() -> None:
    rung = Rung(maximize=True)
    come(rung, "a", 0.5)
    come(rung, "b", 0.4)
    rung.leave("a")
    rung.leave("b")
    assert come(rung, "c", 0.1) == (None, False), "nobody waits any more, and there is a place"


def test_the_baseline_goes_on_and_takes_nobody_s_place() -> None:
    rung = Rung(maximize=True)
    rung.arrive(BASELINE_ID, 0.9)
    rung.go_on(BASELINE_ID)
    come(rung, "a", 0.5)
    come(rung, "b", 0.4)
    assert let_on(rung) is None
    come(rung, "c", 0.3)
    assert let_on(rung) == "a"


@pytest.mark.parametrize("maximize", [True, False])
def test_one_in_three_goes_on_also_where_those_that_come_are_ever_better(maximize: bool) -> None:
    rung = Rung(maximize)
    draw = np.random.default_rng(0)
    for number in range(900):
        better = number / 300 if maximize else -number / 300
        come(rung, str(number), better + draw.normal())
        while let_on(rung) is not None:
            pass
    assert rung.gone_on == 300


def _waiting(rung: Rung) -> set[str]:
    return {entry[2] for entry in rung._paused}
