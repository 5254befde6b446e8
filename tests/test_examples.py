"""The documents' YAML examples are search spaces that validate, and their commands are verbs that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from summtune.cli.main import VERBS
from summtune.config.experiment import load_experiment

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "search_spaces" / "README.md"]
FENCED = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXAMPLES = [(page, block) for page in PAGES for block in FENCED.findall(page.read_text(encoding="utf-8"))]


def test_there_are_examples() -> None:
    assert {page for page, _ in EXAMPLES} == set(PAGES)


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=[f"{page.parent.name}-{index}" for index, (page, _) in enumerate(EXAMPLES)])
def test_an_example_validates(page: Path, example: str, tmp_path: Path) -> None:
    for name in ("train.csv", "dev.csv"):
        (tmp_path / name).write_text("fname,dialogue,summary\na,b,c\n", encoding="utf-8")
    file = tmp_path / "example.yaml"
    file.write_text(example if "base:" in example else f"base: kobart\n{example}", encoding="utf-8")
    experiment = load_experiment(file, environ={})
    assert experiment.space.parameters


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(?:\.venv/bin/)?summtune ([a-z_]+)[^`]*`", page.read_text(encoding="utf-8")))
    assert named <= set(VERBS)
