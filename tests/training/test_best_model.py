"""A best model's folder may share its files with another's: what is written into one must not change in both."""

import os
from pathlib import Path

import pytest

from summtune.training.best_model import write_predictions


def test_predictions_are_written_beside_those_that_a_link_shares(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    write_predictions(old, [{"fname": "a", "summary": "네,\n좋아요"}])
    before = old.read_bytes()
    assert before == 'fname,summary\na,"네,\n좋아요"\n'.encode()
    os.link(old, new)
    write_predictions(new, [{"fname": "a", "summary": "b"}, {"fname": "c", "summary": "d"}])
    assert old.read_bytes() == before
    assert new.read_bytes() == b"fname,summary\na,b\nc,d\n"


def test_predictions_that_can_t_be_written_leave_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    write_predictions(file, [{"fname": "a", "summary": "b"}])
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        write_predictions(file, [{"fname": "c", "summary": "d"}, {"other": "e"}])
    assert file.read_bytes() == b"fname,summary\na,b\n"
