"""A trained folder predicts the way it was evaluated, and the guide's own snippet works on it."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.errors import DataMistake, RunMistake
from summtune.inference.predict import DEFAULT_OUT, predict
from summtune.metrics import rouge
from summtune.training.train import train
from tests.small_training import Reports, job, rows, small_settings, write_csv


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, float | int]]:
    """The best model's folder, the dev file, and what was reported of the model."""
    folder = tmp_path_factory.mktemp("inference")
    settings = small_settings(folder, generation={"num_beams": 2}, training={"num_train_epochs": 3}, evaluation={"strategy": "full"})
    reports = Reports()
    asked = job(folder, settings)
    train(asked, reports)
    best = max(reports.metrics, key=lambda line: (line["rouge_combined_f1"], -line["iteration"]))
    assert settings.data.dev is not None
    return asked.attempt.best_model(int(best["iteration"])), settings.data.dev, best


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_predicts_what_was_evaluated(trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path) -> None:
    folder, dev, reported = trained
    done = predict(folder, dev, tmp_path / "new" / "output.csv", batch_size=32)
    assert done.metrics == pytest.approx({name: reported[name] for name in done.metrics or {}}, rel=1e-5)
    assert set(done.metrics or {}) == {"loss", *rouge.KEYS}
    written, kept = read(done.out), read(folder / "predictions.csv")
    assert [row["summary"] for row in written] == [row["summary"] for row in kept]
    assert (tmp_path / "new" / "output.csv").read_text(encoding="utf-8").startswith("fname,summary\nrow_100,")


def test_an_own_metric_that_is_gone_is_left_out_and_named(trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path) -> None:
    folder, dev, _ = trained
    elsewhere = tmp_path / "model"
    shutil.copytree(folder, elsewhere)
    stored = json.loads((elsewhere / "summtune_settings.json").read_text(encoding="utf-8"))
    stored["settings"]["evaluation"]["metrics"] = ["rouge", "/no/such/place/mine.py"]
    (elsewhere / "summtune_settings.json").write_text(json.dumps(stored), encoding="utf-8")
    done = predict(elsewhere, dev, tmp_path / "output.csv", threads=1)
    assert done.notices == ("the metric /no/such/place/mine.py is not there any more, and was left out.",)
    assert set(done.metrics or {}) == {"loss", *rouge.KEYS}


def test_without_summaries_in_the_files_order(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = [{"fname": row["fname"], "dialogue": row["dialogue"]} for row in reversed(rows(7, start=200))]
    done = predict(trained[0], write_csv(tmp_path / "test.csv", lines), tmp_path / "output.csv", threads=1)
    assert (done.rows, done.metrics) == (7, None)
    written = read(done.out)
    assert [row["fname"] for row in written] == [line["fname"] for line in lines]
    for row in written:
        assert row["summary"] == row["summary"].strip()
        assert "  " not in row["summary"]
        assert not any(token in row["summary"] for token in ("<s>", "</s>", "<pad>", "<usr>"))
    assert capfd.readouterr() == ("", "")


def test_a_file_that_lacks_some_summaries_says_why_it_is_not_scored(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path
) -> None:
    lines = rows(14, start=200)
    half = [{**line, "summary": "" if place in (3, 4) else line["summary"]} for place, line in enumerate(lines)]
    done = predict(trained[0], write_csv(tmp_path / "half.csv", half), tmp_path / "output.csv")
    assert done.metrics is None
    assert done.notices == ("not scored: 2 of 14 rows have no summary (row_203, row_204).",)
    few = [{**line, "summary": line["summary"] if place == 0 else ""} for place, line in enumerate(lines)]
    (said,) = predict(trained[0], write_csv(tmp_path / "few.csv", few), tmp_path / "output.csv").notices
    assert said.startswith("not scored: 13 of 14 rows have no summary (row_201, ")
    assert said.endswith("row_210 and 3 more).")
    none = [{**line, "summary": ""} for line in lines]
    assert predict(trained[0], write_csv(tmp_path / "none.csv", none), tmp_path / "output.csv").notices == ()


def test_in_a_job_summaries_lie_in_the_storage(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the job's own folder, which Ray deletes; wherever it is said what they are called, if it is."""
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"metadata": {"job_submission_id": "x"}}))
    monkeypatch.setenv("SUMMTUNE_STORAGE", str(tmp_path / "storage"))
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    data = str(write_csv(tmp_path / "test.csv", rows(1, start=200)))
    for said, place in (
        ([], DEFAULT_OUT),
        (["--set", "inference.result_path=mine.csv"], "mine.csv"),
        (["--out", "its/own.csv"], "its/own.csv"),
    ):
        assert main(["predict", str(trained[0]), data, *said]) == 0
        assert len(read(tmp_path / "storage" / place)) == 1
    assert list((tmp_path / "job").iterdir()) == []


def test_the_guides_snippet(trained: tuple[Path, Path, dict[str, float | int]]) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model_path = str(trained[0])
    model = AutoModelForSeq2SeqLM.from_pretrained(model_path)
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    text = rows(1, start=100)[0]["dialogue"]
    inputs = tokenizer(text, return_tensors="pt", max_length=512, truncation=True)
    outputs = model.generate(**inputs, max_length=100, num_beams=4)
    summary = tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert not any(token in summary for token in ("<s>", "</s>", "<pad>"))
    assert tokenizer.decode(tokenizer("#Person1#은 간다.")["input_ids"], skip_special_tokens=True) == "#Person1#은 간다."
    assert model.config.use_cache
    assert model.generation_config.num_beams == 2, "its own decoding travels with it"


def test_mistakes(trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path) -> None:
    with pytest.raises(RunMistake, match=r"is no model that summtune wrote: it has no summtune_settings.json"):
        predict(tmp_path, trained[1], tmp_path / "output.csv")
    with pytest.raises(DataMistake, match="there is no such file"):
        predict(trained[0], tmp_path / "none.csv", tmp_path / "output.csv")
    assert not (tmp_path / "output.csv").exists()


def test_a_place_that_can_not_be_written_is_refused_before_anything_is_decoded(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path
) -> None:
    data = write_csv(tmp_path / "test.csv", rows(2))
    for out, said in (
        (tmp_path, f"--out: {tmp_path} is a folder. Give a file in it."),
        (data, f"--out: {data} is the data itself, and would be overwritten. Give another file."),
        (data / "output.csv", f"--out: {data / 'output.csv'} can't be written: {data} is not a folder. Give another file."),
    ):
        with pytest.raises(RunMistake) as mistake:
            predict(trained[0], data, out)
        assert str(mistake.value) == said


def test_a_file_with_other_columns_is_read_as_the_message_advises(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, dev, _ = trained
    other = tmp_path / "other.csv"
    other.write_text(dev.read_text(encoding="utf-8").replace("dialogue", "dialog", 1), encoding="utf-8")
    out = tmp_path / "output.csv"
    assert main(["predict", str(folder), str(other), "--out", str(out)]) == 2
    assert "say --set data.dialogue=dialog" in capsys.readouterr().err
    assert not out.exists()
    assert main(["predict", str(folder), str(other), "--out", str(out), "--set", "data.dialogue=dialog"]) == 0
    assert len(read(out)) == len(read(dev))


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("generation.temperature=0.3", "it has no effect: generation.do_sample is false. Change that, or leave it out."),
        ("generation.num_beamz=3", "there is no setting 'generation.num_beamz'. Did you mean generation.num_beams?"),
        ("inference.engine=ct2", "not yet: inference.engine: ct2 is understood, but can't be run so far. Leave it out, or write hf."),
        ("generation.min_length=90", "90 is above generation.max_length, 24. Lower it, or raise that."),
        ("generation.max_length=1", "1 is too small: it must be at least 2."),
        ("generation.max_length=5000", "5000 is beyond the model's 128 positions. Give at most 128."),
        ("generation.max_new_tokens=5000", "5000 is beyond the model's 128 positions. Give at most 128."),
        ("generation.do_sample=true", "with generation.num_beams 2 nothing is drawn: only single summaries are."),
        ("data.max_val_samples=2", "it changes nothing here. What does: data.dialogue, data.summary, "),
        ("training.learning_rate=0.1", "it changes nothing here. What does: data.dialogue, data.summary, "),
        ("evaluation_strategy=epoch", "it changes nothing: every epoch is evaluated (evaluation.every). What does: data.dialogue, "),
        ("nonsense", "'nonsense' is no assignment. Write key=value."),
    ],
)
def test_what_is_laid_over_a_model_is_checked_as_elsewhere(
    trained: tuple[Path, Path, dict[str, float | int]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    assignment: str,
    said: str,
) -> None:
    out = tmp_path / "output.csv"
    assert main(["predict", str(trained[0]), str(trained[1]), "--out", str(out), "--set", assignment]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_the_settings_say_where_to_write(trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path) -> None:
    done = predict(trained[0], trained[1], None, assignments=[f"inference.result_path={tmp_path / 'mine.csv'}", "num_beams=1"])
    assert done.out == tmp_path / "mine.csv"
    assert done.out.is_file()


def test_any_format_with_several_references(trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path) -> None:
    folder, dev, reported = trained
    file = tmp_path / "test.jsonl"
    lines = [
        {"id": number, "turns": row["dialogue"].split("\n"), "one": "전혀 다른 말이다.", "two": row["summary"]}
        for number, row in enumerate(read(dev))
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    named = ["data.id=id", "data.dialogue=turns", "data.summary=[one, two]"]
    several = predict(folder, file, tmp_path / "several.csv", assignments=named)
    single = predict(folder, file, tmp_path / "single.csv", assignments=[*named, "data.summary=two"])
    assert [row["summary"] for row in read(several.out)] == [row["summary"] for row in read(folder / "predictions.csv")]
    assert [row["fname"] for row in read(several.out)] == [str(line["id"]) for line in lines]
    assert several.metrics is not None
    assert single.metrics is not None
    assert several.metrics["rouge1_f1"] >= single.metrics["rouge1_f1"]
    assert single.metrics["rouge1_f1"] == pytest.approx(reported["rouge1_f1"])
    words = ["predict", str(folder), str(file), "--out", str(tmp_path / "cli.csv"), "--json"]
    assert main([*words, *(word for assignment in named for word in ("--set", assignment))]) == 0


def test_what_was_cut_is_said(
    trained: tuple[Path, Path, dict[str, float | int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {**rows(1)[0], "dialogue": rows(1)[0]["dialogue"] + "\n#Person1#: 네." * 60}
    file = write_csv(tmp_path / "test.csv", [*rows(3, start=10), long])
    done = predict(trained[0], file, tmp_path / "output.csv")
    (notice,) = done.notices
    assert re.fullmatch(
        r"Cut to length: 1 of 4 dialogues \([0-9]+ tokens\) of test.csv: the model reads no more than tokenizer.encoder_max_len \(128\).",
        notice,
    )
    assert main(["predict", str(trained[0]), str(file), "--out", str(tmp_path / "output.csv")]) == 0
    assert f"note: {notice}\n" in capsys.readouterr().out


def test_cleaning_and_topics_are_as_in_training(tmp_path: Path) -> None:
    lines = [{**row, "topic": "약속", "dialogue": row["dialogue"].replace(" ", "  ")} for row in rows(8)]
    train_file, dev_file = write_csv(tmp_path / "train.csv", lines), write_csv(tmp_path / "dev.csv", lines[:4])
    data = {"train": train_file, "dev": dev_file, "clean": True, "topic_prefix": True}
    settings = small_settings(tmp_path, data=data, training={"num_train_epochs": 1})
    reports, asked = Reports(), job(tmp_path, settings)
    train(asked, reports)
    folder = asked.attempt.best_model(1)
    results = json.loads(asked.attempt.results.read_text(encoding="utf-8"))
    assert results["data"]["train"]["cleaned"] == {"dialogues": 8, "summaries": 0}
    done = predict(folder, dev_file, tmp_path / "output.csv")
    assert (done.metrics or {})["loss"] == pytest.approx(reports.metrics[0]["loss"], rel=1e-5)
    tidy = [{**row, "dialogue": f"[약속]\n{row['dialogue'].replace('  ', ' ')}"} for row in lines[:4]]
    same = predict(
        folder,
        write_csv(tmp_path / "tidy.csv", tidy),
        tmp_path / "tidy-output.csv",
        assignments=["data.clean=false", "data.topic_prefix=false"],
    )
    assert read(same.out) == read(done.out)
    assert (same.metrics or {})["loss"] == pytest.approx((done.metrics or {})["loss"], rel=1e-6)
    bare = write_csv(tmp_path / "bare.csv", [{"fname": "a", "dialogue": "x"}])
    with pytest.raises(DataMistake, match=r"topic: there is no column 'topic' \(data.topic\)"):
        predict(folder, bare, tmp_path / "output.csv")
