"""The driver without Ray: a test plays Ray Tune's part, and the worker's, with small files for models and checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from summtune.errors import TrialFailure
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Event, Noted, Reported
from summtune.events.log import EventLog, read_events
from summtune.events.trial_state import TrialState
from summtune.paths import AttemptPaths
from summtune.training.checkpoints import seal
from summtune.training.trainer import PROGRESS_FILE
from summtune.tuning.driver import Driver, NoMore
from summtune.tuning.orders import Orders
from summtune.tuning.retries import Retries
from tests.tuning.driving import open_driver

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 3
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
settings: {training: {num_train_epochs: 4}}
"""


Opened = Callable[[Path], Driver]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a driver of a new run, or of one that lies there already."""
    logs: list[EventLog] = []

    def open_one(folder: Path) -> Driver:
        driver, log = open_driver(folder, SPACE)
        logs.append(log)
        return driver

    yield open_one
    for log in logs:
        log.close()


def worked(attempt: AttemptPaths, iteration: int, *, best: bool) -> str:
    """What a worker writes before it reports; the checkpoint's folder, relative to the trial's."""
    checkpoint = attempt.checkpoints / f"checkpoint-{iteration * 10}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_text(f"weights of {iteration}", encoding="utf-8")
    seal(checkpoint)
    attempt.log.parent.mkdir(parents=True, exist_ok=True)
    with attempt.log.open("a", encoding="utf-8") as log:
        log.write(f"attempt {attempt.folder.name}, iteration {iteration}\n")
    if best:
        model = attempt.best_model(iteration)
        model.mkdir(parents=True)
        (model / "config.json").write_text(f"best of {iteration}", encoding="utf-8")
        (model / "predictions.csv").write_text(f"fname,summary\nby,{iteration}\n", encoding="utf-8")
    return str(checkpoint.relative_to(attempt.folder.parents[1]))


def step(driver: Driver, trial: str, score: float, *, best: bool = True) -> bool:
    """One evaluation of a trial; whether it goes on."""
    state = driver.state.trials[trial]
    iteration, attempt = state.iteration + 1, state.attempts
    checkpoint = worked(driver.run.trial(trial).attempt(attempt), iteration, best=best)
    metrics = {"iteration": iteration, "epoch": float(iteration), "step": iteration * 10, "loss": 1.0, "rouge_combined_f1": score}
    return driver.report(Reported(trial, attempt, iteration, metrics, checkpoint))


def drawn(driver: Driver) -> str:
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    driver.start(trial.id)
    return trial.id


def test_the_baseline_comes_first_is_never_stopped_and_does_not_count(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    ids = [drawn(driver) for _ in range(4)]
    assert ids == ["0000", "0001", "0002", "0003"]
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.state.baseline is driver.state.trials["0000"]
    assert driver.state.trials["0000"].point == {"training.learning_rate": driver.experiment.base.settings.training.learning_rate}
    assert step(driver, "0001", 0.9)
    assert step(driver, "0000", 0.1), "the baseline is below the cutoff, and goes on"
    assert driver.state.rungs[1] == {"0001": 0.9, "0000": 0.1}
    assert not step(driver, "0002", 0.2)
    assert driver.state.trials["0002"].verdict is not None
    assert driver.state.trials["0002"].verdict.stop


def test_a_trial_that_is_over_leaves_its_best_in_its_folder(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    for score, best in ((0.1, True), (0.5, True), (0.3, False), (0.4, False)):
        assert step(driver, trial, score, best=best)
    driver.over(trial)
    paths = driver.run.trial(trial)
    assert (paths.best_model / "config.json").read_text(encoding="utf-8") == "best of 2"
    assert paths.predictions.read_text(encoding="utf-8") == "fname,summary\nby,2\n"
    assert [folder.name for folder in paths.checkpoints.iterdir()] == ["checkpoint-40"]
    assert [json.loads(line)["iteration"] for line in paths.history.read_text(encoding="utf-8").splitlines()] == [1, 2, 3, 4]
    assert paths.log.read_text(encoding="utf-8").count("\n") == 4
    results = json.loads(paths.results.read_text(encoding="utf-8"))
    assert results["best_metrics"]["rouge_combined_f1"] == results["best_score"] == 0.5
    assert (results["experiment_id"], results["goal"], results["disk"]["checkpoints"]) == (trial, "maximize", 1)
    assert results["disk"]["bytes"] == results["disk"]["checkpoint_bytes"] + results["disk"]["model_bytes"] > 0
    assert not paths.attempt(1).checkpoints.exists()
    assert driver.state.trials[trial].status == "finished"
    assert driver.state.trials[trial].promoted


def test_the_best_of_an_earlier_attempt_is_kept(opened: Opened, tmp_path: Path) -> None:
    """A run is left after two evaluations; the second attempt does worse. The first one's model is the trial's."""
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    step(driver, trial, 0.1)
    step(driver, trial, 0.7)

    again = opened(tmp_path / "run")
    assert drawn(again) == trial
    orders = Orders.read(again.run.trial(trial).progress)
    assert orders == Orders(2, "attempts/1/checkpoints/checkpoint-20", 2, 0.7, "rouge_combined_f1", True)
    step(again, trial, 0.2, best=False)
    step(again, trial, 0.3, best=False)
    again.over(trial)
    paths = again.run.trial(trial)
    assert (paths.best_model / "config.json").read_text(encoding="utf-8") == "best of 2"
    assert paths.log.read_text(encoding="utf-8").splitlines()[-1] == "attempt 2, iteration 4"
    assert again.state.trials[trial].attempts == 2


def test_a_best_model_that_was_never_recorded_is_not_taken(opened: Opened, tmp_path: Path) -> None:
    """The worker wrote its third best and died before it could report it."""
    driver = opened(tmp_path / "run")
    driver.retries = Retries(0)
    trial = drawn(driver)
    step(driver, trial, 0.1)
    step(driver, trial, 0.2)
    worked(driver.run.trial(trial).attempt(1), 3, best=True)
    driver.over(trial, TrialFailure("worker_lost", "killed"))
    assert (driver.run.trial(trial).best_model / "config.json").read_text(encoding="utf-8") == "best of 2"
    assert [folder.name for folder in driver.run.trial(trial).checkpoints.iterdir()] == ["checkpoint-20"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [("torn", "has 4 bytes instead of 12."), ("weights of Z", "has changed since it was written.")],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(opened: Opened, tmp_path: Path, content: str, fault: str) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    step(driver, trial, 0.1)
    step(driver, trial, 0.2)
    weights = driver.run.trial(trial).attempt(1).checkpoints / "checkpoint-20" / "model.safetensors"
    weights.write_text(content, encoding="utf-8")
    again = opened(tmp_path / "run")
    drawn(again)
    assert Orders.read(again.run.trial(trial).progress).resume_from == "attempts/1/checkpoints/checkpoint-10"
    before = driver.run.trial(trial).attempt(1).checkpoints / "checkpoint-10"
    assert list(again.state.notes) == [f"{weights} {fault} That checkpoint is passed over: training goes on from {before}."]


def between(attempt: AttemptPaths, iteration: int, step: int) -> Path:
    """A checkpoint that a worker wrote after an evaluation and before the next."""
    folder = attempt.checkpoints / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    record = {"step": step, "standing": {"iteration": iteration}, "history": [], "under_way": {"since_step": 10}}
    record |= {"objective": {}, "settings": {}, "data": {}}
    (folder / PROGRESS_FILE).write_text(json.dumps(record), encoding="utf-8")
    seal(folder)
    return folder


def test_a_checkpoint_since_the_last_evaluation_is_resumed(opened: Opened, tmp_path: Path) -> None:
    """It saves the steps since then; one from after an evaluation that was never recorded does not count, nor does a damaged one."""
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    attempt = driver.run.trial(trial).attempt(1)
    step(driver, trial, 0.1)
    between(attempt, 1, 14)
    newest = between(attempt, 1, 17)
    between(attempt, 2, 24)
    again = opened(tmp_path / "run")
    drawn(again)
    assert Orders.read(again.run.trial(trial).progress).resume_from == "attempts/1/checkpoints/checkpoint-17"
    assert [report.iteration for report in again.state.trials[trial].reports] == [1]
    (newest / PROGRESS_FILE).write_text("torn", encoding="utf-8")
    third = opened(tmp_path / "run")
    drawn(third)
    assert Orders.read(third.run.trial(trial).progress).resume_from == "attempts/1/checkpoints/checkpoint-14"
    step(third, trial, 0.2)
    fourth = opened(tmp_path / "run")
    drawn(fourth)
    assert Orders.read(fourth.run.trial(trial).progress).resume_from == "attempts/3/checkpoints/checkpoint-20"


def test_one_from_before_the_first_evaluation_is_resumed_too(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    between(driver.run.trial(trial).attempt(1), 0, 4)
    again = opened(tmp_path / "run")
    drawn(again)
    assert Orders.read(again.run.trial(trial).progress).resume_from == "attempts/1/checkpoints/checkpoint-4"


def test_what_has_to_be_done_again_no_longer_counts(opened: Opened, tmp_path: Path) -> None:
    """All checkpoints are gone: the second attempt begins anew, and its own best model is the trial's."""
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    for score in (0.5, 0.6, 0.9):
        step(driver, trial, score)
    shutil.rmtree(driver.run.trial(trial).attempt(1).checkpoints)
    again = opened(tmp_path / "run")
    drawn(again)
    assert Orders.read(again.run.trial(trial).progress) == Orders(2, None, None, None, "rouge_combined_f1", True)
    assert again.state.trials[trial].reports == []
    gone = driver.run.trial(trial).attempt(1).checkpoints / "checkpoint-30"
    assert list(again.state.notes) == [f"{gone} is not there. That checkpoint is passed over: training begins anew."]
    for score, best in ((0.5, True), (0.7, True), (0.65, False), (0.6, False)):
        assert step(again, trial, score, best=best)
    again.over(trial)
    assert again.state.score(again.state.trials[trial]) == 0.7
    assert (again.run.trial(trial).best_model / "config.json").read_text(encoding="utf-8") == "best of 2"
    assert [report.iteration for report in again.state.trials[trial].reports] == [1, 2, 3, 4]
    assert fold(read_events(again.run.events)[0]) == again.state


def cut_after(driver: Driver, kind: str) -> None:
    """The crash: nothing is in the log after the last event of this kind."""
    lines = driver.run.events.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if json.loads(line)["kind"] == kind)
    driver.run.events.write_bytes(b"".join(lines[: last + 1]))


@pytest.mark.parametrize("last_word", ["reported", "decided"])
def test_a_verdict_that_was_cut_off_is_carried_out_when_the_run_is_opened_again(opened: Opened, tmp_path: Path, last_word: str) -> None:
    driver = opened(tmp_path / "run")
    first, second = drawn(driver), drawn(driver)
    step(driver, first, 0.9)
    assert not step(driver, second, 0.1)
    cut_after(driver, last_word)
    again = opened(tmp_path / "run")
    assert again.state.trials[second].status == "stopped"
    assert again.state.trials[second].promoted
    assert again.state.rungs[1] == {first: 0.9, second: 0.1}
    assert not again.state.trials[first].over
    assert drawn(again) == first, "the other one goes on"


def test_a_report_of_an_attempt_that_was_succeeded_changes_nothing(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    step(driver, trial, 0.1)
    driver.start(trial)
    before = len(read_events(driver.run.events)[0])
    ghost = Reported(trial, 1, 2, {"iteration": 2, "loss": 1.0, "rouge_combined_f1": 0.9}, None)
    assert not driver.report(ghost), "the ghost is told to end"
    assert len(read_events(driver.run.events)[0]) == before
    assert driver.state.trials[trial].iteration == 1


@pytest.mark.parametrize("cut", ["promotion", "told"])
def test_a_promotion_that_was_cut_off_is_done_when_the_run_is_opened_again(opened: Opened, tmp_path: Path, cut: str) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    for score in (0.1, 0.2, 0.3, 0.4):
        step(driver, trial, score)
    saved = tmp_path / "before"
    shutil.copytree(driver.run.folder, saved)
    driver.over(trial)
    # The crash: the log is there up to the cut, the files are as they were.
    lines = driver.run.events.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["kind"] not in ({"promoted"} if cut == "promotion" else {"promoted", "told"})]
    (saved / "events.jsonl").write_bytes(b"".join(kept))
    again = opened(saved)
    assert again.state.trials[trial].promoted
    assert again.state.trials[trial].told
    assert (again.run.trial(trial).best_model / "config.json").read_text(encoding="utf-8") == "best of 4"
    assert again.study.trials[0].value == 0.4


def test_a_training_that_returns_without_a_report_has_failed(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    trial = drawn(driver)
    driver.over(trial)
    assert driver.state.trials[trial].status == "failed"
    assert driver.state.trials[trial].cause == "no_report"


def test_what_is_watched_has_been_recorded(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")

    def look(event: Event, state: RunState) -> None:
        assert read_events(driver.run.events)[0][-1] == event

    driver._watch = look
    trial = drawn(driver)
    step(driver, trial, 0.5)
    driver.over(trial)


def test_replaying_the_log_gives_the_very_state(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    for score in (0.3, 0.6, 0.1):
        trial = drawn(driver)
        while step(driver, trial, score) and driver.state.trials[trial].iteration < 4:
            score += 0.01
        driver.over(trial)
    assert fold(read_events(driver.run.events)[0]) == driver.state
    again = opened(tmp_path / "run")
    facts = [(one.number, one.state, one.params, one.value, one.intermediate_values) for one in driver.study.trials]
    assert facts == [(one.number, one.state, one.params, one.value, one.intermediate_values) for one in again.study.trials]
    first, second = driver.next_trial(), again.next_trial()
    assert isinstance(first, TrialState)
    assert isinstance(second, TrialState)
    assert first.point == second.point


def test_no_more_trials_are_begun_once_the_target_is_reached(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SPACE", SPACE + "metric: {name: rouge_combined_f1, goal: maximize, target: 0.5}\n")
    driver = opened(tmp_path / "run")
    baseline, first = drawn(driver), drawn(driver)
    for score in (0.1, 0.2, 0.3, 0.6):
        assert step(driver, first, score)
    driver.over(first)
    assert isinstance(driver.next_trial(), NoMore)
    assert not driver.complete, "the baseline still runs"
    for score in (0.1, 0.2, 0.3, 0.4):
        step(driver, baseline, score)
    driver.over(baseline)
    assert driver.complete


def test_the_baseline_s_own_point_is_not_drawn_again(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = "name: plain\nmethod: grid\nparameters: {num_train_epochs: {values: [2, 4]}, max_grad_norm: {values: [0.5, 1.0]}}\nrun_cap: 9\n"
    monkeypatch.setitem(globals(), "SPACE", space + "early_terminate: none\n")
    driver = opened(tmp_path / "run")
    assert drawn(driver) == "0000"
    points = []
    while isinstance(trial := driver.next_trial(), TrialState):
        points.append((trial.point["training.num_train_epochs"], trial.point["training.max_grad_norm"]))
    assert points == [(2, 0.5), (2, 1.0), (4, 0.5)], "4 and 1.0 are tiny-kobart's own"


def test_what_several_trials_say_in_the_same_words_is_one_event(opened: Opened, tmp_path: Path) -> None:
    driver = opened(tmp_path / "run")
    for trial in (drawn(driver), drawn(driver)):
        driver.note(trial, "fp32 is used.")
        driver.note(trial, "Cut to length.")
    again = opened(tmp_path / "run")
    again.note("0001", "fp32 is used.")
    said = [event for event in read_events(driver.run.events)[0] if isinstance(event, Noted)]
    assert [(event.trial, event.text) for event in said] == [("0000", "fp32 is used."), ("0000", "Cut to length.")]
    assert again.state.notes == ["fp32 is used.", "Cut to length."]
