"""Several references, and topics: by their columns, with what is missing named."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.config.settings import Data, Settings
from summtune.corpus.check import check_corpus
from summtune.corpus.dialogues import read_dialogues
from summtune.errors import DataMistake
from tests.corpus.test_dialogues import complaints

BOTH = Data(summary=("summary", "summary2"), references=("summary3",))


def test_the_first_that_is_not_empty_is_taught(tmp_path: Path) -> None:
    file = tmp_path / "dev.csv"
    file.write_text("fname,dialogue,summary,summary2,summary3\na,x,s1,s2,s3\nb,x,,s2,\nc,x,, ,s3\n", encoding="utf-8")
    split = read_dialogues(file, BOTH, with_summaries=True)
    assert [(row.summary, row.references) for row in split.dialogues] == [("s1", ("s1", "s2", "s3")), ("s2", ("s2",)), ("s3", ("s3",))]
    assert split.has_summaries


def test_a_row_needs_one(tmp_path: Path) -> None:
    said = complaints(tmp_path / "dev.csv", "fname,dialogue,summary,summary2,summary3\na,x,,,\n", data=BOTH)
    assert said == ["dev.csv:2: summary: is empty, and so are summary2, summary3. Fill in at least one."]
    said = complaints(tmp_path / "dev.csv", "fname,dialogue,summary,summary3\na,x,,\n", data=BOTH)
    assert said == ["dev.csv:2: summary: is empty, and so is summary3. Fill in at least one."]


def test_a_file_needs_one_of_the_columns(tmp_path: Path) -> None:
    said = complaints(tmp_path / "dev.csv", "fname,dialogue,sumary\na,x,s\n", data=BOTH)
    assert said == [
        "dev.csv:1: summary: there is no column 'summary' (data.summary), nor 'summary2', 'summary3'. Did you mean 'sumary'? "
        "The file has 'fname', 'dialogue', 'sumary'. Rename it, or say --set data.summary=sumary."
    ]
    twice = Data(summary=("summary", "summary2"), references=("summary2",))
    said = complaints(tmp_path / "dev.csv", "fname,dialogue,summary,summary2\na,x,s,s\n", data=twice)
    assert said == [
        "data.references: 'summary2' is named twice among the references. Name each column once, in data.summary or in data.references."
    ]


def test_a_column_that_no_file_has_is_a_slip(tmp_path: Path) -> None:
    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv"
    train.write_text("fname,dialogue,summary\na,x,s\n", encoding="utf-8")
    dev.write_text("fname,dialogue,summary2,summary3\na,x,s,s\n", encoding="utf-8")
    facts = check_corpus(Settings(data=BOTH.model_copy(update={"train": train, "dev": dev}))).to_record()
    assert [facts[split]["references"] for split in ("train", "dev")] == [("summary",), ("summary2", "summary3")]
    slip = Data(train=train, dev=dev, summary=("summary", "summary2"), references=("sumary3",))
    with pytest.raises(DataMistake) as caught:
        check_corpus(Settings(data=slip))
    has = "They have 'fname', 'dialogue', 'summary', 'summary2', 'summary3'."
    assert str(caught.value) == f"data.references: no file has a column 'sumary3'. {has}"


def test_the_topic_stands_above_the_dialogue(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("fname,dialogue,summary,topic,주제\na,x,s,t  t,병원\n", encoding="utf-8")
    (row,) = read_dialogues(file, Data(topic_prefix=True, topic="주제"), with_summaries=True).dialogues
    assert row.dialogue == "[병원]\nx"
    (row,) = read_dialogues(file, Data(topic_prefix=True, clean=True), with_summaries=True).dialogues
    assert row.dialogue == "[t t]\nx"
    (row,) = read_dialogues(file, Data(), with_summaries=True).dialogues
    assert row.dialogue == "x"


def test_a_missing_topic_is_named(tmp_path: Path) -> None:
    said = complaints(tmp_path / "t.csv", "fname,dialogue,summary\na,x,s\n", data=Data(topic_prefix=True))
    assert said == [
        "t.csv:1: topic: there is no column 'topic' (data.topic). The file has 'fname', 'dialogue', 'summary'. "
        "Say which one it is with --set data.topic=<column>."
    ]
    said = complaints(tmp_path / "t.csv", "fname,dialogue,summary,topic\na,x,s,\n", data=Data(topic_prefix=True))
    assert said == ["t.csv:2: topic: is empty. Fill it in, or delete the row."]
