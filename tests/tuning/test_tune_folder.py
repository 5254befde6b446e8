"""Ray Tune's own folder in a run that is built anew."""

from __future__ import annotations

from pathlib import Path

from summtune.paths import RunPaths
from summtune.tuning.engine import make_room


def test_a_folder_of_ray_tune_s_that_is_not_restored_is_deleted(tmp_path: Path) -> None:
    run = RunPaths(tmp_path)
    make_room(run)
    for left_by in ("an earlier version", "this one"):
        (run.tune / "0001").mkdir(parents=True)
        (run.tune / "0001" / "result.json").write_text(left_by, encoding="utf-8")
        if left_by == "an earlier version":
            run.tune.rename(run.retired_tune())
    run.events.write_text("", encoding="utf-8")
    make_room(run)
    assert [path.name for path in tmp_path.iterdir()] == [run.events.name]
    make_room(run)
