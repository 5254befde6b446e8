"""Earlier runs on the command line, as far as one gets without Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.events.kinds import PointDrawn, Reported, TrialStarted
from summtune.events.log import EventLog
from summtune.paths import RunPaths
from tests.search.test_warm_start import told_run
from tests.tuning.playing import LESSON, make_run

HEAD = "fname,dialogue,summary\n"
ROW = 'a,"#Person1#: 안녕하세요.\n#Person2#: 네.",#Person1#이 인사한다.\n'
DATA = "data: {train: train.csv, dev: dev.csv}\n"
SPACE = """
name: second
parameters: {learning_rate: {distribution: log_uniform_values, min: 2e-4, max: 1e-2}}
run_cap: 5
early_terminate: none
settings: {training: {num_train_epochs: 4, per_device_train_batch_size: 4}, evaluation: {strategy: full}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with data in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "dev.csv"):
        (tmp_path / name).write_text(HEAD + ROW, encoding="utf-8")
    (tmp_path / "second.yaml").write_text(SPACE + DATA, encoding="utf-8")
    return tmp_path


def of_these_data(run: RunPaths, folder: Path) -> None:
    """Let a run have begun with the data that lie there."""
    from summtune.config.experiment import load_experiment
    from summtune.corpus.check import check_corpus

    facts = check_corpus(load_experiment(folder / "second.yaml", environ={}).widest_data())
    run.environment.write_text(json.dumps({"data": facts.to_record()}), encoding="utf-8")


def test_validate_says_what_would_be_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_these_data(told_run(folder / "results" / "first-20261122-000000-abcd"), folder)
    assert main(["validate", "second.yaml", "--set", "warm_start=first"]) == 0
    text = "2 of 5 trials of first-20261122-000000-abcd: 1 never evaluated, 1 outside the range of learning_rate, 1 failed"
    assert f"  note: warm start: {text}\n" in capsys.readouterr().out
    assert main(["validate", "second.yaml", "--set", "warm_start=first", "--json"]) == 0
    (lesson,) = json.loads(capsys.readouterr().out)["warm_start"]
    assert (lesson["run"], lesson["trials"], lesson["told"]) == ("first-20261122-000000-abcd", 5, 2)
    assert lesson["dropped"] == {"never evaluated": 1, "outside the range of learning_rate": 1, "failed": 1}


@pytest.mark.parametrize("verb", [["run"], ["validate"]])
def test_runs_that_can_not_teach_end_it_before_anything_starts(folder: Path, capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    told_run(folder / "first")
    told_run(folder / "other")
    named = ["--warm-start", "first", "--warm-start", "other"] if verb == ["run"] else ["--set", "warm_start=[first, other]"]
    assert main([*verb, "second.yaml", *named]) == 2
    error = capsys.readouterr().err
    assert error.startswith("4 problems:\n  warm_start: first had other train data. Leave it out: its scores don't compare with")
    assert "  warm_start: other had other dev data. Leave it out" in error
    assert "Traceback" not in error
    assert not list(folder.glob("results/second-*"))


def test_a_run_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "second.yaml", "--warm-start", "nothing"]) == 2
    said = "there is no run 'nothing' here or in results. results holds no runs; give the run's folder if it lies elsewhere."
    assert capsys.readouterr().err == f"--set warm_start: {said}\n"


def test_show_says_who_taught_the_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, experiment = make_run(folder / "run", lessons=[LESSON, LESSON])
    log = EventLog(run.events)
    log.append(PointDrawn("0000", 0, experiment.baseline_point(), baseline=True))
    log.append(TrialStarted("0000", 1, 0))
    log.append(Reported("0000", 1, 1, {"loss": 1.0, "rouge_combined_f1": 0.3}, None))
    log.close()
    assert main(["show", "run"]) == 0
    out = capsys.readouterr().out
    assert "Taught by 4 of 5 trials of earlier: 1 failed\n          4 of 5 trials of earlier: 1 failed\n" in out
    assert "Trials    0 of 6" in out
    assert main(["show", "run", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [row["trial"] for row in record["trials"]] == ["0000"]
    assert record["warm_start"][0] == {"run": "earlier", "folder": "/results/earlier", "trials": 5, "told": 4, "dropped": {"failed": 1}}
