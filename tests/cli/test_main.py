from __future__ import annotations

import io
import json
import sys
import types
from pathlib import Path
from typing import Annotated

import pytest
import typer

from summtune import __version__
from summtune.cli import main as cli
from summtune.errors import Interrupted, Mistake, NothingUsable, Problem, RunMistake, SettingsMistake, SurroundingsFailure


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A verb `fake` whose function a test puts in place."""
    module = types.ModuleType("summtune.cli.fake")
    monkeypatch.setitem(sys.modules, "summtune.cli.fake", module)
    monkeypatch.setitem(cli.VERBS, "fake", "a verb of this test")
    return module


def raising(error: BaseException) -> object:
    def fake() -> int:
        raise error

    return fake


def test_help_lists_every_verb_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(sum(line.startswith(f"  {name} ") for line in shown.splitlines()) == 1 for name in cli.VERBS)
    assert "First: summtune run search_spaces/lr.yaml" in shown
    assert cli.main([]) == 2


def test_every_verb_has_its_module() -> None:
    folder = Path(cli.__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in cli.VERBS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"summtune {__version__}\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("valdate", "summtune has no verb 'valdate'. Did you mean validate?\n"),
        ("xyzzy", f"summtune has no verb 'xyzzy'. The verbs are {', '.join(cli.VERBS)}.\n"),
        ("--resume", "summtune has no option '--resume'. Did you mean resume?\n"),
    ],
)
def test_unknown_verbs(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 2
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["validate"], "Missing argument 'FILE...'. `summtune validate --help` says what it takes."),
        (["validate", "a.yaml", "--bse", "x"], "No such option: --bse"),
        (["resume", "r", "--count", "x"], "unable to parse string as an integer. `summtune resume --help` says what it takes."),
    ],
)
def test_usage_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err


def test_a_verb_s_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "--help"]) == 0
    assert "Usage: summtune validate [OPTIONS]" in capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_verb_s_exit_code_is_passed_on(code: int, verb: types.ModuleType) -> None:
    def fake() -> int:
        return code

    verb.fake = fake  # type: ignore[attr-defined]
    assert cli.main(["fake"]) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsMistake("a"), 2),
        (RunMistake("a"), 2),
        (NothingUsable("a"), 1),
        (SurroundingsFailure("a"), 3),
        (Interrupted("a"), 130),
    ],
)
def test_errors_end_in_their_exit_codes(error: Exception, code: int, verb: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    verb.fake = raising(error)  # type: ignore[attr-defined]
    assert cli.main(["fake"]) == code
    shown = capsys.readouterr()
    assert shown.err == "a\n"
    assert shown.out == ""


def test_ctrl_c(verb: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    verb.fake = raising(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert cli.main(["fake"]) == 130
    assert "Interrupted." in capsys.readouterr().err


def test_ctrl_c_as_json(verb: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def fake(as_json: Annotated[bool, typer.Option("--json")] = False) -> int:
        raise KeyboardInterrupt

    verb.fake = fake  # type: ignore[attr-defined]
    assert cli.main(["fake", "--json"]) == 130
    assert json.loads(capsys.readouterr().out) == {"error": "interrupted", "kind": "Interrupted", "exit_code": 130, "problems": []}


def test_a_fault_of_ours_is_short_and_its_traceback_is_kept(
    verb: types.ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    verb.fake = raising(ZeroDivisionError("nought"))  # type: ignore[attr-defined]
    assert cli.main(["fake"]) == 1
    shown = capsys.readouterr().err
    (file,) = tmp_path.iterdir()
    assert shown.startswith("This is a fault in summtune, not yours: ZeroDivisionError: nought\n")
    assert str(file) in shown
    assert "Traceback" not in shown
    assert "Traceback" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "euc-kr"])
def test_a_terminal_that_lacks_a_character_is_no_fault(encoding: str, verb: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(as_json: Annotated[bool, typer.Option("--json")] = False) -> int:
        print(json.dumps({"said": "– 😀"}, ensure_ascii=False) if as_json else "– 😀")
        return 0

    verb.fake = fake  # type: ignore[attr-defined]
    written = {}
    for words in (["fake"], ["fake", "--json"]):
        with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert cli.main(words) == 0
            stream.seek(0)
            written[len(words)] = stream.read()
    assert written[1] == "? ?\n"
    assert json.loads(written[2]) == {"said": "– 😀"}, "programs lose nothing"


def test_several_problems_stand_on_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    cli.report_error(Mistake([Problem("this.", "That.", "k", "f.yaml", 1, 2), Problem("there.")]))
    assert capsys.readouterr().err == "2 problems:\n  f.yaml:1:2: k: this. That.\n  there.\n"


def test_errors_as_json(verb: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["nothing", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["kind"] == "Mistake"
    cli.report_error(SettingsMistake(Problem("this.", key="k", line=3)), as_json=True)
    record = json.loads(capsys.readouterr().out)
    assert record["problems"] == [{"reason": "this.", "remedy": "", "key": "k", "file": "", "line": 3, "column": None}]
    assert (record["error"], record["exit_code"]) == ("3: k: this.", 2)
