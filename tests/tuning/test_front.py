"""A run with several objectives without Ray: what the study is told, which trials are evaluated in full, and the front that people see."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState as OptunaState

from summtune.cli.event_lines import event_line
from summtune.cli.screen import leaderboard, summary_lines
from summtune.errors import RunMistake
from summtune.events import standings
from summtune.events.kinds import Reported, Scored, Told
from summtune.events.log import read_events
from summtune.events.trial_state import TrialState
from summtune.reporting.leaderboard import figures, rows
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import last_iterations, model_of_trial, write_views
from summtune.search.observed import observed
from summtune.training.best_model import SETTINGS_FILE
from summtune.training.referee import Refereed
from summtune.tuning import afterwards
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, worked

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
method: nsga2
objectives: [{name: rouge_combined_f1}, {name: latency_s, goal: minimize}]
run_cap: 8
early_terminate: none
settings: {training: {num_train_epochs: 1}, evaluation: {metrics: [rouge, latency], proxy_top_k: 1, proxy_front_k: 2}}
"""
SCORES = ((0.1, 0.5), (0.5, 0.9), (0.4, 0.4), (0.3, 0.2), (0.29, 0.3), (0.2, 0.19), (0.05, 0.1), (0.04, 0.8), (0.02, 0.7))
"""The baseline's first. On the front by proxy: 0001, 0002, 0003, 0005 and 0006."""


def metrics(score: float, latency: float) -> dict[str, float]:
    return {"loss": 1.0, "rouge_combined_f1": score, "latency_s": latency}


def trained(driver: Driver, score: float, latency: float) -> str:
    """A trial of one evaluation, to its end."""
    trial = drawn(driver)
    evaluated(driver, trial, score, latency)
    driver.over(trial)
    (driver.run.trial(trial).best_model / SETTINGS_FILE).write_text('{"settings": {"generation": {}}, "metrics": {}}', encoding="utf-8")
    return trial


def evaluated(driver: Driver, trial: str, score: float, latency: float) -> bool:
    """Once; whether it goes on."""
    checkpoint = worked(driver.run.trial(trial).attempt(1), 1, best=True)
    return driver.report(Reported(trial, 1, 1, metrics(score, latency), checkpoint))


def refereed(score: float, latency: float) -> Refereed:
    row = {"fname": "a", "summary": "간다.", "reference": "b", "rouge_combined_f1": score}
    return Refereed(metrics(score, latency), [row], {}, 2.5)


def test_the_front_by_proxy_is_evaluated_in_full_and_the_front_of_those_is_shown(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for one in SCORES:
        trained(driver, *one)
    assert driver.complete
    assert driver.study.directions == [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]
    told = [event for event in read_events(driver.run.events)[0] if isinstance(event, Told)]
    assert told[1].value == [0.5, 0.9]
    assert [point.id for point in standings.front(driver.state)] == ["0001", "0002", "0003", "0005", "0006"]
    # The baseline, the best by the first objective, and two of the others on the front: the ends that lie apart.
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0001", "0002", "0006"]
    for trial, one in (("0000", (0.1, 0.5)), ("0001", (0.35, 0.9)), ("0002", (0.42, 0.45)), ("0006", (0.06, 0.1))):
        afterwards.scored(driver, trial, refereed(*one))
    assert afterwards.to_score(driver) == []
    driver.close("finished")
    log.close()

    driver, log = open_driver(tmp_path / "run", SPACE)
    state, run = driver.state, driver.run
    assert afterwards.to_score(driver) == []
    best = standings.best(state)
    assert best is not None
    assert best.id == "0002", "the best is that by the first objective"
    assert [point.id for point in standings.front(state)] == ["0002", "0006"], "proxy scores have no say any more"

    write_views(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert summary["objectives"] == [{"name": "rouge_combined_f1", "goal": "maximize"}, {"name": "latency_s", "goal": "minimize"}]
    assert (summary["best_run_id"], summary["best_rouge_combined_f1"]) == ("0002", 0.42)
    assert [(one["run_id"], one["values"], one["evaluation"]) for one in summary["front"]] == [
        ("0002", {"rouge_combined_f1": 0.42, "latency_s": 0.45}, "full"),
        ("0006", {"rouge_combined_f1": 0.06, "latency_s": 0.1}, "full"),
    ]
    assert summary["front"][1]["model_path"].endswith("trials/0006/models/best_model")
    results = {row["run_id"]: row for row in map(json.loads, run.results.read_text(encoding="utf-8").splitlines())}
    assert [name for name, row in results.items() if row["on_front"]] == ["0002", "0006"]

    shown = rows(state)
    assert [row.trial for row in shown if row.front] == ["0002", "0006"]
    assert (shown[0].cheap, shown[0].full) == ({"latency_s": 0.4}, {"latency_s": 0.45})
    header = [str(column.header) for column in leaderboard(shown, state, {}).columns]
    assert header[4:9] == ["proxy", "rouge_combined_f1", "latency_s (proxy)", "latency_s", "front"]
    lines = summary_lines(run, state, figures(state, last_iterations(state)))
    assert lines[0].startswith("Best      rouge_combined_f1 (the first objective) 0.4200: trial 0002")
    assert lines[1] == ("Front     2 of 4 trials evaluated in full are beaten by no other in all of rouge_combined_f1, latency_s")
    assert lines[2].startswith("          0002: rouge_combined_f1 0.42, latency_s 0.45; learning_rate ")
    scored = next(event for event in read_events(run.events)[0] if isinstance(event, Scored) and event.trial == "0006")
    assert event_line(scored, state, 1) == "0006  in full: rouge_combined_f1 0.0600, 0.0500 by proxy; latency_s 0.1"

    write_page(run, state)
    page = run.report.read_text(encoding="utf-8")
    assert page.count('class="front"><title>') == 2
    assert page.count("<circle") == 4, "cheap and full scores never meet in one drawing"
    assert '<th class="n">latency_<wbr>s (proxy)</th><th class="n">latency_<wbr>s</th><th>front</th>' in page
    assert "full evaluations" in page

    assert model_of_trial(run, state, "0006") == run.trial("0006")
    with pytest.raises(RunMistake, match=r"has no trial '0042'\. On the front are 0002, 0006\."):
        model_of_trial(run, state, "0042")

    write_study(run, state)
    study = optuna.load_study(study_name="run", storage=JournalStorage(JournalFileBackend(str(run.study))))
    assert study.metric_names == ["rouge_combined_f1", "latency_s"]
    assert study.trials[1].values == [0.5, 0.9], "the study knows what the search was told: cheap scores"
    log.close()


def test_while_it_runs_the_front_is_that_by_proxy(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for one in SCORES[:5]:
        trained(driver, *one)
    lines = summary_lines(driver.run, driver.state, figures(driver.state, last_iterations(driver.state)))
    assert "Front     3 of 5 trials that keep to all limits, by proxy are beaten by no other" in "\n".join(lines)
    write_page(driver.run, driver.state)
    assert "cheap evaluations (proxy)" in driver.run.report.read_text(encoding="utf-8")
    log.close()


def test_what_a_rung_stopped_is_told_without_values_and_drawn_with_them(tmp_path: Path) -> None:
    stopping = "early_terminate: {type: hyperband, min_iter: 1, eta: 2}"
    space = SPACE.replace("early_terminate: none", stopping).replace("num_train_epochs: 1", "num_train_epochs: 3")
    driver, log = open_driver(tmp_path / "run", space)
    trained(driver, 0.5, 0.5)
    trial = drawn(driver)
    assert not evaluated(driver, trial, 0.1, 0.05), "rungs judge by the first objective"
    driver.over(trial)
    told = [event for event in read_events(driver.run.events)[0] if isinstance(event, Told)][-1]
    assert (told.state, told.value) == ("PRUNED", [0.1, 0.05])
    frozen = driver.study.trials[-1]
    assert (frozen.state, frozen.values, frozen.intermediate_values) == (OptunaState.PRUNED, None, {})
    assert frozen.user_attrs["evaluations"] == [[1, 0.1, 0.05]]
    write_study(driver.run, driver.state)
    study = optuna.load_study(study_name="run", storage=JournalStorage(JournalFileBackend(str(driver.run.study))))
    assert (study.trials[-1].state, study.trials[-1].values) == (OptunaState.PRUNED, [0.1, 0.05])
    log.close()


def test_patience_is_over_the_front_and_a_target_over_all_objectives_that_have_one(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE + "patience_trials: 2\n")
    for one in ((0.1, 0.5), (0.4, 0.4), (0.3, 0.3), (0.2, 0.2), (0.1, 0.1)):
        trained(driver, *one)
        assert driver.state.unimproved == 0, "each is better in one of them than all before"
    trained(driver, 0.3, 0.4)
    assert driver.state.search_ended is None
    trained(driver, 0.1, 0.1)
    assert driver.state.search_ended is not None
    log.close()

    aims = "{name: rouge_combined_f1, target: 0.3}, {name: latency_s, goal: minimize, target: 0.3}"
    space = SPACE.replace("{name: rouge_combined_f1}, {name: latency_s, goal: minimize}", aims)
    driver, log = open_driver(tmp_path / "aimed", space)
    for one in ((0.1, 0.5), (0.4, 0.4), (0.2, 0.2)):
        trained(driver, *one)
        assert driver.state.search_ended is None
    trained(driver, 0.3, 0.3)
    assert driver.state.search_ended is not None
    assert driver.state.search_ended.reason == "trial 0003 reached rouge_combined_f1 0.3 (target 0.3), latency_s 0.3 (target 0.3)"
    log.close()


def test_what_is_beyond_a_limit_is_not_on_the_front(tmp_path: Path) -> None:
    limited = SPACE + "constraints:\n- require_metric: latency_s <= 0.45\n"
    driver, log = open_driver(tmp_path / "run", limited)
    for one in SCORES[:6]:
        trained(driver, *one)
    assert [point.id for point in standings.front(driver.state)] == ["0002", "0003", "0005"]
    write_page(driver.run, driver.state)
    assert driver.run.report.read_text(encoding="utf-8").count('class="beyond"') == 2 - 1, "0001; the baseline is drawn as the baseline"
    log.close()


def test_a_run_that_is_opened_again_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    def drawn_in(folder: Path, *, again: int | None) -> list[dict[str, object]]:
        driver, log = open_driver(folder, SPACE.replace("run_cap: 8", "run_cap: 14"))
        for number in range(15):
            if number == again:
                log.close()
                driver, log = open_driver(folder, SPACE)
            trained(driver, 0.1 * (number % 7), 0.05 * (number % 5) + 0.1)
        log.close()
        return [trial.point for trial in driver.state.trials.values()]

    assert drawn_in(tmp_path / "whole", again=None) == drawn_in(tmp_path / "halved", again=10)


def test_trials_that_pause_and_go_on_are_known_as_they_are_when_the_run_is_opened_again(tmp_path: Path) -> None:
    halving = "early_terminate: {type: asha, min_iter: 1, eta: 2}"
    space = SPACE.replace("early_terminate: none", halving).replace("num_train_epochs: 1", "num_train_epochs: 3")
    driver, log = open_driver(tmp_path / "run", space)
    went_on = 0
    for number in range(12):
        trial = driver.next_trial()
        if not isinstance(trial, TrialState):
            break
        went_on += bool(trial.reports)
        driver.start(trial.id)
        attempt = trial.attempts
        for iteration in range(trial.iteration + 1, 4):
            checkpoint = worked(driver.run.trial(trial.id).attempt(attempt), iteration, best=True)
            values = metrics(0.1 * (5 - number % 5) + 0.01 * iteration, 0.05 * (number % 3) + 0.01 * iteration)
            if not driver.report(Reported(trial.id, attempt, iteration, values, checkpoint)):
                break
        driver.over(trial.id)
    assert went_on
    assert any(trial.status == "stopped" for trial in driver.state.trials.values()), "one paused for good"
    log.close()

    again, log = open_driver(tmp_path / "run", space)
    assert observed(again.study) == observed(driver.study)
    assert [one.state for one in again.study.trials] == [one.state for one in driver.study.trials]
    log.close()
