"""Decodes a text file strictly as UTF-8; what isn't is named by its place, with the encoding that it seems to be in."""

from __future__ import annotations

from pathlib import Path

from summtune.errors import DataMistake, Problem


def decoded(content: bytes, file: Path) -> str:
    """The text of a file; a byte order mark is fine.

    Raises:
        DataMistake: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line_start = content.rfind(b"\n", 0, problem.start) + 1
        raise DataMistake(
            Problem(
                f"not UTF-8: byte 0x{content[problem.start]:02x} at byte offset {problem.start} of the file.",
                f"Save it as UTF-8{_likely_encoding(content)}.",
                file=str(file),
                line=content.count(b"\n", 0, problem.start) + 1,
                column=len(content[line_start : problem.start].decode("utf-8", "replace")) + 1,
            )
        ) from None


def _likely_encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return " (it looks like UTF-16)"
    try:
        content.decode("cp949")
    except UnicodeDecodeError:
        return ""
    return " (it looks like CP949, which Korean Excel writes: choose `CSV UTF-8` when saving)"
