"""Every way in which a data file can be wrong ends in a message that names file, line and column."""

import pickle
from pathlib import Path

import pytest

from summtune.config.settings import Data
from summtune.corpus.check import check_corpus, hangul_share
from summtune.corpus.dialogues import SHOWN_PROBLEMS, read_dialogues, read_split
from summtune.errors import DataMistake

GOOD = "fname,dialogue,summary\na,#Person1#: 안녕?,인사한다.\nb,#Person2#: 잘 가.,헤어진다.\n"


def complaints(file: Path, content: str | bytes, *, with_summaries: bool = True, data: Data | None = None) -> list[str]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataMistake) as caught:
        read_dialogues(file, data or Data(), with_summaries=with_summaries)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]


def test_reads_what_is_right(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_bytes(b"\xef\xbb\xbf" + b'\r\nfname,dialogue,summary,topic\r\na,"x, ""y""\r\nz",s,\r\n')
    split = read_dialogues(file, Data(), with_summaries=True)
    assert [(row.id, row.dialogue, row.summary, row.line) for row in split.dialogues] == [("a", 'x, "y"\nz', "s", 3)]
    assert len(split.fingerprint) == 64


def test_reads_an_edited_file_again(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(GOOD)
    first = read_dialogues(file, Data(), with_summaries=True)
    file.write_text(GOOD + "c,#Person1#: 네.,대답한다.\n")
    second = read_dialogues(file, Data(), with_summaries=True)
    assert (len(first.dialogues), len(second.dialogues)) == (2, 3)
    assert first.fingerprint != second.fingerprint
    assert first.digest != second.digest


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "trian.csv").write_text(GOOD)
    with pytest.raises(DataMistake, match=r"train.csv: there is no such file. Its folder has trian.csv."):
        read_dialogues(tmp_path / "train.csv", Data(), with_summaries=True)
    with pytest.raises(DataMistake, match=r"There is no folder .*nowhere either"):
        read_dialogues(tmp_path / "nowhere" / "train.csv", Data(), with_summaries=True)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataMistake, match="this is a folder"):
        read_dialogues(tmp_path / "folder.csv", Data(), with_summaries=True)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    formats = "Give a .csv, .tsv, .json, .jsonl, .ndjson or .parquet file."
    assert complaints(tmp_path / "train.xlsx", "{}") == [f"train.xlsx: .xlsx can't be read. {formats}"]
    assert complaints(tmp_path / "train", "{}") == [f"train: a file without a suffix can't be read. {formats}"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "fname,dialog,summary",
            "Did you mean 'dialog'? The file has 'fname', 'dialog', 'summary'. Rename it, or say --set data.dialogue=",
        ),
        ("fname,Dialogue,summary", "Did you mean 'Dialogue'?"),
        ("fname,x,summary", "The file has 'fname', 'x', 'summary'. Say which one it is with --set data.dialogue=<column>."),
        ("fname;dialogue;summary", "The file seems to be separated by semicolons; it must be separated by commas."),
    ],
)
def test_misspelt_column(tmp_path: Path, header: str, expected: str) -> None:
    said = complaints(tmp_path / "train.csv", header + "\na,b,c\n")
    about = [line for line in said if line.startswith("train.csv:1: dialogue: there is no column 'dialogue' (data.dialogue).")]
    assert about
    assert expected in about[0]


def test_empty_file_and_header_only(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    assert complaints(file, "") == ["train.csv: the file is empty. It needs a header line and at least one row."]
    assert complaints(file, b"\xef\xbb\xbf\n") == ["train.csv: the file is empty. It needs a header line and at least one row."]
    assert complaints(file, "fname,dialogue,summary\n") == ["train.csv: there is a header, but no row. Add at least one dialogue."]


def test_broken_lines_are_named_by_their_physical_line(tmp_path: Path) -> None:
    content = 'fname,dialogue,summary\na,"x\ny\nz",s\nb,too,many,fields\nc,few\nd,fine,s\n'
    assert complaints(tmp_path / "train.csv", content) == [
        "train.csv:5: this row has 4 fields, the header has 3 fields. Put text that holds a comma or a line break into double quotes.",
        "train.csv:6: this row has 2 fields, the header has 3 fields. Put text that holds a comma or a line break into double quotes.",
    ]


def test_rows_of_separators_alone_are_rows(tmp_path: Path) -> None:
    """As spreadsheets leave them. Empty lines are none, nor is what stands above the header."""
    assert complaints(tmp_path / "train.csv", '\n,,\nfname,dialogue,summary\na,x,s\n\n,,\nb,x,s\n"","",""\n') == [
        f"train.csv:{line}: {column}: is empty. Fill it in, or delete the row."
        for line in (6, 8)
        for column in ("dialogue", "summary", "fname")
    ]


def test_unterminated_quote(tmp_path: Path) -> None:
    said = complaints(tmp_path / "train.csv", 'fname,dialogue,summary\na,x,s\nb,"x,s\nc,x,s\n')
    assert said == ["train.csv:3: the double quote that opens in this row is never closed. Rows from here on were not read."]
    said = complaints(tmp_path / "train.csv", 'fname,dialogue,summary\na,"x"y,s\n')
    assert said[0].startswith("train.csv:2: text follows a closing double quote")


def test_not_utf8(tmp_path: Path) -> None:
    said = complaints(tmp_path / "train.csv", GOOD.encode("cp949"))
    assert said[0].startswith("train.csv:2:14: not UTF-8: byte 0xbe at byte offset 36 of the file. Save it as UTF-8 (it looks like CP949")
    assert "it looks like UTF-16" in complaints(tmp_path / "train.csv", GOOD.encode("utf-16"))[0]


def test_all_problems_of_a_file_at_once(tmp_path: Path) -> None:
    said = complaints(tmp_path / "train.csv", "fname,dialogue,summary\na,,s\na,x, \nb,x\0,s\n,x,s\n")
    assert said == [
        "train.csv:2: dialogue: is empty. Fill it in, or delete the row.",
        "train.csv:3: summary: is empty. Fill it in, or delete the row.",
        "train.csv:3: fname: 'a' was already the id of line 2. Ids must differ.",
        "train.csv:4: dialogue: holds a NUL character. Delete it.",
        "train.csv:5: fname: is empty. Fill it in, or delete the row.",
    ]


def test_long_lists_are_cut(tmp_path: Path) -> None:
    said = complaints(tmp_path / "train.csv", "fname,dialogue,summary\n" + "".join(f"r{number},x,\n" for number in range(50)))
    assert len(said) == SHOWN_PROBLEMS + 1
    assert said[-1] == "train.csv: and 30 more problems like these."


def test_test_file_needs_no_summaries(tmp_path: Path) -> None:
    file = tmp_path / "test.csv"
    file.write_text("fname,dialogue\na,x\n")
    split = read_dialogues(file, Data(), with_summaries=False)
    assert [row.summary for row in split.dialogues] == [None]
    assert not split.has_summaries
    file.write_text("fname,dialogue,summary\na,x,\nb,y,s\n")
    assert [row.summary for row in read_dialogues(file, Data(), with_summaries=False).dialogues] == [None, "s"]


def test_the_sample_s_test_data_are_no_test_of_a_person_s_own(tmp_path: Path) -> None:
    assert len(read_split(Data(), "test").dialogues) > 0
    with pytest.raises(DataMistake) as caught:
        read_split(Data(train=tmp_path / "mine.csv", dev=tmp_path / "dev.csv"), "test")
    assert str(caught.value) == "data.test: your training data have no test data beside them. Give data.test."


def test_limits_take_the_first_rows(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(GOOD)
    whole, first = read_split(Data(train=file), "train"), read_split(Data(train=file, max_train_samples=1), "train")
    assert [row.id for row in first.dialogues] == ["a"]
    assert first.fingerprint == whole.fingerprint
    assert first.digest != whole.digest


def test_check_names_the_problems_of_every_file(tmp_path: Path) -> None:
    from summtune.config.settings import Settings

    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv"
    train.write_text(GOOD)
    dev.write_text(GOOD)
    good = Settings(data=Data(train=train, dev=dev))
    record = check_corpus(good).to_record()
    assert record["train"]["rows"] == 2
    assert record["train"]["hangul_share"] > 0.5
    assert set(record) == {"train", "dev"}
    dev.write_text("fname,dialogue,summary\na,x,\n")
    with pytest.raises(DataMistake) as caught:
        check_corpus(Settings(data=Data(train=tmp_path / "none.csv", dev=dev, test=tmp_path / "test.csv")))
    assert [Path(problem.file).name for problem in caught.value.problems] == ["none.csv", "dev.csv", "test.csv"]


def test_hangul_share() -> None:
    assert hangul_share(["한글 abc"]) == pytest.approx(2 / 5)
    assert hangul_share(["123"]) == 0.0
