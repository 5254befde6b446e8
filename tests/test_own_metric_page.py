"""The page about a metric of one's own: its example is ten lines, validates, and scores."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from summtune import registry
from summtune.cli.main import main
from summtune.config.experiment import load_experiment
from summtune.config.objective import Objective
from summtune.events.limits import Limit
from summtune.tuning.own_metrics import try_out

PAGE = (Path(__file__).parent.parent / "docs" / "own_metric.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "polite.py").write_text(block("python"), encoding="utf-8")
    (tmp_path / "space.yaml").write_text(block("yaml"), encoding="utf-8")
    return tmp_path


def test_the_example_is_ten_lines() -> None:
    assert len(block("python").splitlines()) <= 10


def test_the_example_is_searched_for(folder: Path) -> None:
    experiment = load_experiment(folder / "space.yaml", environ={})
    assert experiment.objective == Objective("polite", "maximize")
    assert experiment.limits == (Limit("guardrails/invented_speakers", "<=", 0.02),)
    assert experiment.base.settings.evaluation.metrics[-1] == str(folder / "polite.py")
    try_out(experiment)


def test_the_example_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "out.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["fname", "summary"], ["a", "학교에 갑니다."], ["b", "간다."], ["c", ""], ["d", "먹습니다."]])
    assert main(["score", str(folder / "out.csv"), str(folder / "out.csv"), "--metric", str(folder / "polite.py"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["polite"]["mean"] == 0.5


def test_the_page_names_every_metric_that_there_is() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("Metrics that come with") :]))
    assert set(registry.names("metrics")) <= named
