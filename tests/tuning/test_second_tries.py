"""Work after training that is begun again, without Ray."""

from __future__ import annotations

import time

from summtune.errors import TrialFailure
from summtune.tuning.second_tries import SecondTries

LOST = TrialFailure("worker_lost", "its node was lost")


def test_what_can_pass_is_tried_again_a_limited_number_of_times() -> None:
    tries = SecondTries()
    assert [tries.allowed("0001", LOST) for _ in range(4)] == [True, True, True, False]
    assert tries.allowed("0002", TrialFailure("unreachable", "no hub")), "each counts for itself"
    assert not tries.allowed("0003", TrialFailure("bad_data", "no such column"))


def test_what_got_on_begins_a_fresh_count() -> None:
    tries = SecondTries()
    assert [tries.allowed("0001", LOST) for _ in range(3)] == [True, True, True]
    tries.got_on("0001")
    assert [tries.allowed("0001", LOST) for _ in range(4)] == [True, True, True, False]


def test_blind_nodes_use_up_no_tries() -> None:
    tries = SecondTries()
    assert all(tries.allowed("0001", TrialFailure("unseen", "it does not see the folder", "node")) for _ in range(9))
    assert tries.allowed("0001", LOST)


def test_only_a_server_that_does_not_answer_is_waited_for() -> None:
    tries = SecondTries(first_pause_s=0.3)

    def waited() -> float:
        began = time.monotonic()
        tries.pause(lambda: False)
        return time.monotonic() - began

    tries.allowed("0001", LOST)
    assert waited() < 0.1
    tries.allowed("0002", TrialFailure("unreachable", "no hub"))
    assert waited() >= 0.3
    assert waited() < 0.1, "once"
    tries.allowed("0002", TrialFailure("unreachable", "no hub"))
    began = time.monotonic()
    tries.pause(lambda: True)
    assert time.monotonic() - began < 0.1, "a person wants an end"
