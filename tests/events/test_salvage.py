"""Logs that have lost lines: what is left makes a run, and what is not is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summtune.errors import RunMistake
from summtune.events.fold import fold
from summtune.events.kinds import (
    BUDGET,
    Decided,
    Ended,
    Event,
    GroupStarted,
    Halted,
    PointDrawn,
    Promoted,
    Reported,
    RunClosed,
    RunOpened,
    Salvaged,
    SearchEnded,
    Told,
    TrialStarted,
)
from summtune.events.log import EventLog, as_line, read_events
from summtune.events.mending import mended_run, read_run
from summtune.events.salvage import fitting
from summtune.paths import RunPaths
from tests.events.test_fold import opened, report


def story() -> list[Event]:
    """Two trials, the second of which was begun twice, and a baseline."""
    return [
        opened(),  # line 1
        PointDrawn("0000", 0, {}, {}, baseline=True),
        PointDrawn("0001", 1, {"training.learning_rate": 1e-3}),
        TrialStarted("0000", 1, 0),
        TrialStarted("0001", 1, 0),  # 5
        report("0000", 1, 0.3),
        report("0001", 1, 0.5),
        Decided("0001", 1, 1, 0.5, 0.3, stop=False),
        PointDrawn("0002", 2, {"training.learning_rate": 1e-4}),
        TrialStarted("0002", 1, 0),  # 10
        report("0002", 1, 0.2),
        TrialStarted("0002", 2, 1, "attempts/1/checkpoints/checkpoint-1"),
        report("0002", 2, 0.3, attempt=2),
        report("0001", 2, 0.6),
        Ended("0001", "finished"),  # 15
        Told("0001", "COMPLETE", 0.6),
        Promoted("0001", 1),
        Ended("0002", "stopped"),
        Told("0002", "PRUNED", 0.3),
        Promoted("0002", 2),  # 20
    ]


def without(*lines: int) -> tuple[list[Event], list[str]]:
    """What is left of the story without these lines, and what is said of it."""
    numbered = [(line, event) for line, event in enumerate(story(), start=1) if line not in lines]
    events, faults = fitting(numbered)
    return events, [f"{fault.line}: {fault.text}" for fault in faults]


def test_a_whole_log_is_left_as_it_is() -> None:
    assert without() == (story(), [])


def test_a_trial_whose_drawing_is_lost_is_left_out_with_all_that_came_of_it() -> None:
    events, said = without(9)
    assert list(fold(events).trials) == ["0000", "0001"]
    assert said[0] == "10: trial_started of 0002 was left out: that the trial was drawn is lost"
    assert len(said) == 7


def test_an_end_that_is_lost_follows_from_what_the_study_was_told() -> None:
    events, said = without(15)
    assert fold(events).trials["0001"].status == "finished"
    assert said == ["16: ended of 0001 is lost, and follows from this line"]


def test_without_its_end_and_what_was_told_a_trial_goes_on() -> None:
    events, said = without(15, 16)
    trial = fold(events).trials["0001"]
    assert (trial.status, trial.iteration, trial.told, trial.promoted) == ("running", 2, False, False)
    assert said == ["17: promoted of 0001 was left out: the trial's end is lost"]


def test_a_start_that_is_lost_follows_from_its_first_report() -> None:
    events, said = without(12)
    trial = fold(events).trials["0002"]
    assert (trial.attempts, [one.attempt for one in trial.reports]) == (2, [1, 2])
    assert said == ["13: trial_started of 0002 is lost, and follows from this line"]


def test_a_finished_trial_without_any_evaluation_left_is_trained_again() -> None:
    events, said = without(7, 14)
    trial = fold(events).trials["0001"]
    assert not trial.over
    assert not trial.told
    assert said[0] == "15: ended of 0001 was left out: none of its evaluations is left, and it is trained again"


@settings(max_examples=300, deadline=None)
@given(st.sets(st.integers(2, 20)))
def test_whatever_is_lost_the_rest_makes_a_run(lost: set[int]) -> None:
    events, _ = without(*lost)
    state = fold(events)
    for trial in state.trials.values():
        assert trial.attempts >= max((report.attempt for report in trial.reports), default=0)
        assert [one.iteration for one in trial.reports] == sorted({one.iteration for one in trial.reports})
        assert not trial.told or trial.over
        assert trial.status not in ("finished", "stopped") or trial.best is not None
    assert fitting(enumerate(events, start=1)) == (events, []), "what is left is whole"


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """The story on disk, with folders of its trials."""
    found = RunPaths(tmp_path / "run")
    for trial in ("0000", "0001", "0002"):
        found.trial(trial).attempt(1).folder.mkdir(parents=True)
    log = EventLog(found.events, clock=lambda: 5.0)
    for event in story():
        log.append(event)
    log.close()
    return found


def spoil(run: RunPaths, *lines: int) -> bytes:
    """Flip a bit of these lines, so that they still parse; the log as it then is."""
    content = run.events.read_bytes().splitlines(keepends=True)
    for line in lines:
        content[line - 1] = content[line - 1].replace(b'"time": 5.0', b'"time": 4.0')
    run.events.write_bytes(b"".join(content))
    return b"".join(content)


def test_a_whole_log_is_not_touched(run: RunPaths) -> None:
    before = run.events.stat()
    assert mended_run(run) == read_run(run)
    after = run.events.stat()  # reading it tells on the time of the last access alone
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert list(run.folder.glob("events.damaged-*")) == []


def test_a_damaged_log_is_kept_beside_what_is_left_of_it(run: RunPaths) -> None:
    damaged = spoil(run, 7, 9)
    assert read_run(run)[1][0] == f"{run.events}:7: the line (reported of 0001) is damaged, and was left out: its checksum is another"
    assert run.events.read_bytes() == damaged, "readers leave the log alone"
    state, said = mended_run(run)
    copy = run.folder / "events.damaged-1.jsonl"
    assert copy.read_bytes() == damaged
    assert said[0] == f"The event log was damaged in 9 places; as it was it lies in {copy}."
    assert "Event log, line 7: the line (reported of 0001) is damaged, and was left out: its checksum is another." in said
    assert "Trial 0001 has lost a part of its record, and keeps what is left of it." in said
    folder = run.trial("0002").folder
    alone = f"its folder {folder} is left alone"
    assert f"Trial 0002: that it was drawn is lost. It counts for nothing, and {alone}; another is drawn in its place." in said
    assert [report.iteration for report in state.trials["0001"].reports] == [2]
    assert state.lost == {"0002"}
    assert state.last_number == 2, "the next one is 0003"
    assert read_run(run) == (state, [])
    assert isinstance(read_events(run.events)[0][-1], Salvaged)
    assert said[1:] == state.notes, "the summary goes on saying it"
    spoil(run, 3)
    mended_run(run)
    assert copy.read_bytes() == damaged
    assert (run.folder / "events.damaged-2.jsonl").is_file()


def test_a_log_that_lost_its_end_does_not_give_a_number_twice(run: RunPaths) -> None:
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:8]))
    state, said = mended_run(run)
    assert said[1] == "Event log, line 9: the log has lost its end, since 0002 was drawn after it."
    assert (state.lost, state.last_number) == ({"0002"}, 2)
    assert mended_run(run) == (state, []), "it is said once"


def test_without_its_opening_a_run_can_not_go_on_and_says_what_there_is(run: RunPaths) -> None:
    damaged = spoil(run, 1)
    for read in (read_run, mended_run):
        with pytest.raises(RunMistake) as mistake:
            read(run)
        assert str(mistake.value) == (
            f"{run.events}: the first line of the event log, which says what the run was asked to do, is damaged or missing. Restore the "
            f"file from a copy. Without one the run can't go on: what its trials left lies in {run.trials}, and `summtune run {run.space}` "
            "starts the search again."
        )
    assert run.events.read_bytes() == damaged


def test_a_run_that_was_killed_at_its_first_line_was_never_opened(run: RunPaths) -> None:
    run.events.write_bytes(as_line(opened(), 1)[:50])
    with pytest.raises(RunMistake, match="the run was never opened: its event log is empty"):
        mended_run(run)


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), bit=st.integers(0, 7), cut=st.floats(0, 1) | st.none())
def test_bytes_that_are_changed_or_lost_anywhere_never_stop_a_reader(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, cut: float | None
) -> None:
    """Behind the first line, without which there is no run."""
    path = tmp_path_factory.getbasetemp() / "events.jsonl"
    lines = [as_line(event, number) for number, event in enumerate([*story(), RunClosed("finished")], start=1)]
    first, rest = lines[0], bytearray(b"".join(lines[1:]))
    at = min(int(place * len(rest)), len(rest) - 1)
    rest[at] ^= 1 << bit
    if cut is not None:
        del rest[int(cut * len(rest)) :]
    path.write_bytes(first + bytes(rest))
    events, warnings = read_events(path)
    fold(events)
    assert isinstance(events[0], RunOpened)
    assert warnings or cut is not None
    assert all(json.dumps(event.to_record()) for event in events if isinstance(event, Reported))


def ends_of_a_budget() -> list[Event]:
    """A point that is repeated until a budget is used up, with a trial that was not evaluated by then."""
    return [
        opened(),  # line 1
        PointDrawn("0001", 0, {"training.learning_rate": 1e-3}),
        TrialStarted("0001", 1, 0),
        report("0001", 1, 0.5),
        Ended("0001", "finished"),  # 5
        Told("0001", "COMPLETE", 0.5),
        PointDrawn("0001-seed1", -1, {"training.learning_rate": 1e-3}, repeats="0001", seed=1),
        TrialStarted("0001-seed1", 1, 0),
        PointDrawn("0002", 1, {"training.learning_rate": 1e-4}),
        TrialStarted("0002", 1, 0),  # 10
        PointDrawn("0003", 2, {"training.learning_rate": 1e-2}),
        TrialStarted("0003", 1, 0),
        report("0003", 1, 0.5),
        SearchEnded("epochs", 2.0, 2.0),
        Halted("0003", 1, "epochs"),  # 15
        Ended("0003", "stopped", BUDGET),
        Told("0003", "PRUNED", 0.5),
        Ended("0002", "stopped", BUDGET),
        Told("0002", "PRUNED", None),
    ]


def budget_without(*lines: int) -> tuple[list[Event], list[str]]:
    events, faults = fitting((line, event) for line, event in enumerate(ends_of_a_budget(), start=1) if line not in lines)
    return events, [f"{fault.line}: {fault.text}{' (drawing)' if fault.drawing else ''}" for fault in faults]


def test_a_whole_log_of_a_used_up_budget_is_left_as_it_is() -> None:
    """Also where the budget ended a trial that has no evaluation."""
    assert budget_without() == (ends_of_a_budget(), [])


def test_an_end_by_a_budget_that_is_lost_is_one_by_a_budget() -> None:
    events, said = budget_without(16)
    trial = fold(events).trials["0003"]
    assert (trial.status, trial.cause, trial.message) == ("stopped", "budget", "a budget was used up")
    assert said == ["17: ended of 0003 is lost, and follows from this line"]


def test_a_trial_that_a_budget_halted_and_whose_evaluations_are_lost_is_trained_again() -> None:
    events, said = budget_without(13)
    assert not fold(events).trials["0003"].over
    assert said[0] == "16: ended of 0003 was left out: none of its evaluations is left, and it is trained again"


def test_without_its_point_a_repetition_is_lost_too() -> None:
    events, said = budget_without(2)
    assert "0001-seed1" not in fold(events).trials
    assert "7: point_drawn of 0001-seed1 was left out: that the trial whose point it repeats was drawn is lost (drawing)" in said


def test_a_repetition_whose_drawing_is_lost_can_be_drawn_again(tmp_path: Path) -> None:
    run = RunPaths(tmp_path)
    numbered = [(line, event) for line, event in enumerate(ends_of_a_budget(), start=1) if line != 7]
    run.events.write_bytes(b"".join(as_line(event, line) for line, event in numbered))
    state, said = mended_run(run)
    assert state.lost == {"0001-seed1"}
    assert "Trial 0001-seed1: that it was begun is lost; it counts for nothing unless it is trained again." in said
    state.apply(ends_of_a_budget()[6])
    assert state.lost == set()
    assert state.last_number == 3


def test_workers_that_came_to_an_attempt_whose_start_is_lost_are_left_out() -> None:
    events = [
        *story()[:11],
        GroupStarted("0002", 2, 2.0),
        TrialStarted("0002", 2, 1),
        GroupStarted("0002", 1, 2.0),
        GroupStarted("0002", 2, 2.0),
    ]
    kept, faults = fitting(enumerate(events, start=1))
    assert kept == [*story()[:11], TrialStarted("0002", 2, 1), GroupStarted("0002", 2, 2.0)]
    assert [fault.text for fault in faults] == [
        "group_started of 0002 was left out: that its attempt began is lost",
        "group_started of 0002 was left out: its attempt was over",
    ]


def test_what_a_damaged_line_of_a_repetition_was_about_is_told(tmp_path: Path) -> None:
    run = RunPaths(tmp_path)
    log = EventLog(run.events, clock=lambda: 5.0)
    for event in ends_of_a_budget():
        log.append(event)
    log.close()
    spoil(run, 8)
    _, said = mended_run(run)
    assert said[1] == "Event log, line 8: the line (trial_started of 0001-seed1) is damaged, and was left out: its checksum is another."
    assert "Trial 0001-seed1 has lost a part of its record, and goes on from its last whole checkpoint." in said
    assert not any("can't be told" in text for text in said)
