"""The shipped search space on real Korean dialogues, which are not part of this project; skipped where they are absent."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from summtune.events import standings
from summtune.paths import shipped
from summtune.run_folders import list_runs
from tests.integration.conftest import ROOT, CommandLine, state_of

REAL = ROOT.parent / "shared" / "data" / "dialogsum_ko"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real Korean data in {REAL}")


def check(command: CommandLine, *words: str, trials: int) -> None:
    """Run the space on the real data, then predict the real test file, which has no summaries."""
    data = ("--train", REAL / "train.csv", "--dev", REAL / "dev.csv")
    code, output = command("run", shipped("search_spaces") / "lr.yaml", *data, *words, timeout_s=900)
    assert code == 0, output
    (run,) = list_runs(command.folder / "results")
    state = state_of(run)
    assert len(state.searched) == trials
    assert all(trial.status in ("finished", "stopped") for trial in state.trials.values())
    best = standings.best(state)
    assert best is not None
    score = state.score(best)
    assert score is not None
    assert score > 0.02, "it has learned to write something like Korean"
    code, output = command("predict", "lr", REAL / "test.csv", "--out", "submission.csv")
    assert code == 0, output
    written, asked = rows(command.folder / "submission.csv"), rows(REAL / "test.csv")
    assert [row["fname"] for row in written] == [row["fname"] for row in asked]
    assert all(list(row) == ["fname", "summary"] and row["summary"] == row["summary"].strip() for row in written)
    assert not any(token in row["summary"] for row in written for token in ("<s>", "</s>", "<pad>"))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_a_short_search_on_real_korean_data(summtune: CommandLine) -> None:
    check(summtune, "--count", "2", "--set", "training.num_train_epochs=2", trials=2)


@pytest.mark.slow
def test_the_whole_search_on_real_korean_data(summtune: CommandLine) -> None:
    check(summtune, trials=8)
