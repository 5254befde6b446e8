"""What is slow to import is imported only by whoever needs it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from summtune import paths

LR = str(paths.shipped("search_spaces") / "lr.yaml")
HEAVY = ("ray", "torch", "transformers", "datasets", "evaluate", "optuna", "wandb", "pandas")
PROGRAM = """
import sys
from summtune.cli.main import main
code = main(sys.argv[1:])
print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
sys.exit(code)
"""


def modules_after(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("validate", LR), ("validate", "--help"), ("run", "--help"), ("show", "--help")]
)
def test_nothing_heavy_is_imported(words: tuple[str, ...]) -> None:
    assert not modules_after(*words) & set(HEAVY)


def test_help_imports_no_library_at_all() -> None:
    assert not modules_after("--help") & {"typer", "rich", "pydantic", "yaml", *HEAVY}


@pytest.mark.parametrize(("words", "limit_s"), [(("--help",), 0.4), (("validate", LR), 1.0)])
def test_answers_come_at_once(words: tuple[str, ...], limit_s: float) -> None:
    """Processor time, which on a machine that is free is the time; best of three, since other tests share this one."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "summtune", *words], capture_output=True, check=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(times) <= limit_s
