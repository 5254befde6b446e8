"""A checkpoint counts only when it is whole."""

from pathlib import Path

import pytest

from summtune.training.checkpoints import is_sealed, prune, seal, sealed_checkpoints, verify


def checkpoint(folder: Path, step: int) -> Path:
    made = folder / f"checkpoint-{step}"
    (made / "inner").mkdir(parents=True)
    (made / "weights").write_bytes(b"12345")
    (made / "inner" / "state").write_text("x")
    return made


def test_seal_and_what_can_go_wrong(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, 5)
    assert not is_sealed(made)
    assert verify(made) == [f"{made} has no manifest.json: it was never finished."]
    seal(made)
    assert is_sealed(made)
    assert verify(made) == []
    (made / "weights").write_bytes(b"12346")
    assert is_sealed(made), "sizes are right"
    assert verify(made) == [f"{made / 'weights'} has changed since it was written."]
    (made / "weights").write_bytes(b"1")
    assert verify(made) == [f"{made / 'weights'} has 1 bytes instead of 5."]
    (made / "weights").unlink()
    assert verify(made) == [f"{made / 'weights'} is missing."]
    (made / "manifest.json").write_text("{")
    assert not is_sealed(made)
    assert verify(made) == [f"{made / 'manifest.json'} can't be read."]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_prune_keeps_the_newest(tmp_path: Path, keep: int) -> None:
    for step in (9, 10, 100):
        seal(checkpoint(tmp_path, step))
    checkpoint(tmp_path, 200)  # not sealed: being written
    prune(tmp_path, keep)
    assert [folder.name for folder in sealed_checkpoints(tmp_path)] == ["checkpoint-9", "checkpoint-10", "checkpoint-100"][-keep:]
    assert (tmp_path / "checkpoint-200").exists()
    assert sealed_checkpoints(tmp_path / "none") == []
