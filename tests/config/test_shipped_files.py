"""Every YAML file that is shipped goes through the real loader; they are counted, so that none slips past."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.parsing import fifty_parameters
from summtune import paths
from summtune.config import presets
from summtune.config.complete import load_settings
from summtune.config.description import resolved_lines
from summtune.config.experiment import Experiment, load_experiment
from summtune.config.layers import flatten
from summtune.config.settings_file import read_preset
from summtune.documents import parse_document
from summtune.errors import SettingsMistake
from summtune.space.source import Dice
from tests.config.test_loading import GUIDE_BASE

SPACES = sorted(paths.shipped("search_spaces").rglob("*.y*ml"))
PRESETS = sorted(paths.shipped("presets").rglob("*.y*ml"))


CASES = ("hyperparameter_sweep", "model_comparison_sweep", "generation_params_sweep", "ablation_study_sweep", "quick_test_sweep")
EXPECTED = {"one of the points is the base's own settings: it is trained once, as the baseline."}


def test_none_is_missing() -> None:
    assert len(SPACES) == 12
    assert len(PRESETS) == len(presets.names()) == 8
    cases = {file.stem for file in SPACES} - {"lr", "kobart_lr"}
    assert cases == {f"{size}{case}" for case in CASES for size in ("", "tiny_")}


@pytest.mark.parametrize("file", SPACES, ids=lambda file: file.stem)
def test_search_spaces_load_without_a_word(file: Path) -> None:
    experiment = load_experiment(file, environ={})
    assert experiment.name == file.stem
    assert set(experiment.notices) <= EXPECTED
    assert experiment.stopping.type == "none" or experiment.stopping.rungs()
    assert Experiment.from_record(experiment.to_record()) == experiment


def test_the_settings_of_a_space_that_only_decodes_are_its_base_s() -> None:
    file = paths.shipped("search_spaces") / "tiny_generation_params_sweep.yaml"
    assert load_settings(str(file), environ={}).resolved == load_experiment(file, environ={}).base


@pytest.mark.parametrize("name", presets.names())
def test_presets_load(name: str, tmp_path: Path) -> None:
    layer = read_preset(name)
    assert all(entry.origin.layer == "preset" for entry in layer.values())
    (tmp_path / "s.yaml").write_text(f"base: {name}\nparameters: {{seed: {{values: [1, 2]}}}}\n", encoding="utf-8")
    assert load_experiment(tmp_path / "s.yaml", environ={}).base.settings.model.preset == name


@pytest.mark.parametrize("file", SPACES, ids=lambda file: file.stem)
def test_resolved_settings_are_a_base_that_resolves_to_the_same(file: Path, tmp_path: Path) -> None:
    experiment = load_experiment(file, environ={})
    (tmp_path / "base.yaml").write_text("\n".join(resolved_lines(experiment.base)), encoding="utf-8")
    again = load_experiment(file, assignments=[f"base={tmp_path / 'base.yaml'}"], environ={})
    assert again.base.settings == experiment.base.settings


@pytest.mark.parametrize("file", SPACES, ids=lambda file: file.stem)
def test_every_drawn_point_has_settings_that_say_what_was_drawn(file: Path) -> None:
    experiment = load_experiment(file, environ={})
    for seed in range(50):
        draw = experiment.space.draw_narrowed(Dice(seed), seed)
        assert draw is not None
        point = draw.point
        values = flatten(experiment.settings_for(point).model_dump(mode="json"))
        assert {key: values[key] for key in point} == point


def mutants(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Copies of a file's content with one key misspelt, mistyped or misplaced each, with that key's name."""
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        here = (*path, name)
        if path[:1] == ("parameters",) or name in ("description", "name"):
            wrongs: tuple[Any, ...] = ({"nonsense": [1]},)
        else:
            wrongs = ({"nonsense": [1]}, [[]], "no such thing")
        for wrong in wrongs:
            yield name, {"set": (here, wrong)}
        yield name, {"rename": (here, f"{name}x")}
        yield name, {"rename": (here, f"zz{name}")}
        if len(here) > 1 and path != ("metric",):
            yield name, {"move": (here, ("metric",))}
        # A space may name its data at the top, too, as it may what else stands there.
        if len(here) > 1 and here not in (("settings", "data"), ("decode", "run_cap"), ("decode", "parameters")):
            yield name, {"move": (here, ())}
        elif name != "metric" and len(here) == 1:
            yield name, {"move": (here, ("metric",))}
        yield from mutants(inner, here)


def mutate(value: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    whole = changed = copy.deepcopy(value)
    ((kind, (path, what)),) = change.items()
    here = changed
    for part in path[:-1]:
        here = here[part]
    if kind == "set":
        here[path[-1]] = what
    elif kind == "move":
        moved = here.pop(path[-1])
        for part in what:
            changed = changed[part]
        changed[path[-1]] = moved
        return whole
    else:
        renamed = {what if name == path[-1] else name: inner for name, inner in here.items()}
        here.clear()
        here.update(renamed)
    return changed


def test_every_mutant_of_every_shipped_space_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    count = 0
    for original in SPACES:
        text = original.read_text(encoding="utf-8")
        content = parse_document(text, str(original)).value
        for name, change in mutants(content):
            file.write_text(yaml.safe_dump(mutate(content, change), sort_keys=False, allow_unicode=True), encoding="utf-8")
            with pytest.raises(SettingsMistake) as caught:
                load_experiment(file, environ={})
            assert name in str(caught.value), (original.name, change, str(caught.value))
            count += 1
    assert count >= 1000


def mutants_of_settings(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of a settings file: its sections and their keys. Below `config_overrides` any name may stand."""
    for section, values in content.items():
        yield section, {"rename": ((section,), f"{section}x")}
        yield section, {"set": ((section,), [[]])}
        yield section, {"set": ((section,), "no such thing")}
        for name in values:
            here = (section, name)
            wrongs: tuple[Any, ...] = ([[]], [{"nonsense": 1}], {"nonsense": [1]} if name != "config_overrides" else 3)
            for wrong in wrongs:
                yield name, {"set": (here, wrong)}
            for other in (f"{name}x", f"zz{name}"):
                yield name, {"rename": (here, other)}
            yield name, {"move": (here, ())}
            yield name, {"move": (here, ("elsewhere",))}


def test_every_mutant_of_every_settings_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("base: base.yaml\nparameters: {seed: {values: [1, 2]}}\n", encoding="utf-8")
    contents = [parse_document(one.read_text(encoding="utf-8"), str(one)).value for one in PRESETS]
    count = 0
    for content in [parse_document(GUIDE_BASE, "guide").value, *contents]:
        sections = {name: values for name, values in content.items() if name != "limits"}
        for name, change in mutants_of_settings(sections):
            mutant = mutate({**sections, "elsewhere": {}}, change)
            if not mutant["elsewhere"]:
                del mutant["elsewhere"]
            else:  # a section that has no such key
                section = "inference" if "inference" not in sections else "meta"
                mutant[section] = {**mutant.get(section, {}), **mutant.pop("elsewhere")}
            (tmp_path / "base.yaml").write_text(yaml.safe_dump(mutant, sort_keys=False, allow_unicode=True), encoding="utf-8")
            with pytest.raises(SettingsMistake) as caught:
                load_experiment(file, environ={})
            assert name in str(caught.value), (change, str(caught.value))
            assert "base.yaml:" in str(caught.value), "the line is named, too"
            count += 1
    assert count >= 400


def test_the_space_that_the_benchmark_of_parsing_reads_is_a_sound_one(tmp_path: Path) -> None:
    file = tmp_path / "fifty.yaml"
    file.write_text(fifty_parameters(), encoding="utf-8")
    assert len(load_experiment(file, environ={}).space.parameters) == 50
