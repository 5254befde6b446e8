"""What earlier runs taught a search, in its files: marked, and counted nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from summtune.events.kinds import PointDrawn, Reported, TrialStarted
from summtune.events.log import EventLog
from summtune.events.mending import read_run
from summtune.paths import RunPaths
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import write_views
from tests.tuning.playing import LESSON, make_run


def taught(folder: Path) -> RunPaths:
    run, _ = make_run(folder, lessons=[LESSON])
    log = EventLog(run.events)
    log.append(PointDrawn("0001", 0, {"training.learning_rate": 1e-3}, {"training.learning_rate": 1e-3}))
    log.append(TrialStarted("0001", 1, 0))
    log.append(Reported("0001", 1, 1, {"loss": 1.0, "rouge_combined_f1": 0.3}, None))
    log.close()
    return run


def test_the_study_for_the_dashboard_marks_them(tmp_path: Path) -> None:
    run = taught(tmp_path / "run")
    write_study(run, read_run(run)[0])
    study = optuna.load_study(study_name="plain", storage=JournalStorage(JournalFileBackend(str(run.study))))
    assert [(one.user_attrs.get("earlier_run"), one.user_attrs["trial"], one.state.name) for one in study.trials] == [
        ("earlier", "0000", "PRUNED"),
        ("earlier", "0001", "COMPLETE"),
        ("earlier", "0002", "COMPLETE"),
        ("earlier", "0003", "PRUNED"),
        (None, "0001", "RUNNING"),
    ]
    assert study.trials[2].value == 0.6
    assert study.trials[2].intermediate_values == {1: 0.3, 2: 0.6}
    assert study.trials[2].params == {"training.learning_rate": 3e-4}


def test_summary_and_page_say_who_taught_it(tmp_path: Path) -> None:
    run = taught(tmp_path / "run")
    state, _ = read_run(run)
    write_views(run, state)
    write_page(run, state)
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    told = {"run": "earlier", "folder": "/results/earlier", "trials": 5, "told": 4, "dropped": {"failed": 1}}
    assert summary["warm_start"] == [told]
    assert (summary["total_runs"], summary["best_run_id"], summary["best_rouge_combined_f1"]) == (1, "0001", 0.3)
    assert run.results.read_text(encoding="utf-8") == ""
    assert "<dt>Warm start</dt><dd>4 of 5 trials of earlier: 1 failed</dd>" in run.report.read_text(encoding="utf-8")
