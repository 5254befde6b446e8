"""Cleaning takes out what nobody sees, and leaves turns, tags and everything else."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from summtune.config.settings import SPEAKER_TOKENS, Data
from summtune.corpus.cleaning import cleaned
from summtune.corpus.dialogues import Cleaned, read_dialogues, read_split
from tests.corpus.test_dialogues import complaints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Person1#: 네.\n#Person2#:  아니요…\t 안돼!", "#Person1#: 네.\n#Person2#: 아니요… 안돼!"),
        (unicodedata.normalize("NFD", "한글 é"), "한글 é"),
        ("\ufeff\u200b한\u2060글\u00ad\u200e\x07\x1b", "한글"),
        ("a\u00a0\u3000 b", "a b"),
        (" a \n \n\t\n b ", "a\nb"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"),
        ("“따옴표” 'x' — ㅋㅋㅋ!!", "“따옴표” 'x' — ㅋㅋㅋ!!"),
        ("\u200b\n", ""),
    ],
)
def test_cleaned(text: str, expected: str) -> None:
    assert cleaned(text) == expected
    assert cleaned(expected) == expected, "cleaning twice changes nothing more"


def test_tags_and_turns_are_untouched() -> None:
    text = "\n".join(f"{token}은 {token}: {token}." for token in SPEAKER_TOKENS)
    assert cleaned(text) == text


def test_what_it_changed_is_counted_and_references_stay(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text('fname,dialogue,summary,more\na,"x  y\n\nz",s\u200b t,r  r\nb,x,s  s,\nc,x,s,\n', encoding="utf-8")
    plain = read_dialogues(file, Data(references=("more",)), with_summaries=True)
    clean = read_dialogues(file, Data(references=("more",), clean=True), with_summaries=True)
    assert plain.cleaned is None
    assert clean.cleaned == Cleaned(dialogues=1, summaries=2)
    assert plain.digest != clean.digest
    assert (clean.dialogues[0].dialogue, clean.dialogues[0].summary) == ("x y\nz", "s t")
    assert [row.references for row in clean.dialogues] == [row.references for row in plain.dialogues]
    assert clean.dialogues[0].references == ("s\u200b t", "r  r"), "all trials are scored by the same words"


def test_what_it_changed_in_rows_that_are_not_taken_is_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("fname,dialogue,summary\na,x,s  s\nb,x,s\nc,x\u200bx,s\n", encoding="utf-8")
    assert read_split(Data(train=file, clean=True), "train").cleaned == Cleaned(dialogues=1, summaries=1)
    assert read_split(Data(train=file, clean=True, max_train_samples=2), "train").cleaned == Cleaned(dialogues=0, summaries=1)
    assert read_split(Data(train=file, max_train_samples=2), "train").cleaned is None


def test_nothing_left(tmp_path: Path) -> None:
    said = complaints(tmp_path / "t.csv", "fname,dialogue,summary\na,\u200b,s\nb,x,\u200b\n", data=Data(clean=True))
    assert said == [
        "t.csv:2: dialogue: holds nothing but characters that data.clean takes out. Fill it in, or delete the row.",
        "t.csv:3: summary: holds nothing but characters that data.clean takes out. Fill it in, or delete the row.",
    ]
