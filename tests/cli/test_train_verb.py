"""`summtune train` as a person uses it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from summtune import paths
from summtune.cli.main import main
from tests.small_training import rows, small_settings, write_csv

SECTIONS = ("model", "tokenizer", "training", "generation")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["-m"])
    return tmp_path


def configured(folder: Path, name: str = "base.yaml", **training: Any) -> list[str]:
    """A settings file without data, and the flags of the guide for it."""
    settings = small_settings(folder, training=training).model_dump(mode="json", exclude_unset=True)
    sections = {name: settings[name] for name in SECTIONS} | {"general": {"device": "cpu"}}
    (folder / name).write_text(yaml.safe_dump(sections), encoding="utf-8")
    return ["--config", name, "--train-data", "data/train16.csv", "--val-data", "data/dev6.csv"]


def only_experiment(folder: Path) -> Path:
    (found,) = (folder / "results" / "experiments").iterdir()
    return found


def lasting(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if not key.endswith(("_s", "tokens_per_second"))} for line in lines]


def test_without_its_checkpoint_a_training_leaves_its_best_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *configured(here, keep_checkpoint=False)]) == 0
    folder = only_experiment(here)
    assert not (folder / "checkpoints").exists()
    assert (folder / "models" / "best_model" / "config.json").is_file()
    assert f"Next      summtune predict {folder.relative_to(here)}/models/best_model TEST.csv\n" in capsys.readouterr().out


def test_why_a_test_set_is_not_scored_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, *others) = rows(3, start=200)
    write_csv(here / "test.csv", [{**first, "summary": ""}, *others])
    assert main(["train", *configured(here, max_steps=1), "--test-data", "test.csv"]) == 0
    assert "note: not scored: 1 of 3 rows has no summary (row_200).\n" in capsys.readouterr().out


def test_what_was_over_has_no_checkpoint_to_leave_behind(here: Path) -> None:
    assert main(["train", *configured(here, max_steps=4)]) == 0
    first = only_experiment(here)
    over = ["--resume-from-checkpoint", str(first / "checkpoints" / "checkpoint-4"), "--set", "training.keep_checkpoint=false"]
    assert main(["train", *over]) == 0
    second = next(entry for entry in first.parent.iterdir() if entry != first)
    assert (second / "models" / "best_model" / "config.json").is_file()


def test_trains_scores_and_says_what_comes_next(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "test.csv", rows(3, start=200))
    assert main(["train", *configured(here), "--test-data", "test.csv"]) == 0
    folder = only_experiment(here)
    assert {entry.name for entry in folder.iterdir()} == {
        *("settings.yaml", "environment.json", "training.log", "history.jsonl", "predictions.csv", "training_results.json"),
        *("checkpoints", "models", "test_predictions.csv"),
    }
    assert [entry.name for entry in (folder / "models").iterdir()] == ["best_model"]
    shown = capsys.readouterr().out
    relative = folder.relative_to(here)
    assert f"Training in {relative}\n" in shown
    assert "\nepoch 1/2  loss " in shown
    assert "  * best so far\n" in shown
    assert f"\nModel     {relative}/models/best_model\n" in shown
    assert f"\nNext      summtune predict {relative}/models/best_model test.csv\n" in shown
    results = json.loads((folder / "training_results.json").read_text(encoding="utf-8"))
    assert {"experiment_id", "timestamp", "best_metrics", "final_metrics", "model_path"} <= set(results), "what people's scripts read"
    assert results["experiment_id"] == folder.name
    assert results["status"] == "finished"
    assert results["model_path"] == "models/best_model"
    assert {"rouge1_f1", "rouge2_f1", "rougeL_f1", "rouge_combined_f1", "loss"} <= set(results["best_metrics"])
    assert results["test"]["metrics"].keys() >= {"rouge_combined_f1", "loss"}
    assert results["evaluation"] == "full", "evaluations on the way were cheap, the last one isn't"
    assert results["best_score"] == results["best_metrics"]["rouge_combined_f1"]
    assert results["proxy_metrics"]["iteration"] == results["best_iteration"]
    assert json.loads((folder / "models/best_model/summtune_settings.json").read_text())["full_metrics"] == results["best_metrics"]
    assert results["disk"]["bytes"] < results["disk"]["checkpoint_bytes"] + results["disk"]["model_bytes"], "linked, not copied"
    for name in ("test_predictions.csv", "predictions.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            assert [row["fname"] for row in csv.DictReader(stream)][:2] == (
                ["row_200", "row_201"] if name.startswith("test") else ["row_100", "row_101"]
            )
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert set(environment["data"]) == {"train", "dev", "test"}
    assert main(["predict", str(relative / "models" / "best_model"), "test.csv", "--out", "again.csv"]) == 0
    assert (here / "again.csv").read_bytes() == (folder / "test_predictions.csv").read_bytes()


def test_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *configured(here, num_train_epochs=1), "--output-dir", "elsewhere", "--json"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert Path(record["folder"]).parent == Path("elsewhere/experiments")
    assert record["best_iteration"] == 1
    assert "epoch 1/1" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--config: it is not said what to train. Name a settings file or a preset, such as `--config tiny-kobart`."),
        (["--config", "space.yaml"], "--config: space.yaml is a search space, which says what varies; a single training has nothing that"),
        (["--config", str(paths.shipped("search_spaces") / "generation_params_sweep.yaml")], "is a search space, which says what varies;"),
        (["--config", "bse.yaml"], "there is no preset and no file 'bse.yaml'."),
        (["--config", "base.yaml", "--train-data", "none.csv", "--val-data", "data/dev6.csv"], "there is no file"),
        (["--config", "base.yaml", "--set", "training.lerning_rate=1"], "lerning_rate"),
        (
            ["--config", "base.yaml", "--set", "general.device=cuda"],
            "general.device: cuda was asked for, but this node has no CUDA",
        ),
        (["--config", "base.yaml", "--set", "model.checkpoint=./nowhere", "--set", "model.load_pretrained=true"], "there is no folder"),
        (["--config", "base.yaml", "--resume-from-checkpoint", "gone/checkpoint-4"], "--resume-from-checkpoint: "),
        (["--resume-from-checkpoint", "gone/checkpoint-4"], "--resume-from-checkpoint: gone/checkpoint-4 is not there."),
        (["--resume-from-checkpoint", "data"], "--resume-from-checkpoint: data is no checkpoint."),
        (["--resume-from-checkpoint", "/"], "--resume-from-checkpoint: / is no checkpoint."),
        (["--resume-from-checkpoint", "/proc"], "--resume-from-checkpoint: /proc is no checkpoint."),
    ],
)
def test_mistakes_leave_no_folder(here: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    if "general.device=cuda" in words and torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    configured(here)
    (here / "space.yaml").write_text("parameters: {learning_rate: {values: [1e-3, 1e-4]}}\n", encoding="utf-8")
    assert main(["train", *words]) == 2
    assert message in capsys.readouterr().err
    assert not (here / "results").exists()


def test_bad_rows_and_what_shows_only_with_the_model_leave_no_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = rows(3)
    bad[1]["summary"] = ""
    write_csv(here / "bad.csv", bad)
    words = configured(here)
    assert main(["train", *words, "--train-data", "bad.csv"]) == 2
    assert "bad.csv:5: summary: is empty" in capsys.readouterr().err
    assert not (here / "results").exists()
    assert main(["train", *words, "--set", "model.config_overrides.no_such_key=1"]) == 2
    assert "no_such_key" in capsys.readouterr().err
    assert list((here / "results" / "experiments").iterdir()) == []


def test_a_training_that_fails_says_why_and_keeps_its_log(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *configured(here), "--set", "model.config_overrides.init_std=1e18"]) == 1
    captured = capsys.readouterr()
    assert "loss became " in captured.err
    folder = only_experiment(here)
    assert f"Log       {folder.relative_to(here)}/training.log" in captured.out
    results = json.loads((folder / "training_results.json").read_text(encoding="utf-8"))
    assert (results["status"], results["cause"]) == ("failed", "diverged")


def test_interrupted_by_a_person_and_resumed_as_it_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = configured(here, num_train_epochs=30, save_total_limit=3)
    # At the first evaluation, so that it can't be over yet.
    program = (
        "import os, signal, sys\nfrom summtune.cli import screen\nfrom summtune.cli.main import main\nsay = screen.Screen.say\n"
        "def said(self, line=''):\n    say(self, line)\n    line.startswith('epoch 2/') and os.kill(os.getpid(), signal.SIGINT)\n"
        "screen.Screen.say = said\nsys.exit(main(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-c", program, "train", *words], env=environment, capture_output=True, text=True, cwd=here, check=False
    )
    assert ended.returncode == 130, ended.stderr
    first = only_experiment(here)
    assert "Stopping: after this step a checkpoint is written (Ctrl-C again stops at once)." in ended.stdout
    assert "stopped after step 9, of which there is a checkpoint" in ended.stderr
    said = next(line for line in ended.stdout.splitlines() if line.startswith("Go on     "))
    assert said == f"Go on     summtune train --resume-from-checkpoint {first.relative_to(here)}/checkpoints/checkpoint-9"
    results = json.loads((first / "training_results.json").read_text(encoding="utf-8"))
    assert results["status"] == "interrupted"
    assert (first / results["model_path"] / "model.safetensors").is_file()

    few = ["--set", "training.num_train_epochs=4"]
    assert main([*shlex.split(said.removeprefix("Go on     summtune ")), *few]) == 0
    assert "training.num_train_epochs 30 → 4" in capsys.readouterr().out
    second = next(entry for entry in first.parent.iterdir() if entry != first)
    results = json.loads((second / "training_results.json").read_text(encoding="utf-8"))
    assert results["resumed_from"] == str(first / "checkpoints" / "checkpoint-9")
    assert [line["iteration"] for line in lasting(second)] == [1, 2, 3, 4]
    assert lasting(second)[:2] == lasting(first)


def test_resumed_equals_uninterrupted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the guide's own line, which names no data: history, results, best model and predictions are the same."""
    words = configured(here, num_train_epochs=4, save_total_limit=9)
    assert main(["train", *words]) == 0
    whole = only_experiment(here)
    assert main(["train", "--config", "base.yaml", "--resume-from-checkpoint", str(whole / "checkpoints" / "checkpoint-8")]) == 0
    shown = capsys.readouterr().out
    assert "note: base.yaml names no data: those that the checkpoint was trained on are used" in shown
    resumed = next(entry for entry in whole.parent.iterdir() if entry != whole)
    assert lasting(resumed) == lasting(whole)
    for name in ("predictions.csv", "models/best_model/model.safetensors", "checkpoints/checkpoint-16/model.safetensors"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes(), name
    one, two = (json.loads((folder / "training_results.json").read_text(encoding="utf-8")) for folder in (whole, resumed))
    assert {key: one[key] for key in ("best_iteration", "best_score")} == {key: two[key] for key in ("best_iteration", "best_score")}


def test_what_goes_on_keeps_weights_steps_and_scores_and_may_learn_at_another_rate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = configured(here, num_train_epochs=1)
    assert main(["train", *words]) == 0
    first = only_experiment(here)
    checkpoint = first / "checkpoints" / "checkpoint-4"
    capsys.readouterr()
    resume = ["train", "--resume-from-checkpoint", str(checkpoint)]
    for assignment, reason in (
        ("training.optim=adafactor", "training.optim: it is adafactor, and checkpoint-4 was trained with adamw_torch."),
        ("model.config_overrides.d_model=32", "model.config_overrides.d_model: it is 32, and checkpoint-4 was trained with 16."),
        ("training.per_device_train_batch_size=8", "training.per_device_train_batch_size: a step has 8 rows so, and checkpoint-4 was"),
        ("data.max_train_samples=12", "data.train: there are 12 dialogues to train on, and checkpoint-4 was trained on 16."),
        ("training.lr_scheduler_type=linear", "training.lr_scheduler_type: it is linear, and checkpoint-4 was trained with cosine."),
        ("evaluation.strategy=full", "evaluation.strategy: it is full, and checkpoint-4 was trained with proxy."),
        ("evaluation.metrics=[length_ratio]", "evaluation.metrics: they are length_ratio, and checkpoint-4 was scored by rouge."),
        ("generation.num_beams=2", "generation.num_beams: it is 2, and checkpoint-4 was trained with 1."),
        (
            "data.dev=data/train16.csv",
            f"data.dev: the 16 dialogues of {here}/data/train16.csv and their summaries are not what checkpoint-4 was scored by.",
        ),
    ):
        assert main([*resume, "--set", assignment]) == 2
        error = capsys.readouterr().err
        assert reason in error
        assert "Resume with the same, or begin a training of its own from its best model: " in error
        assert f"`--set model.checkpoint={first.absolute()}/models/best_model --set model.load_pretrained=true`." in error
    assert only_experiment(here) == first

    (here / "data" / "train16.csv").write_bytes((here / "data" / "train16.csv").read_bytes().replace("병원".encode(), "약국".encode()))
    parts = ["training.per_device_train_batch_size=2", "training.gradient_accumulation_steps=2"]
    longer = ["training.num_train_epochs=3", "training.learning_rate=1e-4", "evaluation.every=2", *parts]
    assert main([*resume, *(word for assignment in longer for word in ("--set", assignment))]) == 0
    shown = capsys.readouterr().out
    told = "training.learning_rate 0.003 → 0.0001, training.num_train_epochs 1 → 3, evaluation.every 1 → 2."
    assert f"It goes on with other settings than it began with: {told}" in shown
    assert "train16.csv has other dialogues or summaries than the training began with: it does not go on exactly." in shown
    second = next(entry for entry in first.parent.iterdir() if entry != first)
    history = lasting(second)
    assert [(line["iteration"], line["epoch"], line["step"]) for line in history] == [(1, 1, 4), (2, 2, 8), (3, 3, 12)]
    assert history[-1]["learning_rate"] < 1e-4, "as the schedule of three epochs has it"


def test_a_damaged_checkpoint_is_passed_over_and_a_moved_one_is_taken(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = configured(here, num_train_epochs=2)
    assert main(["train", *words]) == 0
    checkpoints = only_experiment(here) / "checkpoints"
    weights = checkpoints / "checkpoint-8" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # the best model may be linked to it
    weights.write_bytes(content)
    capsys.readouterr()
    assert main(["train", "--resume-from-checkpoint", str(checkpoints / "checkpoint-8"), "--json"]) == 0
    captured = capsys.readouterr()
    said = f"{weights} has changed since it was written. That checkpoint is passed over: training goes on from"
    assert said in captured.err
    record = json.loads(captured.out)
    assert any(said in notice for notice in record["notices"])
    assert record["resumed_from"] == str(checkpoints / "checkpoint-4")
    assert said in (Path(record["folder"]) / "training.log").read_text(encoding="utf-8")

    moved = (checkpoints / "checkpoint-4").rename(here / "checkpoint-4")
    assert main(["train", *words, "--resume-from-checkpoint", str(moved)]) == 0
    capsys.readouterr()
    assert main(["train", *words, "--resume-from-checkpoint", str(moved), "--set", "training.optim=adafactor"]) == 2
    assert "training.optim: it is adafactor, and checkpoint-4 was trained with adamw_torch." in capsys.readouterr().err
    assert main(["train", "--resume-from-checkpoint", str(checkpoints / "checkpoint-8")]) == 2
    error = capsys.readouterr().err
    assert f"{weights} has changed since it was written." in error
    assert f"no checkpoint of {checkpoints} can be resumed. Begin the training again." in error


def test_sigterm_counts_as_ctrl_c_and_the_second_stops_at_once() -> None:
    from summtune.cli.interruption import interruptible

    told = []

    def twice() -> None:
        with interruptible(lambda: told.append(1)):
            os.kill(os.getpid(), signal.SIGTERM)
            assert told == [1]
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert told == [1]
