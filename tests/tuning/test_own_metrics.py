"""People's own metrics in a run: tried out, copied, and the same after a resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import MetricMistake, RunMistake
from summtune.events.fold import RunState
from summtune.events.kinds import RunOpened
from summtune.paths import RunPaths
from summtune.tuning import own_metrics

METRIC = """
KEYS = ("mine",)
GOAL = {"mine": "maximize"}
UNIT = {"mine": "letters"}


def score(summaries):
    return {"mine": [float(len(text)) for text in summaries.predictions]}
"""


def loaded(folder: Path, metric: str = METRIC) -> Experiment:
    (folder / "mine.py").write_bytes(metric.encode())
    space = folder / "space.yaml"
    space.write_text("parameters: {seed: {values: [1, 2]}}\nsettings: {evaluation: {metrics: [rouge, mine.py]}}\n", encoding="utf-8")
    return load_experiment(space, environ={})


def test_it_is_tried_before_anything_starts(tmp_path: Path) -> None:
    own_metrics.try_out(loaded(tmp_path))
    broken = METRIC.replace("float(len(text))", "1 / len(text)")
    with pytest.raises(MetricMistake, match=r"mine.py:8: ZeroDivisionError: division by zero. Mend it."):
        own_metrics.try_out(loaded(tmp_path, broken))


@pytest.mark.parametrize("metric", [METRIC, METRIC.replace("\n", "\r\n")])
def test_a_run_scores_by_its_own_copy(tmp_path: Path, metric: str) -> None:
    experiment = loaded(tmp_path, metric)
    run = RunPaths(tmp_path / "run")
    copies = own_metrics.copy_in(run, experiment)
    ((name, copy),) = copies.items()
    assert name == str(tmp_path / "mine.py")
    assert (run.folder / copy["file"]).read_bytes() == metric.encode()
    state = RunState(RunOpened("run", "run", experiment.to_record(), "results", [], metrics=copies))
    own_metrics.check_copies(run, state)
    (tmp_path / "mine.py").write_text("raise SystemExit", encoding="utf-8")
    settings = own_metrics.of_the_run(experiment.base.settings, run, state)
    assert settings.evaluation.metrics == ("rouge", str(run.folder / copy["file"]))
    moved = RunPaths(tmp_path / "moved")
    run.folder.rename(moved.folder)
    assert own_metrics.of_the_run(experiment.base.settings, moved, state).evaluation.metrics[1] == str(moved.folder / copy["file"])


def test_a_changed_copy_is_refused(tmp_path: Path) -> None:
    experiment = loaded(tmp_path)
    run = RunPaths(tmp_path / "run")
    copies = own_metrics.copy_in(run, experiment)
    state = RunState(RunOpened("run", "run", experiment.to_record(), "results", [], metrics=copies))
    copy = next(iter(copies.values()))["file"]
    (run.folder / copy).write_text("changed", encoding="utf-8")
    with pytest.raises(RunMistake, match="was changed: later trials would be scored otherwise than earlier ones"):
        own_metrics.check_copies(run, state)
    (run.folder / copy).unlink()
    with pytest.raises(RunMistake, match="the run's copy of .*mine.py is missing. Put it back."):
        own_metrics.check_copies(run, state)
