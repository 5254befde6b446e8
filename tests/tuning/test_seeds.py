"""Repetitions with other seeds in a driver: trials of their own, outside the search, that make the mean which names the winner."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from summtune.cli.event_lines import event_line
from summtune.cli.screen import leaderboard, print_summary, stream_console, summary_lines
from summtune.events import standings
from summtune.events.fold import fold
from summtune.events.kinds import Decided, PointDrawn, RunResumed, Told
from summtune.events.log import read_events
from summtune.events.trial_state import TrialState
from summtune.reporting.leaderboard import figures, rows
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import best_model, last_iterations, most_trials, write_views
from summtune.training.best_model import SETTINGS_FILE
from summtune.training.referee import Refereed
from summtune.tuning import afterwards
from summtune.tuning.driver import Driver, NoMore, NotYet
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step
from tests.tuning.test_limited_driver import trained as limited

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 3
seeds: [1, 2]
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
settings: {training: {num_train_epochs: 2}, evaluation: {proxy_top_k: 2}}
"""

SCORES = {
    **{"0000": 0.10, "0000-seed1": 0.10, "0000-seed2": 0.10},
    **{"0001": 0.60, "0001-seed1": 0.40, "0001-seed2": 0.44},
    **{"0002": 0.55, "0002-seed1": 0.56, "0002-seed2": 0.54},
    **{"0003": 0.01, "0004": 0.30, "0004-seed1": 0.30},
}


def train(driver: Driver, trial: str) -> None:
    """To its end, with the score that it has; unless a rung stops it."""
    for _ in range(2):
        if not step(driver, trial, SCORES[trial]):
            break
    driver.over(trial)
    (driver.run.trial(trial).best_model / SETTINGS_FILE).write_text('{"settings": {"generation": {}}, "metrics": {}}', encoding="utf-8")


def searched(driver: Driver) -> None:
    for _ in range(4):
        train(driver, drawn(driver))


def repeat_all(driver: Driver) -> list[str]:
    repeated = []
    while isinstance(trial := driver.next_trial(), TrialState):
        driver.start(trial.id)
        train(driver, trial.id)
        repeated.append(trial.id)
    return repeated


def in_full(driver: Driver, add: float = 0.1) -> None:
    while to_score := afterwards.to_score(driver):
        for trial in to_score:
            score = SCORES[trial.id] + add
            line = {"fname": "a", "summary": "#Person1#은 간다.", "reference": "b", "rouge_combined_f1": score}
            afterwards.scored(driver, trial.id, Refereed({"loss": 1.0, "rouge_combined_f1": score}, [line], {}, 2.5, ()))


def test_promising_points_are_repeated_once_the_search_is_over(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    under_way = [drawn(driver) for _ in range(4)]
    assert type(driver.next_trial()) is NotYet, "which points are promising is not known"
    for trial in under_way:
        train(driver, trial)
    assert driver.state.trials["0003"].status == "stopped"
    assert not driver.complete
    assert repeat_all(driver) == ["0001-seed1", "0002-seed1", "0000-seed1", "0001-seed2", "0002-seed2"]
    assert driver.complete
    state = driver.state
    assert len(state.searched) == 3
    repetition = state.trials["0002-seed1"]
    assert (repetition.repeats, repetition.seed, repetition.point) == ("0002", 1, state.trials["0002"].point)
    written = yaml.safe_load(driver.run.trial("0002-seed1").settings.read_text(encoding="utf-8"))
    first = yaml.safe_load(driver.run.trial("0002").settings.read_text(encoding="utf-8"))
    assert written["general"]["seed"] == 1
    assert {**written, "general": {**written["general"], "seed": first["general"]["seed"]}} == first, "nothing else differs"
    events = read_events(driver.run.events)[0]
    assert not [event for event in events if isinstance(event, (Told, Decided)) and "seed" in event.trial], (
        "no sampler, no rung hears of it"
    )
    assert len(driver.study.trials) == 4
    assert fold(events) == state
    log.close()
    drawings = [event for event in events if isinstance(event, PointDrawn)]
    assert [event.number for event in drawings][:4] == [0, 1, 2, 3]
    assert {event.number for event in drawings[4:]} == {-1}


def finished(tmp_path: Path) -> Driver:
    driver, log = open_driver(tmp_path / "run", SPACE.replace("seeds: [1, 2]", "seeds: [1, 2]\nbaseline: true"))
    searched(driver)
    repeat_all(driver)
    in_full(driver)
    driver.close("finished")
    log.close()
    return driver


def test_the_mean_names_the_winner_and_its_best_training_the_model(tmp_path: Path) -> None:
    driver = finished(tmp_path)
    run, state = driver.run, driver.state
    assert standings.best(state) is state.trials["0002"], "0001 was lucky once"
    assert [point.id for point in standings.ranking(state)][:2] == ["0002", "0001"]
    assert sorted(standings.full_scores(state, state.trials["0002"])) == [0.64, 0.65, 0.66]
    assert round(standings.point_score(state, state.trials["0002"]) or 0, 6) == 0.65
    model = best_model(run, state)
    assert model is not None
    assert model.folder.name == "0002-seed1"
    write_views(run, state)
    write_page(run, state)
    write_study(run, state)
    (study,) = optuna.study.get_all_study_summaries(JournalStorage(JournalFileBackend(str(run.study))))
    assert study.n_trials == 4, "a point is one trial of the study"
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert (summary["best_run_id"], summary["best_model_run_id"], summary["best_seeds"]) == ("0002", "0002-seed1", 3)
    assert (round(summary["best_rouge_combined_f1"], 6), round(summary["best_spread"], 6)) == (0.65, 0.01)
    assert summary["best_model_path"].endswith("trials/0002-seed1/models/best_model")
    assert (summary["total_runs"], summary["finished"]) == (3, 2)
    assert round(summary["average_rouge_combined_f1"], 6) == 0.675, "of 0001 and 0002, each by its own training"
    by_id = {row["run_id"]: row for row in map(json.loads, run.results.read_text(encoding="utf-8").splitlines())}
    assert (by_id["0002"]["repeats"], by_id["0002"]["seeds"]) == (None, 3)
    assert (round(by_id["0002"]["mean_score"], 6), round(by_id["0002"]["spread"], 6)) == (0.65, 0.01)
    assert (by_id["0002-seed1"]["repeats"], by_id["0002-seed1"]["seed"], by_id["0002-seed1"]["mean_score"]) == ("0002", 1, None)
    assert by_id["0003"]["mean_score"] is None


def test_table_page_and_summary_show_mean_and_spread(tmp_path: Path) -> None:
    driver = finished(tmp_path)
    run, state = driver.run, driver.state
    shown = rows(state)
    assert [row.trial for row in shown][:3] == ["0002", "0002-seed1", "0002-seed2"], "repetitions stand below their point"
    assert [row.best for row in shown].index(True) == 0
    assert sum(row.rank is not None for row in shown) == len(standings.ranking(state))
    console = stream_console()
    with console.capture() as said:
        console.print(leaderboard(shown, state, last_iterations(state)))
        print_summary(console, run, state)
    assert "0.6500 ± 0.0100 (3)" in said.get()
    found = figures(state, last_iterations(state), most_trials(state))
    lines = "\n".join(summary_lines(run, state, found))
    assert "Best      rouge_combined_f1 0.6500: trial 0002, " in lines
    assert f"Seeds     {found.repetitions} repetitions of 3 points" in lines
    assert "0002: 0.6500 ± 0.0100 over 3 seeds; the model is that of 0002-seed1, the best of them (0.6600): expect the mean" in lines
    write_page(run, state)
    page = run.report.read_text(encoding="utf-8")
    assert "0.6500 ± 0.0100 (3)" in page
    assert "<dt>Seeds</dt>" in page
    assert event_line(PointDrawn("0002-seed1", -1, {}, repeats="0002", seed=1), state, 2) == "0002-seed1  repeats 0002 with seed 1"


def test_killed_at_any_moment_of_it_the_same_are_repeated(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "once", SPACE)
    searched(driver)
    whole = repeat_all(driver)
    log.close()
    driver, log = open_driver(tmp_path / "often", SPACE)
    searched(driver)
    repeated: list[str] = []
    while not driver.complete:
        log.close()
        driver, log = open_driver(tmp_path / "often", SPACE)
        trial = driver.next_trial()
        assert isinstance(trial, TrialState)
        log.close()
        driver, log = open_driver(tmp_path / "often", SPACE)
        assert drawn(driver) == trial.id, "it is handed out again"
        step(driver, trial.id, SCORES[trial.id])
        log.close()
        driver, log = open_driver(tmp_path / "often", SPACE)
        assert drawn(driver) == trial.id
        step(driver, trial.id, SCORES[trial.id])
        driver.over(trial.id)
        repeated.append(trial.id)
    log.close()
    assert repeated == whole
    assert driver.state.trials[whole[0]].attempts == 2


def test_more_trials_after_it_go_on_with_the_search(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    searched(driver)
    repeat_all(driver)
    log.close()
    more, log = open_driver(tmp_path / "run", SPACE, resumed=RunResumed(4, "rebuild", []))
    trial = drawn(more)
    assert trial == "0004"
    assert more.state.trials[trial].number == 4
    assert [one.number for one in more.study.trials] == [0, 1, 2, 3, 4]
    train(more, trial)
    assert more.complete or repeat_all(more)
    write_study(more.run, more.state)
    log.close()


def test_a_budget_ends_it_too(tmp_path: Path) -> None:
    space = SPACE + "budget: {epochs: 9}\n"
    driver, log = open_driver(tmp_path / "run", space)
    searched(driver)
    assert driver.state.spent.epochs == 7, "0003 was stopped after its first"
    trial = driver.next_trial()
    assert isinstance(trial, TrialState)
    driver.start(trial.id)
    train(driver, trial.id)
    assert driver.state.search_ended is not None
    assert isinstance(driver.next_trial(), NoMore)
    assert driver.complete
    in_full(driver)
    best = driver.state.trials["0001"]
    assert standings.best(driver.state) is best
    assert standings.full_scores(driver.state, best) == [0.7, 0.5], "what has been repeated counts"
    log.close()


def test_after_patience_points_are_repeated_and_a_budget_ends_that(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE + "patience_trials: 1\nbudget: {epochs: 9}\n")
    for _ in range(3):
        train(driver, drawn(driver))
    assert driver.state.search_ended is not None
    assert driver.state.search_ended.by == "patience_trials"
    trial = drawn(driver)
    assert trial == "0001-seed1"
    train(driver, trial)
    trial = drawn(driver)
    assert not step(driver, trial, 0.5)
    driver.over(trial)
    assert driver.state.search_ended.by == "epochs"
    assert driver.complete
    log.close()


LIMITED = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 1
baseline: false
seeds: [1]
early_terminate: none
constraints: [{require_metric: guardrails/invented_speakers <= 0.02}]
settings: {training: {num_train_epochs: 1}, evaluation: {strategy: full, metrics: [rouge, guardrails]}}
"""


def test_the_model_that_a_point_hands_on_keeps_to_all_limits(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", LIMITED)
    limited(driver, 0.4, 0.0)
    limited(driver, 0.6, 0.5)
    assert driver.complete
    state = driver.state
    assert [point.id for point in standings.ranking(state)] == ["0001"]
    assert standings.point_score(state, state.trials["0001"]) == 0.5
    assert standings.model_of(state, state.trials["0001"]).id == "0001", "the other one is beyond the limit"
    log.close()
