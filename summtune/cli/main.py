"""`summtune`: finds the verb, runs it, and turns whatever goes wrong into a message and an exit code.

A verb's module is imported when it is invoked and not before, so that `summtune --help` answers at once; what a verb does it must not know.
"""

from __future__ import annotations

import codecs
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from summtune import __version__
from summtune.errors import Interrupted, Mistake, SummtuneError

VERBS = {
    "run": "tune: run search spaces, one after another",
    "train": "train once, without a search",
    "resume": "go on with a run that was stopped, interrupted or killed",
    "stop": "ask a run that is under way, here or elsewhere, to stop",
    "runs": "list runs, with what became of them",
    "submit": "let a Ray cluster run search spaces",
    "jobs": "list a cluster's jobs, and why one waits",
    "logs": "show what a cluster's job prints",
    "pull": "bring a run's results from a cluster",
    "show": "print a run's leaderboard, or follow it while it runs",
    "dashboard": "say where a run is seen: Ray's dashboard, W&B, the report; and serve optuna-dashboard",
    "decode": "search how trained checkpoints decode best, without training again",
    "predict": "summarise a file with a run's best model",
    "score": "score a file of summaries against a file of references",
    "validate": "check search spaces without running anything",
    "settings": "print complete settings and where each came from, or what differs between two",
    "schema": "print the JSON schema of search spaces or settings, for editors",
    "doctor": "say what this machine, or a cluster, offers, and what is missing",
}
"""Every verb with its line of help; its function is `summtune.cli.<verb>.<verb>`, and returns the exit code."""

_HELP = """Usage: summtune VERB [OPTIONS]

Tunes models that summarise dialogues: one YAML search space in, the best model out.

Verbs:
{verbs}

Options:
  --version   say which version this is
  --help      this; `summtune VERB --help` says what a verb takes

First: summtune run search_spaces/lr.yaml
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after `summtune`; by default those of this process.

    Returns:
        0 done; 1 nothing usable came out, or a fault of ours; 2 a person's mistake; 3 the surroundings gave way; 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    _survive_locale(as_json=as_json)
    try:
        return _dispatch(words)
    except SummtuneError as error:
        report_error(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        if as_json:
            _print_record(error_record(Interrupted("interrupted")))
        return Interrupted.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the outermost boundary: a fault of ours must not bury the screen
        report_fault(error, as_json=as_json)
        return 1


def _survive_locale(*, as_json: bool) -> None:
    """Let standard output stand in for what its encoding lacks (– in a Korean locale), where Python would raise; in JSON by escapes."""
    codecs.register_error("json", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="json" if as_json else "replace")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Characters as JSON escapes them; Python's own `backslashreplace` has forms that JSON hasn't."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def report_error(error: SummtuneError, *, as_json: bool = False) -> None:
    """Say what went wrong: every problem on lines of its own, on standard error; with `as_json` on standard output, as JSON."""
    if as_json:
        _print_record(error_record(error))
        return
    problems = error.problems if isinstance(error, Mistake) else ()
    if len(problems) > 1:
        print(f"{len(problems)} problems:", file=sys.stderr)
        for problem in problems:
            print(f"  {problem}", file=sys.stderr)
    else:
        print(str(error), file=sys.stderr)


def error_record(error: SummtuneError) -> dict[str, Any]:
    """What went wrong, for programs."""
    problems = error.problems if isinstance(error, Mistake) else ()
    return _record(str(error), type(error).__name__, error.exit_code, [asdict(problem) for problem in problems])


def _record(error: str, kind: str, exit_code: int, problems: list[dict[str, Any]]) -> dict[str, Any]:
    return {"error": error, "kind": kind, "exit_code": exit_code, "problems": problems}


def _print_record(record: dict[str, Any]) -> None:
    print(json.dumps(record, ensure_ascii=False, indent=2))


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        width = max(map(len, VERBS))
        print(_HELP.format(verbs="\n".join(f"  {verb:<{width}}  {line}" for verb, line in VERBS.items())), end="")
        return 0 if words else 2
    if words[0] in ("--version", "-V"):
        print(f"summtune {__version__}")
        return 0
    verb = words[0]
    if verb not in VERBS:
        close = get_close_matches(verb.lower(), VERBS, n=1)
        kind = "option" if verb.startswith("-") else "verb"
        hint = f"Did you mean {close[0]}?" if close else f"The verbs are {', '.join(VERBS)}."
        raise Mistake(f"summtune has no {kind} {verb!r}. {hint}")
    module = importlib.import_module(f"summtune.cli.{verb}")
    return _invoke(verb, getattr(module, verb), words[1:])


def _invoke(verb: str, function: Callable[..., Any], words: list[str]) -> int:
    """Let typer read a verb's words and call its function."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name=verb)(function)
    command = typer.main.get_command(app)
    try:
        # Not `command.main()`, which ends Ctrl-C without a word.
        with command.make_context(f"summtune {verb}", list(words)) as context:
            code = command.invoke(context)
    except typer.Exit as end:  # --help
        return end.exit_code
    except typer.TyperException as error:  # a missing argument, an unknown option
        said = error.format_message().rstrip()
        raise Mistake(f"{said}{'' if said.endswith(('.', '?', ')')) else '.'} `summtune {verb} --help` says what it takes.") from None
    except typer.Abort:  # typer's word for Ctrl-C
        raise KeyboardInterrupt from None
    return code if isinstance(code, int) else 0


def report_fault(error: Exception, *, as_json: bool = False) -> dict[str, Any]:
    """Say that it was ours, keep the traceback in a file, and return what went wrong, for programs."""
    handle, name = tempfile.mkstemp(prefix="summtune-fault-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        traceback.print_exception(error, file=stream)
    summary = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    text = f"This is a fault in summtune, not yours: {summary}\nWhere it happened is written in {name}; please send that file along."
    record = _record(text, "fault", 1, [])
    if as_json:
        _print_record(record)
    else:
        print(text, file=sys.stderr)
    return record


if __name__ == "__main__":
    sys.exit(main())
