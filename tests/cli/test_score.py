"""`summtune score` over files that match, files that don't, and every kind of column."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from summtune.cli.main import main
from summtune.inference.scoring import interval
from summtune.metrics import rouge

DIALOGUES = [
    ("a", "#Person1#: 학교에 가요.", "#Person1#은 학교에 간다.", "#Person1#은 간다."),
    ("b", "#Person1#: 밥 먹자.", "밥을 먹는다.", "먹자고 한다."),
]


def write(file: Path, header: list[str], rows: list[list[str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return file


@pytest.fixture
def references(tmp_path: Path) -> Path:
    return write(tmp_path / "dev.csv", ["fname", "dialogue", "summary", "summary2"], [list(row) for row in DIALOGUES])


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return write(tmp_path / "out.csv", ["fname", "summary"], [["b", ""], ["a", "#Person1#은 학교에 간다."]])


def scored(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    assert main(["score", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert main(["score", *map(str, words), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    return [
        f"{problem['file'].rpartition('/')[2]} {problem['key']}: {problem['reason']} {problem['remedy']}" for problem in found["problems"]
    ]


def test_files_in_another_order(predictions: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scored(capsys, predictions, references, "--per-dialogue")
    assert found["dialogues"] == 2
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    assert set(metrics) == set(rouge.KEYS)
    assert metrics["rouge1_f1"] == {"mean": 0.5, "low": 0.0, "high": 1.0, "goal": "maximize", "unit": "F1, 0..1"}
    assert found["per_dialogue"]["a"]["rougeL_f1"] == 1.0
    assert found["per_dialogue"]["b"]["rougeL_f1"] == 0.0
    assert found["scoring"]["rouge"]["tokenizer"].startswith("mecab (")


def test_the_table(predictions: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["score", str(predictions), str(references), "--metric", "rouge", "--metric", "guardrails", "--metric", "length_ratio"]) == 0
    )
    text = capsys.readouterr().out
    assert "rouge1_f1" in text
    assert "0.5000  0.0000 to 1.0000  higher" in text
    assert "n = 2 dialogues; intervals by 2,000 resamplings of them." in text
    row = next(line for line in text.splitlines() if line.startswith("guardrails/empty"))
    assert row.split()[1:] == ["0.5000", "0.0000", "to", "1.0000", "lower", "share", "of", "summaries,", "0..1"]
    assert "neither" in next(line for line in text.splitlines() if line.startswith("length_ratio"))


def test_columns_and_settings(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write(tmp_path / "o.csv", ["id", "text"], [["a", "#Person1#은 간다."], ["b", "밥을 먹는다."]])
    target = write(tmp_path / "t.csv", ["id", "one", "two"], [[row[0], row[2], row[3]] for row in DIALOGUES])
    words = (other, target, "--id", "id", "--prediction", "text", "--reference", "one", "--reference", "two")
    over = {way: scored(capsys, *words, "--set", f"evaluation.references={way}") for way in ("max", "mean")}
    best, mean = (over[way]["metrics"]["rouge1_f1"]["mean"] for way in ("max", "mean"))
    assert best == 1.0
    assert 0 < mean < 1
    found = scored(capsys, *words, "--set", "evaluation.combined={rouge1: 2}", "--set", "evaluation.rouge_tokenizer=whitespace")
    assert found["metrics"]["rouge_combined_f1"]["mean"] == 2.0
    assert found["scoring"]["rouge"]["tokenizer"] == "whitespace"
    alone = write(tmp_path / "one.csv", ["fname", "summary"], [["a", "가"]])
    found = scored(capsys, alone, alone)
    assert found["metrics"]["rouge1_f1"]["low"] is None


def test_a_further_reference_may_be_absent_and_one_must_be_there(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in training: what is absent is no reference, and no empty one."""
    guess = write(tmp_path / "p.csv", ["fname", "summary"], [["a", "밥을 먹는다."], ["b", "학교에 간다."]])
    target = write(tmp_path / "r.csv", ["fname", "one", "two"], [["a", "밥을 먹는다.", " "], ["b", "", "학교에 간다."]])
    words = ("--reference", "one", "--reference", "two", "--metric", "rouge", "--metric", "length_ratio")
    for way in ("max", "mean"):
        found = scored(capsys, guess, target, *words, "--set", f"evaluation.references={way}")["metrics"]
        assert (found["rouge1_f1"]["mean"], found["length_ratio"]["mean"]) == (1.0, 1.0)
    alone = ("--reference", "one")
    assert refused(capsys, guess, target, *alone) == ["r.csv one: is empty. Fill it in, or delete the row."]
    none = write(tmp_path / "n.csv", ["fname", "dialogue", "one", "two"], [["a", "가", "", ""], ["b", "나", "", "학교에 간다."]])
    both = ("--reference", "one", "--reference", "two")
    assert refused(capsys, guess, none, *both) == ["n.csv one: is empty, and so is two. Fill in at least one."]
    found = scored(capsys, guess, none, *both, "--metric", "guardrails")["metrics"]
    assert found["guardrails/empty"]["mean"] == 0.0, "it asks for no reference"


def test_one_s_own_metric(predictions: Path, references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "letters.py"
    head = 'KEYS = ("letters",)\nGOAL = {"letters": None}\nUNIT = {"letters": "letters"}\n'
    own.write_text(head + "def score(summaries):\n    return {'letters': list(map(len, summaries.predictions))}\n", encoding="utf-8")
    found = scored(capsys, predictions, references, "--metric", own)
    assert found["metrics"] == {"letters": {"mean": 9.0, "low": 0.0, "high": 18.0, "goal": None, "unit": "letters"}}
    own.write_text(head + "def score(summaries):\n    return 1 / 0\n", encoding="utf-8")
    assert refused(capsys, predictions, references, "--metric", own) == ["letters.py : ZeroDivisionError: division by zero. Mend it."]


def test_one_s_own_unit_may_have_brackets(predictions: Path, references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "letters.py"
    head = 'KEYS = ("letters",)\nGOAL = {"letters": None}\nUNIT = {"letters": "letters [n] per [/x]"}\n'
    own.write_text(head + "def score(summaries):\n    return {'letters': list(map(len, summaries.predictions))}\n", encoding="utf-8")
    assert main(["score", str(predictions), str(references), "--metric", str(own)]) == 0
    assert "letters [n] per [/x]" in capsys.readouterr().out


def test_ids_that_do_not_match_are_named(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write(tmp_path / "o.csv", ["fname", "summary"], [["a", "가"], ["c", "가"], *([f"x{number}", "가"] for number in range(11))])
    found = refused(capsys, other, references)
    assert [problem.replace(f"{tmp_path}/", "") for problem in found] == [
        "o.csv : it has no summary of 1 of the 2 ids of dev.csv: b. Score files of the same dialogues.",
        "dev.csv : it has no reference for 12 of the 13 ids of o.csv: c, x0, x1, x2, x3, x4, x5, x6, x7, x8 and 2 more. "
        "Score files of the same dialogues.",
    ]
    twice = write(tmp_path / "twice.csv", ["fname", "summary"], [["a", "가"], ["a", "나"], ["", "다"]])
    found = refused(capsys, twice, references)
    assert found == ["twice.csv fname: 'a' was already the id of line 2. Ids must differ.", "twice.csv fname: is empty. Fill it in."]


def test_a_file_with_many_problems_shows_some(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nameless = write(tmp_path / "o.csv", ["fname", "summary"], [["", "가"]] * 1000)
    found = refused(capsys, nameless, references)
    assert found[0] == "o.csv fname: is empty. Fill it in."
    assert found[20:] == ["o.csv : and 980 more problems like these. "]


def test_values_of_each_dialogue_need_json(predictions: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(predictions), str(references), "--per-dialogue"]) == 2
    assert capsys.readouterr().err == "--per-dialogue: the values of each dialogue are told as JSON only. Add --json.\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--id", "id"], "out.csv : there is no column 'id'. The file has 'fname', 'summary'; say which with --id."),
        (["--reference", "sumary"], "there is no column 'sumary'."),
        (["--metric", "latency"], "latency needs seconds, which are not known here. Leave it out."),
        (["--metric", "compression", "--dialogue", "text"], "compression needs dialogues, which are not known here."),
        (["--metric", "rogue"], "there is no metric 'rogue'. Did you mean rouge?"),
        (["--metric", "mine.py"], "mine.py : there is no such file."),
        (["--set", "training.seed=1"], "--set training.seed: it changes nothing here. What does: evaluation.metrics, "),
        (["--set", "report_to=none"], "--set report_to: it changes nothing: wandb.mode decides it. What does: evaluation.metrics, "),
        (["--set", "evaluation.strategy=full"], "--set evaluation.strategy: it changes nothing here."),
        (["--set", "evaluation.sealed=true"], "--set evaluation.sealed: it changes nothing here."),
        (["--metric", "rouge", "--set", "evaluation.metrics=[length_ratio]"], "--set evaluation.metrics: it changes nothing here."),
        (["--set", "evaluation.references=best"], "evaluation.references: "),
        (["--set", "evaluation.combined={rouge9: 1}"], "there is no 'rouge9' to weigh."),
    ],
)
def test_what_can_not_be(predictions: Path, references: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str) -> None:
    found = refused(capsys, predictions, references, *words)
    assert any(problem in one for one in found), found


def test_intervals_are_repeatable_and_cover_the_mean() -> None:
    values = [0.0, 0.1, 0.5, 0.2, 0.9] * 20
    low, high = interval(values)
    assert (low, high) == interval(values)
    assert low is not None
    assert high is not None
    assert low < 0.34 < high
    assert 0.09 < high - low < 0.17, "about four standard errors of 0.0316"
    assert interval([0.25, 0.25]) == (0.25, 0.25)
    assert interval([0.25]) == (None, None)
