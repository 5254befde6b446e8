"""A whole run whose objective is a person's own metric, and which has a limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from summtune.errors import RunMistake
from summtune.events import standings
from summtune.paths import RunPaths
from summtune.reporting.views import write_views
from tests.integration.conftest import Heard, state_of

METRIC = """
KEYS = ("letters",)
GOAL = {"letters": "minimize"}
UNIT = {"letters": "letters of a summary"}


def score(summaries):
    return {"letters": [float(len(text)) for text in summaries.predictions]}
"""


def test_an_own_metric_is_searched_and_limited(
    tune_here: Callable[..., tuple[RunPaths, Heard]], space_file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "letters.py").write_text(METRIC, encoding="utf-8")
    file = space_file(
        name="own",
        metric={"name": "letters"},
        parameters={"learning_rate": {"values": [1e-2]}, "max_length": {"values": [2, 8]}},
        decode="inline",
        baseline=False,
        constraints=[{"require_metric": "compression >= 0"}, {"require_metric": "letters <= -1"}],
        settings={"evaluation": {"metrics": ["letters.py", "compression"]}},
    )
    run, _ = tune_here(file)
    state = state_of(run)
    write_views(run, state)
    assert state.opened is not None
    assert not state.maximize
    assert standings.best(state) is None, "no summary has fewer than no letters"
    assert [trial.status for trial in state.searched] == ["finished", "finished"]
    trial = state.searched[0]
    settings = yaml.safe_load(run.trial(trial.id).settings.read_text(encoding="utf-8"))
    (copy,) = run.metrics.glob("*/letters.py")
    assert settings["evaluation"]["metrics"] == [str(copy), "compression"]
    assert copy.read_text(encoding="utf-8") == METRIC
    rows = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    assert all(row["violations"][0]["metric"] == "letters" for row in rows)
    model = json.loads((run.trial(trial.id).best_model / "summtune_settings.json").read_text(encoding="utf-8"))
    assert model["scoring"]["letters.py"]["sha256"] == next(iter(state.opened.metrics.values()))["sha256"]


@pytest.mark.slow
def test_a_resumed_run_scores_by_its_copy(
    tune_here: Callable[..., tuple[RunPaths, Heard]],
    resume_here: Callable[..., Heard],
    space_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    own = tmp_path / "letters.py"
    own.write_text(METRIC, encoding="utf-8")
    file = space_file(
        name="again",
        metric={"name": "letters"},
        method="random",
        run_cap=1,
        baseline=False,
        constraints=[{"require_metric": "letters >= 0"}],
        settings={"training": {"num_train_epochs": 1}, "evaluation": {"metrics": ["letters.py"]}},
    )
    run, _ = tune_here(file)
    own.write_text(METRIC.replace("float(len(text))", "-1.0"), encoding="utf-8")
    resume_here(run, more=1)
    state = state_of(run)
    assert [trial.status for trial in state.searched] == ["finished", "finished"]
    assert all(trial.final["letters"] >= 0 for trial in state.searched), "not by the file as it is now"
    assert standings.best(state) is not None
    assert standings.infeasible(state) == []
    (copy,) = run.metrics.glob("*/letters.py")
    copy.write_text(METRIC.replace("float(len(text))", "-1.0"), encoding="utf-8")
    with pytest.raises(RunMistake, match="was changed"):
        resume_here(run, more=1)
