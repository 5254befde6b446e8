"""Copies of runs that live elsewhere: known for what they are, and never brought over what has gone on here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from summtune.cli.main import main
from summtune.errors import RunMistake
from summtune.events import copies
from summtune.events.copies import Origin
from summtune.events.kinds import RunClosed
from summtune.paths import RunPaths
from tests.reporting.test_views import recorded

ORIGIN = Origin(
    "http://head:8265", ("pull", "plain", "--address", "http://head:8265"), ("resume", "plain", "--address", "http://head:8265")
)
Shown = Callable[[], str]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """What was pulled of a run that is under way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("summtune.cluster.addresses.DEFAULT", "http://127.0.0.1:1")
    run = recorded(tmp_path)
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(line for line in lines if json.loads(line)["kind"] != RunClosed.kind))
    copies.mark(run, ORIGIN)
    return run


def test_a_copy_of_a_run_that_is_under_way_is_not_taken_for_one_whose_driver_died(
    copy: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--output-dir", str(copy.folder.parent)]
    assert main(["show", "plain", *folder]) == 0
    shown = capsys.readouterr().out
    assert f"{copy.folder.name}: under way when it was pulled from http://head:8265" in shown
    assert shown.rstrip().endswith("Next      summtune pull plain --address http://head:8265")
    assert main(["runs", str(copy.folder.parent)]) == 0
    assert " copy " in capsys.readouterr().out
    for words, said in (
        (
            ["show", "plain", "--follow"],
            "nothing more comes here. `summtune pull plain --address http://head:8265` brings what there is now.",
        ),
        (["stop", "plain"], "is a copy that was pulled from http://head:8265. Stop the run where it lives"),
        (["resume", "plain"], "it has no checkpoints. `summtune resume plain --address http://head:8265` goes on with the run itself"),
    ):
        assert main([*words, *folder]) == 2
        assert said in capsys.readouterr().err


def test_what_is_copied_is_a_run_again_once_it_is_finished_and_gone_on_with(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    copies.mark(run, ORIGIN)
    assert copies.copied_from(run) == ORIGIN
    copies.make_it_a_run(run)
    assert copies.copied_from(run) is None
    copies.make_it_a_run(run)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"place": 1}'])
def test_a_mark_that_says_nothing_is_none(tmp_path: Path, text: str) -> None:
    run = recorded(tmp_path)
    run.copied.write_text(text, encoding="utf-8")
    assert copies.copied_from(run) is None


def test_only_what_goes_on_from_what_is_here_is_brought(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    ours = run.events.read_bytes()
    first, _, rest = ours.partition(b"\n")
    copies.check_behind(run, ours, "there")
    copies.check_behind(run, ours + b"more\n", "there")
    copies.check_behind(RunPaths(tmp_path / "none"), ours, "there")
    with pytest.raises(RunMistake, match=r"is there, and further than there\. Give another folder with `--into FOLDER`\."):
        copies.check_behind(run, first + b"\n", "there")
    with pytest.raises(RunMistake, match=r"is there, and has gone another way than there\."):
        copies.check_behind(run, first + b"\nother\n" + rest, "there")
    shutil.rmtree(run.folder)
    run.folder.mkdir()
    (run.folder / "notes.txt").touch()
    with pytest.raises(RunMistake, match="is there, and is no run"):
        copies.check_behind(run, ours, "there")
