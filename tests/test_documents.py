from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summtune.documents import MAX_BYTES, Mark, parse_document, parse_scalar, read_document
from summtune.errors import Problem, SettingsMistake


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SettingsMistake) as caught:
        parse_document(text, "f.yaml")
    return caught.value.problems


def refused(data: bytes, folder: Path) -> str:
    file = folder / "f.yaml"
    file.write_bytes(data)
    began = time.thread_time()
    with pytest.raises(SettingsMistake) as caught:
        read_document(file, shown_as="f.yaml")
    assert time.thread_time() - began < 1, "a document is given up before it is built"
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-5", 5e-5),
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-3", -3),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-07-26", "2024-07-26"),
        ("", None),
        ("~", None),
        ("null", None),
        ("-.inf", -math.inf),
        ('"5e-5"', "5e-5"),
        ("[1, 2e-3, a]", [1, 2e-3, "a"]),
        ("{a: 1}", {"a": 1}),
        ("a: b", "a: b"),
    ],
)
def test_plain_words_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


def test_files_and_variables_are_read_by_the_same_rules() -> None:
    for text in ("5e-5", "yes", "010", "1_000", "true", "-.inf", "2024-07-26"):
        assert parse_document(f"a: {text}", "f").value["a"] == parse_scalar(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans())
def test_a_number_written_by_python_is_read_as_the_same(value: float | int | bool) -> None:
    read = parse_scalar(str(value).lower())
    assert read == value
    assert type(read) is type(value)


@given(st.text())
def test_no_scalar_raises_anything_but_a_mistake(text: str) -> None:
    with contextlib.suppress(SettingsMistake):
        parse_scalar(text)


def test_marks_say_where_values_stand() -> None:
    document = parse_document("a: 1\nb:\n  c: [x, y]\n", "f.yaml")
    assert document.value == {"a": 1, "b": {"c": ["x", "y"]}}
    assert document.marks[("b", "c")] == Mark(3, 3)
    assert document.marks[("b", "c", 1)] == Mark(3, 10)
    assert str(document.problem(("b", "c", 1), "it is wrong.")) == "f.yaml:3:10: b.c.1: it is wrong."
    assert document.problem(("b", "z"), "it is missing.").line == 2


def test_how_numbers_were_written_is_kept() -> None:
    assert parse_document("version: 1.0\nname: x", "f").plain == {("version",): "1.0"}


def test_merge_keys_lie_below_the_mapping_s_own() -> None:
    document = parse_document("a: &a {p: 1, q: 2}\nb:\n  <<: *a\n  q: 3\n", "f")
    assert document.value["b"] == {"p": 1, "q": 3}
    assert document.marks[("b", "q")] == Mark(4, 3)


def test_the_same_key_twice_is_refused_with_both_lines() -> None:
    assert str(problems("a: 1\nb: 2\na: 3\n")[0]) == (
        "f.yaml:3:1: a: this key stands here for the second time; the first is in line 1. Remove one of them."
    )


def test_all_problems_are_found_at_once() -> None:
    found = problems("a: 1\na: 2\nb: !!python/object:os.system x\n? [a]\n: 3\n")
    assert len(found) == 3
    assert any("!!python/object:os.system is not allowed" in problem.reason for problem in found)
    assert any("a key must be a word" in problem.reason for problem in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: b: c", "mapping values are not allowed"),
        ("a: [1, 2", "this is not YAML"),
        ("a:\n\tb: 1", "Indent with spaces, not tabs."),
        ("a: *nowhere", "has no anchor"),
        ("a: &a [*a]", "stands inside what it names"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("a: \x07", "a control character"),
        ("[" * 5000, "nested more than 30 deep"),
        ("- " * 5000, "nested more than 30 deep"),
        ("a: &a [x]\nb: [" + "*a, " * 60 + "]", "more than 50 aliases"),
        ("a: &a [" + "x, " * 999 + "]\nb: &b [" + "*a, " * 40 + "]", "more than 20,000 values"),
        ("[" + "a, " * 30_000 + "]", "more than 20,000 values"),
    ],
)
def test_what_is_no_settings_file_is_refused(text: str, reason: str) -> None:
    began = time.thread_time()
    assert any(reason in str(problem) for problem in problems(text))
    assert time.thread_time() - began < 1, "a document is given up before it is built"


def test_deep_aliases_are_refused() -> None:
    lines = ["a0: &a0 [[[[[[x]]]]]]"] + [f"a{n}: &a{n} [[[[[[*a{n - 1}]]]]]]" for n in range(1, 12)]
    assert any("nested more than 30 deep" in problem.reason for problem in problems("\n".join(lines)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: \0", "f.yaml:1:4: there is a NUL byte: this is not a text file. Save it as UTF-8 text."),
        ("a: 1\nb: 가".encode("cp949"), "f.yaml:2:4: the file is not UTF-8. Save it as UTF-8."),
        (b"x" * (MAX_BYTES + 1), "f.yaml: the file has 1,000,001 bytes; a settings file has at most 1,000,000. Is it the right file?"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    assert refused(data, tmp_path) == message


def test_a_megabyte_of_yaml_is_refused_quickly(tmp_path: Path) -> None:
    assert "more than 20,000 values" in refused(b"a: 1\n"[:2] + b" [" + b"1," * 499_000 + b"]", tmp_path)


def test_no_file_a_folder_and_a_device(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"none.yaml: there is no such file. Check the path."):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(SettingsMistake, match="this is a folder"):
        read_document(tmp_path)
    with pytest.raises(SettingsMistake, match="not a regular file"):
        read_document(Path("/dev/zero"))


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes("가: 1".encode("utf-8-sig"))
    assert read_document(tmp_path / "f.yaml").value == {"가": 1}


@given(st.text(alphabet="ab:-[]{}&*!,'\"#\n \t01.e<?|>%@", max_size=60))
def test_no_text_raises_anything_but_a_mistake(text: str) -> None:
    with contextlib.suppress(SettingsMistake):
        parse_document(text, "f.yaml")
