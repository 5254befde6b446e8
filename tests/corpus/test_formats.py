"""Every format says the same of the same dialogues, and every way in which one can be broken is named by its place."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.settings import Data
from summtune.corpus.dialogues import SHOWN_PROBLEMS, Dialogue, read_dialogues
from summtune.corpus.reading import SUFFIXES
from tests.corpus.test_dialogues import complaints

ROWS = [
    {"fname": "a", "dialogue": '#Person1#: "안녕",\t잘 지냈어?\n#Person2#: 네.', "summary": "둘이\n인사한다.", "topic": "인사"},
    {"fname": "b", "dialogue": "#Person1#: 잘 가.", "summary": "헤어진다.", "topic": "작별"},
]


def _delimited(file: Path, separator: str) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(ROWS)


def _parquet(file: Path, rows: list[dict[str, Any]] = ROWS) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), file)


def _whole(file: Path) -> None:
    file.write_text(json.dumps(ROWS), encoding="utf-8")


def _lines(file: Path) -> None:
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n", encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    ".csv": lambda file: _delimited(file, ","),
    ".tsv": lambda file: _delimited(file, "\t"),
    ".json": _whole,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".parquet": _parquet,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_says_the_same(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"train{suffix.upper() if suffix == '.json' else suffix}"
    WRITERS[suffix](file)
    split = read_dialogues(file, Data(topic_prefix=True), with_summaries=True)
    expected = [(row["fname"], f"[{row['topic']}]\n{row['dialogue']}", row["summary"], (row["summary"],)) for row in ROWS]
    assert [(row.id, row.dialogue, row.summary, row.references) for row in split.dialogues] == expected
    assert split.header == ("fname", "dialogue", "summary", "topic")
    places = {".csv": [2, 5], ".tsv": [2, 5], ".jsonl": [1, 2], ".ndjson": [1, 2], ".json": [1, 2], ".parquet": [1, 2]}
    assert [row.line for row in split.dialogues] == places[suffix]


def test_the_digest_is_that_of_the_texts_whatever_the_format(tmp_path: Path) -> None:
    splits = []
    for suffix, write in WRITERS.items():
        write(tmp_path / f"train{suffix}")
        splits.append(read_dialogues(tmp_path / f"train{suffix}", Data(), with_summaries=True))
    assert len({split.digest for split in splits}) == 1
    assert len({split.fingerprint for split in splits}) == len(WRITERS) - 1, "JSON Lines has two suffixes"


def test_tsv_quotes_as_csv_does(tmp_path: Path) -> None:
    said = complaints(tmp_path / "train.tsv", 'fname\tdialogue\tsummary\na\t"b" said\ts\n')
    assert said[0].startswith("train.tsv:2: text follows a closing double quote; a quote inside a quoted field is written twice")
    said = complaints(tmp_path / "train.tsv", "fname\tdialogue\tsummary\na\tb\tc\td\n")
    assert said == [
        "train.tsv:2: this row has 4 fields, the header has 3 fields. Put text that holds a tab or a line break into double quotes."
    ]


@pytest.mark.parametrize(
    ("name", "header", "advice"),
    [
        ("train.csv", "fname\tdialogue\tsummary", "The file seems to be separated by tabs: name it .tsv."),
        ("train.tsv", "fname,dialogue,summary", "The file seems to be separated by commas: name it .csv."),
        ("train.tsv", "fname;dialogue;summary", "The file seems to be separated by semicolons; it must be separated by tabs."),
    ],
)
def test_the_wrong_separator(tmp_path: Path, name: str, header: str, advice: str) -> None:
    assert complaints(tmp_path / name, f"{header}\n")[0].endswith(advice)


def read_json(tmp_path: Path, value: Any, **columns: Any) -> tuple[Dialogue, ...]:
    file = tmp_path / "train.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return read_dialogues(file, Data(**columns), with_summaries=True).dialogues


def test_turns_are_joined_by_line_breaks(tmp_path: Path) -> None:
    turns: list[Any] = [
        {"speaker": "#Person1#", "text": "안녕?", "time": 3},
        {"speaker": 2, "utterance": "네."},
        {"utterance": "…"},
        "#Person1#: 잘 가.",
    ]
    (row,) = read_json(tmp_path, [{"fname": 7, "dialogue": turns, "summary": "s"}])
    assert row.id == "7"
    assert row.dialogue == "#Person1#: 안녕?\n2: 네.\n…\n#Person1#: 잘 가."
    _parquet(tmp_path / "train.parquet", [{"fname": 7, "dialogue": ["A: 안녕?", "B: 네."], "summary": "s"}])
    (row,) = read_dialogues(tmp_path / "train.parquet", Data(), with_summaries=True).dialogues
    assert (row.id, row.dialogue) == ("7", "A: 안녕?\nB: 네.")


def test_an_object_around_a_single_list_is_that_list(tmp_path: Path) -> None:
    rows = [{"fname": "a", "dialogue": "x", "summary": "s"}]
    assert read_json(tmp_path, {"version": 1, "data": rows})[0].id == "a"
    for value, said in (
        ({"train": rows, "dev": rows}, "Which of 'train', 'dev' is it? Save that one as a file of its own."),
        ({"fname": ["a"], "dialogue": ["x"]}, "It holds a list per column; save it as one object per row (pandas: orient='records')."),
        ({"data": rows, "about": {"who": "me"}}, "Save the dialogues as [{…}, {…}]."),
    ):
        expected = f"train.json: this is an object, where a list of objects is meant. {said}"
        assert complaints(tmp_path / "train.json", json.dumps(value)) == [expected]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.json", "[", "t.json:1:2: this isn't JSON: expecting value. Nothing of the file was read."),
        ("t.json", '[{"a":\n 1,}]', "t.json:2:4: this isn't JSON: expecting property name enclosed in double quotes."),
        ("t.json", '{"a": 1}\n{"a": 2}\n', "t.json:2:1: this isn't JSON: extra data. Is it JSON Lines, an object per line?"),
        ("t.json", '[{"a": 1, "a": 2}]', "t.json: 'a' stands twice in one object. Nothing of the file was read."),
        ("t.json", '[{"a": NaN}]', "t.json: NaN isn't JSON; write null for what is missing."),
        ("t.json", "[" * 100_000, "t.json: it is nested too deeply."),
        ("t.json", f'[{{"fname": {"9" * 5000}}}]', "t.json: it holds a number of thousands of digits."),
        ("t.json", "3", "t.json: this is a number, where a list of objects is meant. Save the dialogues as [{…}, {…}]."),
        ("t.json", "[]", "t.json: there is no row. Add at least one dialogue."),
        ("t.jsonl", '[{"a": 1}]', "t.jsonl:1: this is a list, where an object is meant. A list of objects is a .json file: rename it."),
        ("t.jsonl", '[\n{"a": 1}]', "t.jsonl:1: this isn't JSON: expecting value. A list of objects is a .json file"),
        ("t.parquet", "PAR1 or not", "t.parquet: this isn't a whole Parquet file: "),
        ("t.json", " \n", "t.json: the file is empty. It needs at least one row."),
    ],
)  # fmt: skip
def test_what_is_no_file_of_its_format(tmp_path: Path, name: str, content: str, expected: str) -> None:
    said = complaints(tmp_path / name, content)
    assert len(said) == 1
    assert said[0].startswith(expected)


def test_every_broken_line_of_json_lines_is_named(tmp_path: Path) -> None:
    good = '{"fname": "%s", "dialogue": "x", "summary": "s"}'
    content = "\n".join([good % "a", '{"fname": ', "", "3", good % "a", good % "b\u2028c", '{"fname": "d", "dialogue": "x"}'])
    assert complaints(tmp_path / "t.jsonl", content) == [
        "t.jsonl:2:11: this isn't JSON: expecting value. Each line must be one JSON object.",
        "t.jsonl:4: this is a number, where an object is meant. Each line must be one JSON object.",
        "t.jsonl:5: fname: 'a' was already the id of line 1. Ids must differ.",
        "t.jsonl:7: summary: is missing. Fill it in, or delete the row.",
    ]


def test_every_broken_row_of_json_is_named_by_its_number(tmp_path: Path) -> None:
    meant = "but one of them is meant"
    bad: list[tuple[Any, str]] = [
        ({"dialogue": 5}, "dialogue: is a number, where text is meant."),
        ({"dialogue": None}, "dialogue: is null. Fill it in, or delete the row."),
        ({"dialogue": []}, "dialogue: is empty. Fill it in, or delete the row."),
        ({"dialogue": ["a", 3]}, "dialogue: turn 2 is a number, where text is meant."),
        ({"dialogue": [{"speaker": "A"}]}, f"dialogue: turn 1 has neither 'utterance' nor 'text', {meant}; it has 'speaker'."),
        (
            {"dialogue": [{"text": "a", "utterance": "b"}]},
            f"dialogue: turn 1 has both 'utterance' and 'text', {meant}; it has 'text', 'utterance'.",
        ),
        ({"fname": True}, "fname: is a switch, where text is meant."),
        ({"fname": 1.5}, "fname: is a number, where text is meant."),
        ({"fname": 0}, "fname: '0' was already the id of row 1. Ids must differ."),
        ({"summary": ["s"]}, "summary: is a list, where text is meant."),
        ({"summary": "half \ud800"}, "summary: holds half of a surrogate pair, which is no character. Write the character itself."),
    ]  # fmt: skip
    rows = [{"fname": number, "dialogue": "x", "summary": "s", **change} for number, (change, _) in enumerate([({}, ""), *bad])]
    said = complaints(tmp_path / "t.json", json.dumps([*rows, "row"]))
    assert said == [
        *(f"t.json: row {number}: {expected}" for number, (_, expected) in enumerate(bad, start=2)),
        "t.json: row 13: this is text, where an object is meant.",
    ]
    _parquet(tmp_path / "t.parquet", [{"fname": "a", "dialogue": "x", "summary": None}, {"fname": "a", "dialogue": " ", "summary": "s"}])
    assert complaints(tmp_path / "t.parquet", (tmp_path / "t.parquet").read_bytes()) == [
        "t.parquet: row 1: summary: is null. Fill it in, or delete the row.",
        "t.parquet: row 2: dialogue: is empty. Fill it in, or delete the row.",
        "t.parquet: row 2: fname: 'a' was already the id of row 1. Ids must differ.",
    ]


def test_long_lists_of_json_are_cut(tmp_path: Path) -> None:
    said = complaints(tmp_path / "t.jsonl", "x\n" * 50)
    assert len(said) == SHOWN_PROBLEMS + 1
    assert said[-1] == "t.jsonl: and 30 more problems like these."


def test_a_column_that_json_has_not_got(tmp_path: Path) -> None:
    said = complaints(tmp_path / "t.json", '[{"id": 1, "dialogue": "x", "summary": "s"}]')
    assert said == [
        "t.json: fname: there is no column 'fname' (data.id). The file has 'id', 'dialogue', 'summary'. "
        "Say which one it is with --set data.id=<column>."
    ]


def test_two_columns_of_one_name_in_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["x", "x"]), tmp_path / "t.parquet")
    said = complaints(tmp_path / "t.parquet", (tmp_path / "t.parquet").read_bytes())
    assert said == ["t.parquet: two columns are called 'x'. Rename one of them."]


def test_dialogsum_s_and_samsum_s_own_forms(tmp_path: Path) -> None:
    dialogsum = tmp_path / "test.jsonl"
    row = {"fname": "test_0", "dialogue": "#Person1#: Hi.", "topic1": "greeting"} | {f"summary{n}": f"s{n}" for n in (1, 2, 3)}
    dialogsum.write_text(json.dumps(row), encoding="utf-8")
    named = Data(summary=("summary", "summary1", "summary2", "summary3"), topic="topic1", topic_prefix=True)
    (read,) = read_dialogues(dialogsum, named, with_summaries=True).dialogues
    assert (read.dialogue, read.summary, read.references) == ("[greeting]\n#Person1#: Hi.", "s1", ("s1", "s2", "s3"))
    samsum = tmp_path / "val.json"
    samsum.write_text(json.dumps([{"id": "13", "dialogue": "A: Hi\r\nB: Hey", "summary": "A greets B."}]), encoding="utf-8")
    (read,) = read_dialogues(samsum, Data(id="id"), with_summaries=True).dialogues
    assert (read.id, read.dialogue, read.summary) == ("13", "A: Hi\nB: Hey", "A greets B.")
