"""Test files outside of packages are modules of one name space: two of one name are not collected."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(file.name for file in HERE.rglob("*.py") if not (file.parent / "__init__.py").exists())
    assert [name for name, times in names.items() if times > 1 and name != "conftest.py"] == []
