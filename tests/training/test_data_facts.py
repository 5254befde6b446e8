"""What truncation and cleaning do to data is counted, and said in one sentence; what was tokenised is made again only when it must be."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.families import Sources, family_of
from summtune.training.data_facts import cuts, data_facts, data_notices
from summtune.training.notices import Notices
from summtune.training.rows import token_rows
from summtune.training.store import Store
from summtune.training.train import train
from tests.small_training import Reports, job, rows, small_settings, write_csv

LONG = rows(12)
LONG[3]["dialogue"] += "\n#Person1#: " + "그리고 은행에도 가요. " * 10
LONG[5]["dialogue"] += "\n#Person1#: " + "그리고 은행에도 가요. " * 20


def written(folder: Path, lines: list[dict[str, str]] = LONG, **sections: dict[str, Any]) -> Settings:
    """Settings of data that are written to a folder."""
    train, dev = write_csv(folder / "train.csv", lines), write_csv(folder / "dev.csv", rows(3, start=50))
    changed: dict[str, Any] = {**sections, "data": {"train": train, "dev": dev, **sections.get("data", {})}}
    return small_settings(folder, **changed)


def test_truncation_is_counted_and_said_once(tmp_path: Path) -> None:
    notes: list[str] = []
    write_csv(tmp_path / "short.csv", [{"fname": "a", "dialogue": "네.", "summary": "네."}])
    short = {"vocab_size": 600, "encoder_max_len": 60, "decoder_max_len": 8}
    settings = written(tmp_path, data={"dev": tmp_path / "short.csv"}, tokenizer=short)
    asked, reports = job(tmp_path, settings), Reports()
    train(asked, reports, notes.append)
    results = json.loads(asked.attempt.results.read_text(encoding="utf-8"))
    facts = results["data"]["train"]
    family = family_of(settings)
    split = read_split(settings.data, "train")
    loaded = family.load(settings, Sources(Store(tmp_path / "cache").once, list, split.digest))
    lengths = [len(ids) for ids in loaded.tokenizer([one.dialogue for one in split.dialogues])["input_ids"]]
    targets = [len(ids) for ids in loaded.tokenizer([one.summary for one in split.dialogues])["input_ids"]]
    beyond = [length - 60 for length in lengths if length > 60], [length - 8 for length in targets if length > 8]
    assert 0 < len(beyond[0]) < 12
    assert len(beyond[1]) > 0
    assert (facts["dialogues_cut"], facts["dialogue_tokens_cut"]) == (len(beyond[0]), sum(beyond[0]))
    assert (facts["summaries_cut"], facts["summary_tokens_cut"]) == (len(beyond[1]), sum(beyond[1]))
    assert (facts["rows"], facts["references"], facts["cleaned"]) == (12, ["summary"], None)
    dialogues = f"{len(beyond[0])} of 12 dialogues ({sum(beyond[0])} tokens)"
    summaries = f"{len(beyond[1])} of 12 summaries ({sum(beyond[1])} tokens)"
    raised = "tokenizer.encoder_max_len (60) and tokenizer.decoder_max_len (8)"
    expected = f"Cut to length: {dialogues} and {summaries} of train; raise {raised} to keep them whole."
    assert notes == results["notices"] == [expected]
    assert asked.attempt.log.read_text(encoding="utf-8").count(expected) == 1


def test_nothing_cut_is_nothing_said(tmp_path: Path) -> None:
    notes: list[str] = []
    asked = job(tmp_path, small_settings(tmp_path, training={"num_train_epochs": 1}))
    train(asked, Reports(), notes.append)
    assert notes == []
    results = json.loads(asked.attempt.results.read_text(encoding="utf-8"))
    assert results["notices"] == []
    assert [results["data"]["train"][key] for key in ("dialogues_cut", "dialogue_tokens_cut", "summaries_cut", "summary_tokens_cut")] == [
        0
    ] * 4


def test_the_hardware_s_notice_goes_the_same_way(tmp_path: Path) -> None:
    notes: list[str] = []
    settings = small_settings(tmp_path, training={"num_train_epochs": 1, "precision": "fp16"})
    train(job(tmp_path, settings), Reports(), notes.append)
    assert notes == ["fp16 was asked for, but there is no GPU: fp32 is used."]


def test_the_sentence() -> None:
    none = {"rows": 5, "dialogues_cut": 0, "dialogue_tokens_cut": 0, "summaries_cut": 0, "summary_tokens_cut": 0, "cleaned": None}
    many = {**none, "rows": 12460, "dialogues_cut": 1234, "dialogue_tokens_cut": 56789}
    short = {**none, "summaries_cut": 2, "summary_tokens_cut": 3}
    said = data_notices({"train": many, "dev": short}, Settings(), line_break_added=False)
    assert said == [
        "Cut to length: 1,234 of 12,460 dialogues (56,789 tokens) of train, 2 of 5 summaries (3 tokens) of dev; raise "
        "tokenizer.encoder_max_len (512) and tokenizer.decoder_max_len (128) to keep them whole."
    ]
    clean = Settings.model_validate({"data": {"clean": True}})
    unchanged, changed = ({**none, "cleaned": {"dialogues": count, "summaries": 0}} for count in (0, 1))
    assert data_notices({"train": unchanged}, clean, line_break_added=False) == ["data.clean changed nothing: the data were clean."]
    assert data_notices({"train": unchanged, "dev": changed}, clean, line_break_added=False) == []
    assert "given one as a token" in data_notices({"train": none}, Settings(), line_break_added=True)[0]


def test_a_notice_is_said_once() -> None:
    told: list[str] = []
    notices = Notices(told.append)
    for text in ("a", "", "b", "a"):
        notices.say(text)
    assert told == notices.said == ["a", "b"]


def made(folder: Path, settings: Settings, tokenizer_of: str = "") -> int:
    """How many tokenised splits the cache holds after these settings' training rows were asked for."""
    store = Store(folder / "cache")
    split = read_split(settings.data, "train")
    family = family_of(settings)
    texts = [text for one in split.dialogues for text in (one.dialogue, one.summary or "")]
    learnt = [tokenizer_of] * 50 if tokenizer_of else texts
    loaded = family.load(settings, Sources(store.once, lambda: learnt, f"always the same tokenizer {tokenizer_of}"))
    table = token_rows(family, loaded, split, settings, store, taught=True)
    facts = data_facts(split, cuts(table), settings)
    assert facts["rows"] == len(table) == len(split.dialogues)
    return sum(entry.is_dir() for entry in (folder / "cache" / "tokenised").iterdir())


def _same(folder: Path) -> dict[str, Any]:
    return {}


def _other_text(folder: Path) -> dict[str, Any]:
    lines = [dict(line) for line in LONG]
    lines[7]["dialogue"] += "!"
    write_csv(folder / "train.csv", lines)
    return {}


def _other_summary(folder: Path) -> dict[str, Any]:
    write_csv(folder / "train.csv", [*LONG[:-1], {**LONG[-1], "summary": "다른 요약."}])
    return {}


def _other_columns(folder: Path) -> dict[str, Any]:
    write_csv(folder / "train.csv", [{**line, "note": str(number), "summary2": "b"} for number, line in enumerate(LONG)])
    return {"data": {"references": ["summary2"]}}


def _other_format(folder: Path) -> dict[str, Any]:
    file = folder / "train.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in LONG), encoding="utf-8")
    return {"data": {"train": file}}


def _unclean(folder: Path) -> dict[str, Any]:
    write_csv(folder / "train.csv", [{**LONG[0], "dialogue": "두  칸", "summary": "두  칸"}, *LONG[1:]])
    return {"data": {"clean": True}}


def _topics(folder: Path) -> dict[str, Any]:
    write_csv(folder / "train.csv", [{**line, "topic": "병원"} for line in LONG])
    return {"data": {"topic_prefix": True}}


def _section(name: str, **keys: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: {name: keys}


BASE_TOKENIZER = {"vocab_size": 600, "encoder_max_len": 128, "decoder_max_len": 48}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_same, 1, id="nothing"),
        pytest.param(_other_columns, 1, id="columns that are not tokenised"),
        pytest.param(_other_format, 1, id="the same texts in another format"),
        pytest.param(_section("training", learning_rate=1e-4, per_device_train_batch_size=2, num_train_epochs=1), 1, id="training"),
        pytest.param(_section("generation", num_beams=3, max_length=20), 1, id="generation"),
        pytest.param(_section("general", seed=7), 1, id="seed"),
        pytest.param(_section("data", max_train_samples=1000), 1, id="a limit beyond the data"),
        pytest.param(_section("data", clean=True), 1, id="cleaning that changes nothing"),
        pytest.param(_other_text, 2, id="a dialogue"),
        pytest.param(_other_summary, 2, id="a summary"),
        pytest.param(_unclean, 2, id="cleaning"),
        pytest.param(_topics, 2, id="topics"),
        pytest.param(_section("data", max_train_samples=8), 2, id="fewer rows"),
        pytest.param(_section("tokenizer", encoder_max_len=64), 2, id="encoder_max_len"),
        pytest.param(_section("tokenizer", decoder_max_len=32), 2, id="decoder_max_len"),
        pytest.param(_section("tokenizer", truncation_side="left"), 2, id="truncation_side"),
        pytest.param(_section("tokenizer", prefix="요약: "), 2, id="prefix"),
        pytest.param(_section("tokenizer", special_tokens=["#Person1#"]), 2, id="special_tokens"),
    ],
)
def test_tokenised_again_when_and_only_when_it_matters(tmp_path: Path, change: Callable[[Path], dict[str, Any]], expected: int) -> None:
    assert made(tmp_path, written(tmp_path)) == 1
    sections = change(tmp_path)
    train_file = sections.get("data", {}).get("train", tmp_path / "train.csv")
    plain = {**sections, "data": {"dev": tmp_path / "dev.csv", **sections.get("data", {}), "train": train_file}}
    if "tokenizer" in plain:
        plain["tokenizer"] = {**BASE_TOKENIZER, **plain["tokenizer"]}
    assert made(tmp_path, small_settings(tmp_path, **plain)) == expected


def test_another_tokenizer_matters(tmp_path: Path) -> None:
    assert made(tmp_path, written(tmp_path)) == 1
    assert made(tmp_path, written(tmp_path), tokenizer_of="내일 병원에 갈까요? 네, 오후 2시에.") == 2


@pytest.mark.parametrize("change", [{"input_format": "{dialogue} =>"}, {"encoder_max_len": 64}])
def test_a_causal_prompt_matters(tmp_path: Path, change: dict[str, Any]) -> None:
    overrides = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256}
    model = {"architecture": "kogpt2", "config_overrides": overrides}
    assert made(tmp_path, written(tmp_path, model=model)) == 1
    assert made(tmp_path, written(tmp_path, model=model, tokenizer={**BASE_TOKENIZER, **change})) == 2


def test_cleaning_changes_what_is_taught_and_not_what_the_loss_is_measured_by(tmp_path: Path) -> None:
    lines = [{**LONG[0], "summary": "두  칸\u200b이다."}, *LONG[1:]]
    settings = written(tmp_path, lines, data={"clean": True})
    store, split, family = Store(tmp_path / "cache"), read_split(settings.data, "train"), family_of(settings)
    texts = [text for one in split.dialogues for text in (one.dialogue, one.references[0])]
    loaded = family.load(settings, Sources(store.once, lambda: texts, "digest"))
    taught, scored = (token_rows(family, loaded, split, settings, store, taught=taught) for taught in (True, False))
    said = [loaded.tokenizer.decode(table["labels"][0], skip_special_tokens=True) for table in (taught, scored)]
    assert said == ["두 칸이다.", "두  칸\u200b이다."]
    assert list(taught["input_ids"]) == list(scored["input_ids"])


def test_training_with_several_references_scores_by_all_of_them(tmp_path: Path) -> None:
    dev = [{**line, "summary2": "전혀 다른 말이다.", "summary3": ""} for line in rows(4, start=60)]
    columns = {"summary": ["summary", "summary2"], "references": ["summary3"]}
    write_csv(tmp_path / "several.csv", dev)
    write_csv(tmp_path / "one.csv", [{**line, "summary": line["summary2"]} for line in dev])
    write_csv(tmp_path / "swapped.csv", [{**line, "summary": line["summary2"], "summary2": line["summary"]} for line in dev])
    found = {}
    for name, over in (("several", "max"), ("swapped", "max"), ("several", "mean"), ("one", "max")):
        reports = Reports()
        data = {"train": tmp_path / "train.csv", "dev": tmp_path / f"{name}.csv", **(columns if name != "one" else {})}
        write_csv(tmp_path / "train.csv", LONG)
        settings = small_settings(
            tmp_path,
            data=data,
            evaluation={"strategy": "full", "references": over, "rouge_tokenizer": "char"},
            generation={"min_length": 12},
            training={"num_train_epochs": 8},
        )
        asked = job(tmp_path, settings, f"{name}-{over}")
        train(asked, reports)
        found[name, over] = reports.metrics[-1]
        (predictions,) = asked.attempt.models.rglob("predictions.csv")
        with predictions.open(encoding="utf-8", newline="") as stream:
            kept = [line["reference"] for line in csv.DictReader(stream)]
        assert kept == [line["summary2"] if name != "several" else line["summary"] for line in dev]
    assert found["several", "max"]["rouge1_f1"] == found["swapped", "max"]["rouge1_f1"], "the order of references doesn't matter"
    assert found["several", "max"]["rouge1_f1"] >= found["several", "mean"]["rouge1_f1"]
    assert found["several", "max"]["rouge1_f1"] > found["one", "max"]["rouge1_f1"]
