from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from summtune import paths
from summtune.cli.main import main
from summtune.cli.run import run
from summtune.cli.validate import validate
from summtune.documents import parse_document

LR = str(paths.shipped("search_spaces") / "lr.yaml")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEARNING_RATE", "BATCH_SIZE", "SEED", "MODEL_NAME", "NUM_EPOCHS", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def good(tmp_path: Path) -> str:
    file = tmp_path / "good.yaml"
    file.write_text(
        "run_cap: 9\nsettings: {training: {num_train_epochs: 6}}\n"
        "parameters:\n  learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-2}\n  optim: {value: sgd}\n",
        encoding="utf-8",
    )
    return str(file)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    file = tmp_path / "bad.yaml"
    file.write_text("metod: bayes\nparameters: {learnin_rate: {value: 1}}\n", encoding="utf-8")
    return str(file)


def test_a_summary(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", good]) == 0
    assert capsys.readouterr().out == (
        f"ok: {good}\n"
        "  name        good\n"
        "  model       tiny-kobart, random weights\n"
        "  data        the sample data\n"
        "  objective   maximize rouge_combined_f1\n"
        "  method      bayes, 9 trials and the baseline\n"
        "  early stop  asha, eta 3, after evaluation 1 and 3 of 6\n"
        "  parameters\n"
        "    training.learning_rate  0.0001 to 0.01, log\n"
        "    training.optim          fixed at sgd\n"
    )


def test_notices_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", LR, "--set", "learning_rate=1e-3", "--set", "count=1"]) == 0
    shown = capsys.readouterr().out
    assert "  note: training.learning_rate is fixed at 0.001 by --set, and leaves the space.\n" in shown
    assert "bayes, 1 trial and the baseline" in shown


def test_no_more_trials_are_promised_than_there_are_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.yaml"
    for parameters, trials in (
        ("{seed: {values: [1, 2]}}", "all 2 points and the baseline"),
        ("{seed: {value: 1}}", "the one point and the baseline"),
        ("{seed: {min: 1, max: 2000}}", "20 trials and the baseline, of 2,000 points"),
    ):
        file.write_text(f"parameters: {parameters}\n", encoding="utf-8")
        assert main(["validate", str(file)]) == 0
        shown = capsys.readouterr().out
        assert f"  method      bayes, {trials}\n" in shown
        assert ("nothing varies: there is one training to run." in shown) == ("value:" in parameters)


def test_all_problems_go_to_standard_error(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", bad]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "2 problems:\n"
        f"  {bad}:1:1: metod: a search space has no such key. Did you mean method?\n"
        f"  {bad}:2:14: parameters.learnin_rate: there is no setting 'learnin_rate'. Did you mean training.learning_rate?\n"
    )


def test_one_bad_file_does_not_hide_the_next(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", bad, LR]) == 2
    shown = capsys.readouterr()
    assert "2 problems" in shown.err
    assert f"ok: {LR}" in shown.out


def test_resolved_settings_are_yaml_with_the_layer_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", LR, "--resolved", "--set", "training.weight_decay=0.2"]) == 0
    shown = capsys.readouterr().out.partition("\n\n")[2]
    read = parse_document(shown, "shown").value
    assert read["training"]["weight_decay"] == 0.2
    assert read["meta"]["version"] == "1.0"
    lines = {line.split(":")[0].strip(): line for line in shown.splitlines()}
    assert lines["weight_decay"].endswith("# --set training.weight_decay=0.2")
    assert "# preset tiny-kobart.yaml:" in lines["architecture"]
    assert lines["optim"].endswith("# default")


def test_another_base(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", LR, "--base", "kobart"]) == 0
    assert "digit82/kobart-summarization" in capsys.readouterr().out


def test_json(good: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", good, "--json", "--resolved"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["ok"]
    assert record["rungs"] == [1, 3]
    assert record["settings"]["model.architecture"] == {"value": "bart", "layer": "preset", "file": "tiny-kobart.yaml", "line": 4}
    assert main(["validate", LR, bad, "--json"]) == 2
    right, wrong = json.loads(capsys.readouterr().out)
    assert right["ok"]
    assert [problem["key"] for problem in wrong["problems"]] == ["metod", "parameters.learnin_rate"]


def test_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml: there is no such file. Check the path.\n"


def test_the_data_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, header in (("train", "fname,dialog,summary"), ("dev", "fname,dialogue,summary")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\na,x,s\n", encoding="utf-8")
    file = tmp_path / "space.yaml"
    file.write_text("data: {train: train.csv, dev: dev.csv}\nparameters: {learning_rate: {min: 1e-4, max: 1e-2}}\n", encoding="utf-8")
    assert main(["validate", str(file)]) == 2
    said = capsys.readouterr().err
    assert "train.csv:1: dialogue: there is no column 'dialogue' (data.dialogue). Did you mean 'dialog'?" in said
    assert "dev.csv" not in said
    assert main(["validate", str(file), "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["key"], problem["line"]) == ("dialogue", 1)
    (tmp_path / "train.csv").write_text("fname,dialogue,summary\na,x,s\n", encoding="utf-8")
    assert main(["validate", str(file)]) == 0
    searched = tmp_path / "searched.yaml"
    searched.write_text("data: {train: train.csv, dev: dev.csv}\nparameters: {topic_prefix: {values: [true, false]}}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["validate", str(searched)]) == 2, "some trials would read the topic"
    assert capsys.readouterr().err.count("topic: there is no column 'topic' (data.topic)") == 2


def test_local_models_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_text("fname,dialogue,summary\na,,s\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    file = tmp_path / "space.yaml"
    head = "parameters: {learning_rate: {min: 1e-4, max: 1e-2}}\n"
    file.write_text(head + "data: {train: train.csv, dev: train.csv}\nsettings: {model: {checkpoint: ./nothing}}\n", encoding="utf-8")
    assert main(["validate", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"model.checkpoint: there is no folder {tmp_path / 'nothing'}. Give a folder with config.json, weights" in said
    assert "train.csv:2: dialogue: is empty." in said
    file.write_text(head + "settings: {model: {checkpoint: ./empty}}\n", encoding="utf-8")
    assert main(["validate", str(file), "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["key"] == "model.checkpoint"


def test_the_command_line_of_a_run_can_be_checked(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("mine", "dev"):
        (tmp_path / f"{name}.csv").write_text("fname,dialogue,summary\na,x,s\n", encoding="utf-8")
    words = ["--train", str(tmp_path / "mine.csv"), "--dev", str(tmp_path / "dev.csv"), "--count", "3", "--base", "tiny-t5"]
    words += ["--output-dir", str(tmp_path / "out")]
    assert main(["validate", good, *words, "--json", "--resolved"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["count"], record["settings"]["data.train"]["value"]) == (3, str(tmp_path / "mine.csv"))
    assert record["settings"]["general.output_dir"]["value"] == str(tmp_path / "out")
    assert main(["validate", good, "--model", str(tmp_path / "none"), "--test", "none.csv", "--warm-start", "nothing"]) == 2
    said = capsys.readouterr().err
    assert "none.csv" in said
    assert "there is no run 'nothing'" in said


def test_it_takes_every_option_that_says_what_is_run() -> None:
    def options(verb: object) -> set[str]:
        return set(inspect.signature(verb).parameters)  # type: ignore[arg-type]  # a function

    assert options(run) <= options(validate)
