from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import SettingsMistake

Load = Callable[..., Experiment]
Refuse = Callable[..., list[str]]

PARAMETERS = "parameters: {weight_decay: {values: [0.0, 0.1]}}\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a search space from text; `base` is the text of base.yaml beside it."""

    def load_text(
        text: str = "", *, base: str | None = None, sets: Sequence[str] = (), environ: Mapping[str, str] | None = None, name: str = "s.yaml"
    ) -> Experiment:
        if base is not None:
            (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
            text = f"base: base.yaml\n{text}"
        if "parameters:" not in text:
            text += PARAMETERS
        (tmp_path / name).write_text(text, encoding="utf-8")
        return load_experiment(tmp_path / name, assignments=sets, environ=environ or {})

    return load_text


@pytest.fixture
def refuse(load: Load, tmp_path: Path) -> Refuse:
    """Loads what can't be, and gives the problems as text, the folder left out."""

    def refuse_text(text: str = "", **given: object) -> list[str]:
        with pytest.raises(SettingsMistake) as caught:
            load(text, **given)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return refuse_text
