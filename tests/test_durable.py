import json
import os
from pathlib import Path

import pytest

from summtune import durable


def test_replaces_the_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "summary.json"
    durable.write_json(target, {"best": 0.5})
    durable.write_json(target, {"best": 0.75, "이름": "값"})
    assert json.loads(target.read_text(encoding="utf-8")) == {"best": 0.75, "이름": "값"}
    assert os.listdir(target.parent) == ["summary.json"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "summary.json"
    durable.write_json(target, {"best": 0.5})
    with pytest.raises(UnicodeEncodeError):
        durable.write_text(target, "half a surrogate: \ud800")
    with pytest.raises(ValueError, match="Out of range float"):
        durable.write_json(target, {"best": float("nan")})
    assert json.loads(target.read_text(encoding="utf-8")) == {"best": 0.5}
    assert os.listdir(tmp_path) == ["summary.json"]
