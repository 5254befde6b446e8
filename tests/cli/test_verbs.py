"""The verbs as a person types them, with the mistakes that people make. None of these gets as far as starting Ray."""

from __future__ import annotations

import json
import os
import shutil
import stat
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from summtune.cli.main import VERBS, main
from summtune.errors import Interrupted, SettingsMistake, SummtuneError, SurroundingsFailure
from summtune.events.copies import Origin, mark
from summtune.metrics import _words
from tests.reporting.test_views import recorded

HEAD = "fname,dialogue,summary,topic\n"
ROW = 'a,"#Person1#: 안녕하세요.\n#Person2#: 네.",#Person1#이 인사한다.,인사\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with good data in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "dev.csv"):
        (tmp_path / name).write_text(HEAD + ROW * 1, encoding="utf-8")
    (tmp_path / "space.yaml").write_text(
        "name: mine\nparameters: {learning_rate: {values: [5e-5, 1e-4]}}\ndata: {train: train.csv, dev: dev.csv}\n", encoding="utf-8"
    )
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"summtune {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "train.csv"),
        (HEAD.encode(), "no row"),
        (b"fname,dialog,summary\n" + ROW.encode(), "dialogue"),
        (HEAD.encode() + "a,,요약,주제\n".encode(), "empty"),
        (HEAD.encode() + b'a,"#Person1#: hi,x,y\n', "train.csv:2"),
        (HEAD.encode() + "a,대화,요약,주제\n".encode("cp949"), "UTF-8"),
        (HEAD.encode() + "a,대화,,주제\n".encode(), "summary"),
    ],
)
def test_bad_data_ends_before_anything_starts(folder: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str) -> None:
    (folder / "train.csv").write_bytes(content)
    assert main(["run", "space.yaml"]) == 2
    error = capsys.readouterr().err
    assert "train.csv" in error
    assert said in error
    assert "Traceback" not in error
    assert not any(path.name.startswith("mine-") for path in (folder / "results").glob("*"))


def test_a_checkpoint_that_can_not_be_had_is_said_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "space.yaml", "--base", "kobart"]) == 2
    error = capsys.readouterr().err
    assert "digit82/kobart-summarization" in error
    assert "tiny-kobart" in error
    assert "model.checkpoint=" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_results_folder_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = folder / "results"
    results.mkdir()
    results.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert main(["run", "space.yaml"]) == 2
    assert "can't be written: Permission denied" in capsys.readouterr().err


def test_a_results_folder_that_can_not_be_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "results").write_text("a file", encoding="utf-8")
    assert main(["run", "space.yaml"]) == 2
    error = capsys.readouterr().err
    assert "general.output_dir: results can't be written: " in error
    assert "--set general.output_dir=FOLDER" in error


def test_predict_takes_no_other_trial_s_model_for_the_best_s(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    shutil.rmtree(run.trial("0001").best_model)
    assert main(["predict", "plain", "train.csv"]) == 2
    place = run.trial("0001").best_model
    assert capsys.readouterr().err == (
        f"the model of the best, trial 0001, is not there: {place}. Bring it back, or take another trial's with --trial; "
        f"`summtune show {run.folder.name}` lists them.\n"
    )


def test_a_copy_without_the_model_says_how_to_pull_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    shutil.rmtree(run.trial("0001").best_model)
    mark(run, Origin("s3://runs/plain", ("pull", "s3://runs/plain"), ("resume", "s3://runs/plain")))
    assert main(["predict", "plain", "train.csv"]) == 2
    assert "is not there" in (error := capsys.readouterr().err)
    assert error.endswith(" `summtune pull s3://runs/plain --model` brings it.\n")
    assert main(["show", "plain"]) == 0
    assert "is not there; `summtune pull s3://runs/plain --model` brings it\n" in capsys.readouterr().out


def test_predict_says_that_a_best_is_one_by_cheap_evaluations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder, strategy="proxy")
    events = run.events.read_text(encoding="utf-8").splitlines(keepends=True)
    run.events.write_text("".join(events[:-1]), encoding="utf-8")  # it has not ended
    assert main(["predict", "plain", "train.csv"]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note == "note: trial 0001 is the likeliest by cheap evaluations so far; none has been evaluated in full yet."
    assert "trials/0001/models/best_model is no model that summtune wrote" in error, "the recorded run has none"


@pytest.mark.parametrize("verb", [["show"], ["resume"], ["predict"]])
def test_a_run_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    recorded(folder)
    words = [*verb, "plian", *(["test.csv"] if verb == ["predict"] else [])]
    assert main(words) == 2
    assert capsys.readouterr().err == "there is no run 'plian' here or in results. Did you mean plain?\n"


def test_show_prints_the_leaderboard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    assert main(["show", "plain"]) == 0
    output = capsys.readouterr().out
    lines = output.splitlines()
    assert lines[0] == f"{run.folder.name}: finished"
    assert lines[3].split()[:5] == ["*", "0001", "finished", "2/4", "0.6000"]
    assert "0000 baseline" in output
    assert "failed: diverged" in output
    assert "Baseline  rouge_combined_f1 0.3000: the best is +0.3000 against it" in output
    assert "Trials    3: 1 finished, 1 stopped early, 1 failed" in output
    assert f"Model     results/{run.folder.name}/trials/0001/models/best_model" in output


def test_where_output_is_no_terminal_no_line_is_broken_and_no_cell_is_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = folder / ("a_rather_long_name_of_a_folder_" * 4) / ("and_another_one_" * 8)
    deep.mkdir(parents=True)
    run = recorded(deep)
    place = deep / "results"
    assert main(["show", str(run.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"Model     {run.trial('0001').best_model}" in lines
    assert f"Report    {run.report}" in lines
    assert main(["runs", str(place)]) == 0
    listed = capsys.readouterr().out
    assert f"summtune show {run.folder.relative_to(folder)}" in listed
    assert "…" not in listed
    assert len(listed.splitlines()) == 2


def test_show_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(folder)
    assert main(["show", str(run.folder), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["run"] == run.folder.name
    assert record["figures"]["best"] == 0.6
    assert record["trials"][0]["trial"] == "0001"
    assert record["best_model"].endswith("0001/models/best_model")


def test_doctor_reports_what_is_missing_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(_words, "version", version)
    monkeypatch.setenv("WANDB_MODE", "offline")
    for remembered in (_words.cutter, _words.described):
        remembered.cache_clear()
    try:
        assert main(["doctor"]) == 0
    finally:
        for remembered in (_words.cutter, _words.described):
            remembered.cache_clear()
    lines = capsys.readouterr().out.splitlines()
    assert "--  korean    morphemes can't be had: mecab needs python-mecab-ko. Install summtune again." in lines
    assert len(lines) == 9


def test_mistakes_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "space.yaml").write_text("parameters: {learning_rte: {values: [1, 2]}}\n", encoding="utf-8")
    assert main(["run", "space.yaml", "--json"]) == 2
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert "learning_rte" in record["error"]
    assert "learning_rte" in captured.err
    assert set(record) == {"file", "error", "kind", "exit_code", "problems"}
    assert main(["validate", "space.yaml", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {**record, "ok": False}


@pytest.mark.parametrize("words", [["resume", "plain"], ["decode", "plain", "--space", "decoding.yaml"]])
@pytest.mark.parametrize("error", [Interrupted("stopped"), SurroundingsFailure("the disk is full")])
def test_what_ended_a_run_before_its_time_is_json_that_says_which_run_to_go_on_with(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], error: SummtuneError
) -> None:
    run = recorded(folder)
    (folder / "decoding.yaml").write_text("decode: {parameters: {num_beams: {values: [1, 2]}}}\n", encoding="utf-8")

    def ends(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"summtune.tuning.launch.{words[0]}", ends)
    assert main([*words, "--json"]) == error.exit_code
    record = json.loads(capsys.readouterr().out)
    assert (record["kind"], record["exit_code"], record["problems"]) == (type(error).__name__, error.exit_code, [])
    assert (record["run"], record["folder"]) == (run.folder.name, str(run.folder))


def test_a_fault_in_one_search_space_does_not_cost_the_next_its_turn(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: Path, **_: object) -> None:
        if path.name == "space.yaml":
            raise ZeroDivisionError("nought")
        raise SettingsMistake("the second had its turn")

    monkeypatch.setattr("summtune.config.experiment.load_experiment", load)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert main(["run", "space.yaml", "second.yaml"]) == 1
    said = capsys.readouterr().err
    assert "This is a fault in summtune, not yours: ZeroDivisionError: nought" in said
    assert "the second had its turn" in said
