"""What is slow to import is imported only by whoever needs it."""

from __future__ import annotations

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
