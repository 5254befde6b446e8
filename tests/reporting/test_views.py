import json
import re
import shutil
from datetime import datetime
from pathlib import Path

import optuna
import pytest

from summtune.cli.screen import status_text, summary_lines
from summtune.config.experiment import load_experiment
from summtune.errors import RunMistake
from summtune.events import kinds
from summtune.events.fold import fold
from summtune.events.log import EventLog, read_events
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.leaderboard import figures, rows
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import best_model, last_iterations, shown_path, write_views
from summtune.run_folders import create_run

SPACE = """
name: plain
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}
  lr_scheduler_kwargs: {values: [{}, {num_cycles: 1}]}
run_cap: 3
settings: {training: {num_train_epochs: 4, learning_rate: 0.5}, evaluation: {strategy: full}}
"""


def recorded(tmp_path: Path, output_dir: str = "./results", strategy: str = "full") -> RunPaths:
    """A run with a baseline outside the space, a finished, a stopped, and a failed trial."""
    file = tmp_path / "plain.yaml"
    file.write_text(SPACE.replace("strategy: full", f"strategy: {strategy}"), encoding="utf-8")
    run = create_run(tmp_path / "results", "plain", datetime(2026, 11, 22))
    times = iter(range(1000, 2000, 10))
    log = EventLog(run.events, clock=lambda: next(times))
    log.append(kinds.RunOpened(run.folder.name, "plain", load_experiment(file, environ={}).to_record(), output_dir, ["summtune"]))
    story = {"0000": ([0.3, 0.2], "finished"), "0001": ([0.1, 0.6], "finished"), "0002": ([0.2], "stopped"), "0003": ([], "failed")}
    for number, (trial, (scores, status)) in enumerate(story.items()):
        point = {"training.learning_rate": 0.5 if number == 0 else 10.0**-number / 2 / 10, "training.lr_scheduler_kwargs": {}}
        params = {} if number == 0 else {**point, "training.lr_scheduler_kwargs": "{}"}
        log.append(kinds.PointDrawn(trial, number, point, params, baseline=number == 0))
        log.append(kinds.TrialStarted(trial, 1, 0))
        for iteration, score in enumerate(scores, start=1):
            metrics = {"iteration": iteration, "loss": 2.0, "rouge_combined_f1": score}
            log.append(kinds.Reported(trial, 1, iteration, metrics, None))
        log.append(kinds.Ended(trial, status, *(("diverged", "loss is <NaN>") if status == "failed" else ())))
        if scores:
            run.trial(trial).best_model.mkdir(parents=True)
    log.append(kinds.RunClosed("finished"))
    log.close()
    return run


def test_the_summary_has_the_old_keys_and_counts_without_the_baseline(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, warnings = read_run(run)
    assert warnings == []
    write_views(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    name = run.folder.name
    assert summary == {
        "sweep_id": name,
        "status": "finished",
        "objective": "rouge_combined_f1",
        "total_runs": 3,
        "best_run_id": "0001",
        "best_rouge_combined_f1": 0.6,
        "evaluation": "full",
        "best_params": {"training.learning_rate": 0.005, "training.lr_scheduler_kwargs": {}},
        "best_decoding": None,
        "best_model_path": f"results/{name}/trials/0001/models/best_model",
        "average_rouge_combined_f1": 0.4,
        "min_rouge_combined_f1": 0.2,
        "max_rouge_combined_f1": 0.6,
        "baseline_rouge_combined_f1": 0.3,
        "fully_scored": 2,
        "proxy_faithfulness": None,
        "finished": 1,
        "stopped": 1,
        "failed": 1,
        "infeasible": 0,
        "least_violating_run_id": None,
        "iterations_spent": 5,
        "iterations_saved": 3,
        "iterations_cut": 0,
        "search_ended": None,
        "trials_not_begun": 0,
        "warm_start": [],
        "used": {"hours": 0.05, "gpu_hours": 0.0, "epochs": 0.0},
        "seconds": 180.0,
        "notes": [],
    }
    rows_read = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    assert [row["status"] for row in rows_read] == ["finished", "finished", "stopped", "failed"]
    assert rows_read[1]["best_metrics"]["rouge_combined_f1"] == 0.6
    assert rows_read[0]["final_metrics"]["rouge_combined_f1"] == 0.2
    assert rows_read[3]["cause"] == "diverged"
    assert rows_read[3]["model_path"] is None
    info = json.loads(run.info.read_text(encoding="utf-8"))
    assert (info["sweep_id"], info["status"], info["count"]) == (name, "finished", 3)
    assert info["started"] == "1970-01-01T00:16:40+00:00"


def test_a_stopped_trial_that_was_evaluated_in_full_and_won_counts_in_the_averages(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text(SPACE.replace("strategy: full", "strategy: proxy"), encoding="utf-8")
    log = EventLog(tmp_path / "events.jsonl")
    log.append(kinds.RunOpened("plain-1", "plain", load_experiment(file, environ={}).to_record(), "./results", ["summtune"]))
    story = [(0.3, 0.3, "finished"), (0.4, 0.41, "finished"), (0.42, 0.45, "stopped"), (0.2, None, "stopped")]
    for number, (cheap, full, status) in enumerate(story):
        trial, point = f"{number:04d}", {"training.learning_rate": 1e-3 / (number + 1), "training.lr_scheduler_kwargs": {}}
        log.append(kinds.PointDrawn(trial, number, point, {}, baseline=number == 0))
        log.append(kinds.TrialStarted(trial, 1, 0))
        log.append(kinds.Reported(trial, 1, 1, {"iteration": 1, "loss": 2.0, "rouge_combined_f1": cheap}, None))
        log.append(kinds.Ended(trial, status))
        if full is not None:
            log.append(kinds.Scored(trial, 1, {"loss": 2.0, "rouge_combined_f1": full}, 1.0))
    log.close()
    found = figures(fold(read_events(tmp_path / "events.jsonl")[0]), {})
    assert (found.best, found.least, found.most, found.fully_scored) == (0.45, 0.41, 0.45, 2)
    assert found.mean == pytest.approx(0.43)


def test_failed_and_running_trials_do_not_count_in_the_averages(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text(SPACE, encoding="utf-8")
    log = EventLog(tmp_path / "events.jsonl")
    log.append(kinds.RunOpened("plain-1", "plain", load_experiment(file, environ={}).to_record(), "./results", ["summtune"]))
    story = [(0.3, "finished"), (0.4, "finished"), (0.5, "stopped"), (0.9, "failed"), (0.05, "running")]
    for number, (score, status) in enumerate(story):
        trial, point = f"{number:04d}", {"training.learning_rate": 1e-3 / (number + 1), "training.lr_scheduler_kwargs": {}}
        log.append(kinds.PointDrawn(trial, number, point, {}, baseline=number == 0))
        log.append(kinds.TrialStarted(trial, 1, 0))
        log.append(kinds.Reported(trial, 1, 1, {"iteration": 1, "loss": 2.0, "rouge_combined_f1": score}, None))
        if status != "running":
            log.append(kinds.Ended(trial, status))
    log.close()
    found = figures(fold(read_events(tmp_path / "events.jsonl")[0]), {})
    assert (found.best, found.least, found.most, found.fully_scored) == (0.5, 0.4, 0.5, 2)
    assert found.mean == pytest.approx(0.45)


@pytest.mark.parametrize(("output_dir", "shown"), [("./outputs", "outputs/{run}/report.html"), ("/data/out", "{folder}/report.html")])
def test_paths_start_where_the_run_was_started(tmp_path: Path, output_dir: str, shown: str) -> None:
    run = recorded(tmp_path, output_dir)
    state, _ = read_run(run)
    assert shown_path(run, state, run.report) == shown.format(run=run.folder.name, folder=run.folder)


def test_the_leaderboard_ranks_what_has_a_score_and_marks_the_best(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, _ = read_run(run)
    assert [(row.trial, row.rank, row.best, row.baseline) for row in rows(state)] == [
        ("0001", 1, True, False),
        ("0000", 2, False, True),
        ("0002", 3, False, False),
        ("0003", None, False, False),
    ]
    found = figures(state, last_iterations(state))
    assert (found.total, found.finished, found.stopped, found.failed, found.unfinished) == (3, 1, 1, 1, 0)
    model = best_model(run, state)
    assert model is not None
    assert model.folder.name == "0001"


def test_no_other_trial_s_model_stands_in_for_the_best_s(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, _ = read_run(run)
    shutil.rmtree(run.trial("0001").best_model)
    assert best_model(run, state) is None
    write_views(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert (summary["best_run_id"], summary["best_model_path"]) == ("0001", None)
    lines = summary_lines(run, state, figures(state, last_iterations(state)))
    model = run.trial("0001").best_model
    assert [line for line in lines if line.startswith("Model")] == [f"Model     of the best, trial 0001: {model} is not there"]


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, _ = read_run(run)
    write_page(run, state)
    page = run.report.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert page.count("<polyline") == 3
    assert page.count(' lone"><title>0002 (stopped)</title>') == 1, "a single evaluation is to be seen, too"
    assert page.count("<text ") == 5, "three levels, two evaluations"
    assert "0.6000" in page
    assert "0001" in page


def test_a_run_without_any_evaluation_has_a_page(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    unevaluated = fold([event for event in read_events(run.events)[0] if isinstance(event, (kinds.RunOpened, kinds.PointDrawn))])
    write_page(run, unevaluated)
    page = run.report.read_text(encoding="utf-8")
    assert "<polyline" not in page
    assert "<td>pending</td>" in page


def test_what_failed_and_what_was_tried_again_stands_in_the_summary_in_the_results_and_on_the_page(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    log = EventLog(run.events)
    log.append(kinds.PointDrawn("0004", 4, {"training.learning_rate": 0.1, "training.lr_scheduler_kwargs": {}}))
    log.append(kinds.TrialStarted("0004", 1, 0))
    log.append(kinds.Retried("0004", 1, "worker_lost", "its node was lost"))
    log.append(kinds.TrialStarted("0004", 2, 0))
    log.append(kinds.Reported("0004", 2, 1, {"iteration": 1, "loss": 2.0, "rouge_combined_f1": 0.2}, None))
    log.append(kinds.Ended("0004", "finished"))
    log.append(kinds.RunClosed("failed", "The first 3 trials failed alike."))
    log.close()
    state, _ = read_run(run)
    lines = summary_lines(run, state, figures(state, last_iterations(state)))
    assert "          0003 failed (diverged): loss is <NaN>" in lines
    assert "Retried   0004 1 retry: attempt 1 failed (worker_lost): its node was lost" in lines
    assert "Failed    The first 3 trials failed alike." in lines
    assert [status_text(row) for row in rows(state) if row.trial in ("0003", "0004")] == ["finished, 1 retry", "failed: diverged"]
    write_views(run, state)
    written = {row["run_id"]: row for row in map(json.loads, run.results.read_text(encoding="utf-8").splitlines())}
    assert (written["0004"]["attempts"], written["0004"]["cause"]) == (2, None)
    assert written["0004"]["retried"] == [{"attempt": 1, "cause": "worker_lost", "message": "its node was lost"}]
    assert (written["0003"]["attempts"], written["0003"]["retried"]) == (1, [])
    write_page(run, state)
    page = run.report.read_text(encoding="utf-8")
    assert "<li>0003 failed (diverged): loss is &lt;NaN&gt;</li>" in page
    assert "<li>0004 1 retry: attempt 1 failed (worker_lost): its node was lost</li>" in page
    assert "<li>The first 3 trials failed alike.</li>" in page
    assert "finished, 1 retry</td>" in page


def test_what_trials_had_to_say_stands_in_the_summary_and_on_the_page(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, _ = read_run(run)
    write_page(run, state)
    assert "<h2>Notes</h2>" not in run.report.read_text(encoding="utf-8")
    for trial in ("0001", "0002"):
        state.apply(kinds.Noted(trial, "Cut to length: 3 <dialogues>."))
    write_views(run, state)
    write_page(run, state)
    assert json.loads(run.summary.read_text(encoding="utf-8"))["notes"] == ["Cut to length: 3 <dialogues>."]
    assert run.report.read_text(encoding="utf-8").count("<li>Cut to length: 3 &lt;dialogues&gt;.</li>") == 1
    assert "Note      Cut to length: 3 <dialogues>." in summary_lines(run, state, figures(state, last_iterations(state)))


def test_the_study_is_one_that_optuna_reads(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    state, _ = read_run(run)
    write_study(run, state)
    write_study(run, state)  # a view: made anew each time, never added to
    backend = optuna.storages.journal.JournalFileBackend(str(run.study))
    study = optuna.load_study(study_name=run.folder.name, storage=optuna.storages.JournalStorage(backend))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    assert study.trials[0].params == {}, "the baseline's 0.5 lies outside the space"
    assert study.trials[1].params == {"training.learning_rate": 0.005, "training.lr_scheduler_kwargs": "{}"}
    assert study.best_trial.user_attrs == {"trial": "0001", "baseline": False}
    assert study.trials[1].intermediate_values == {1: 0.1, 2: 0.6}


def test_a_run_that_ended_before_it_began_is_a_mistake_not_a_fault(tmp_path: Path) -> None:
    run = create_run(tmp_path, "plain", datetime(2026, 11, 22))
    run.events.touch()
    with pytest.raises(RunMistake, match=r"the run was never opened: its event log is empty. Start it again with `summtune run`\."):
        read_run(run)
