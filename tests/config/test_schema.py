"""The shipped schemas are current, accept what the loader accepts, and refuse what they can of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from summtune import paths
from summtune.cli.main import main
from summtune.config import presets
from summtune.config.experiment import load_experiment
from summtune.config.reference import reference
from summtune.config.schema import settings_schema, space_schema
from summtune.config.transformers_arguments import installed
from summtune.documents import parse_document
from summtune.errors import SettingsMistake
from tests.config.test_fuzz import sections, spaces
from tests.config.test_loading import GUIDE_BASE, GUIDE_SWEEP
from tests.config.test_shipped_files import SPACES, mutants, mutate

KINDS: dict[str, Callable[[], dict[str, Any]]] = {"space": space_schema, "settings": settings_schema}
SPACE = jsonschema.Draft202012Validator(space_schema())
SETTINGS = jsonschema.Draft202012Validator(settings_schema())
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_schema_is_current(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = json.loads((paths.shipped("search_spaces") / f"{kind}.schema.json").read_text(encoding="utf-8"))
    made = KINDS[kind]()
    jsonschema.Draft202012Validator.check_schema(made)
    if shipped["x-transformers"] == installed().version:  # it lists that version's arguments
        assert shipped == made, "run `make schema`"
    assert main(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out) == made


def test_the_reference_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = json.loads((paths.shipped("search_spaces") / "space.schema.json").read_text(encoding="utf-8"))
    if shipped["x-transformers"] == installed().version:
        assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == reference(), "run `make schema`"
    assert main(["schema", "reference"]) == 0
    assert capsys.readouterr().out == reference()
    assert main(["schema", "spaces"]) == 2
    assert "Did you mean space?" in capsys.readouterr().err


@pytest.mark.parametrize("file", SPACES, ids=lambda file: file.stem)
def test_shipped_spaces_name_the_schema_and_keep_to_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=space.schema.json\n")
    SPACE.validate(parse_document(text, file.name).value)


@pytest.mark.parametrize("name", presets.names())
def test_presets_keep_to_the_schema(name: str) -> None:
    SETTINGS.validate(presets.document(name).value)


def test_the_guide_s_files_keep_to_the_schemas() -> None:
    SPACE.validate(parse_document(GUIDE_SWEEP, "").value)
    SETTINGS.validate(parse_document(GUIDE_BASE, "").value)


ALL = """
name: 2024
description: everything
base: kobart
data: {train: a.csv, val_path: b.csv, dialogue: d}
method: nsga2
objectives: [{name: loss, goal: minimize}]
parameters:
  learning_rate: {distribution: q_log_normal, mu: -8, sigma: 1, q: 1e-5}
  training.optim: {values: [sgd, lomo], probabilities: [0.5, 0.5]}
  training: {parameters: {weight_decay: {min: 0, max: 0.1}}}
  adam_beta1: {min: 0.8, max: 0.9, when: {optim: [sgd], seed: 3}}
  size: {bundle: {a: {batch_size: 3}, b: {batch_size: 4}}, when: {optim: sgd}}
  model.config_overrides.d_model: {values: [64, 128]}
constraints:
  - {name: a, condition: seed > 3, then: {batch_size: {max: 4}}}
  - {require: 'seed > 3'}
  - {require_metric: 'loss < 3'}
early_terminate: hyperband
run_cap: 3
budget: {hours: 1.5, trials: null}
baseline: false
warm_start: other
patience_trials: 3
seeds: [1, 2]
resources: {gpus_per_trial: auto, cpus_per_trial: 1}
decode: {top_k: 2, parameters: {num_beams: {values: [1, 2]}}}
wandb: {mode: dryrun}
project: p
entity: null
settings:
  training: {fp16: true, evaluation_strategy: epoch, fp16_opt_level: O2, label_smoothing_factor: 0.1, adam_beta2: 0.9, optim: adamw_hf}
program: a.py
command: [a, b]
controller: {type: local}
"""


def test_every_key_is_there() -> None:
    SPACE.validate(parse_document(ALL, "").value)


@given(space=spaces, base=sections())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_the_loader_accepts_the_schema_accepts(space: dict[str, Any], base: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    space.pop("base", None)
    text = yaml.safe_dump({**space, "settings": base}, allow_unicode=True, sort_keys=False)
    file.write_text(text, encoding="utf-8")
    try:
        load_experiment(file, environ={})
    except SettingsMistake:
        return
    SPACE.validate(parse_document(text, "").value)


def misspelt() -> Iterator[tuple[str, Any]]:
    """Shipped files with one key misspelt, and the key."""
    for original in SPACES:
        content = parse_document(original.read_text(encoding="utf-8"), original.name).value
        for name, change in mutants(content):
            if "rename" in change:
                yield name, mutate(content, change)


def test_misspelt_keys_are_refused_by_the_schema_as_by_the_loader() -> None:
    found = [(name, list(SPACE.iter_errors(content))) for name, content in misspelt()]
    assert len(found) > 200
    contents = [parse_document(original.read_text(encoding="utf-8"), original.name).value for original in SPACES]
    # What stands under `when` and `then` are names of parameters, which a schema can't know.
    references = {name for content in contents for name in _references(content)}
    assert {name for name, errors in found if not errors} <= references


def _references(content: dict[str, Any]) -> Iterator[str]:
    for spec in (*content.get("parameters", {}).values(), *content.get("decode", {}).get("parameters", {}).values()):
        yield from spec.get("when", {})
    for rule in content.get("constraints", []):
        yield from rule["then"]


SEED = "parameters: {seed: {values: [1, 2]}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {}",
        "parameters: 3",
        "name: a",
        "parameters: {learning_rate: 3}",
        "parameters: {learning_rate: {min: 1}}",
        "parameters: {learning_rate: {value: 1, min: 3}}",
        "parameters: {learning_rate: {distribution: uniform, value: 3}}",
        "parameters: {learning_rate: {distribution: uniform, min: 3}}",
        "parameters: {learning_rate: {distribution: normal, min: 3}}",
        "parameters: {learning_rate: {distribution: unknown}}",
        "parameters: {nonsense: {values: [1]}}",
        "parameters: {seed: {values: []}}",
        "parameters: {seed: {values: [1], when: 3}}",
        "parameters: {a: {bundle: {}}}",
        "parameters: {a: {bundle: {x: {seed: 1}}, q: 3}}",
        "parameters: {training: {parameters: {}}}",
        f"{SEED}method: annealing",
        f"{SEED}run_cap: 0",
        f"{SEED}run_cap: many",
        f"{SEED}baseline: maybe",
        f"{SEED}metric: {{goal: best}}",
        f"{SEED}early_terminate: {{type: annealing}}",
        f"{SEED}early_terminate: {{eta: 1}}",
        f"{SEED}constraints: [{{then: {{seed: {{max: 1}}}}}}]",
        f"{SEED}constraints: [{{condition: seed > 1}}]",
        f"{SEED}resources: {{gpus: 1}}",
        f"{SEED}training: {{learning_rate: 1e-4}}",
        f"{SEED}settings: {{training: {{learning_rate: 2.0}}}}",
        f"{SEED}settings: {{training: {{learning_rate: fast}}}}",
        f"{SEED}settings: {{training: {{lr_scheduler_type: cosin}}}}",
        f"{SEED}settings: {{training: {{num_train_epochs: 0}}}}",
        f"{SEED}settings: {{training: {{eval_strategy: steps}}}}",
        f"{SEED}settings: {{training: {{output_dir: x}}}}",
        f"{SEED}settings: {{trainin: {{}}}}",
        f"{SEED}settings: {{model: {{preset: kobert}}}}",
        f"{SEED}data: {{trains: a.csv}}",
        f"{SEED}wandb: {{mode: sometimes}}",
        f"{SEED}decode: outline",
    ],
)
def test_both_refuse(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsMistake):
        load_experiment(tmp_path / "s.yaml", environ={})
    assert list(SPACE.iter_errors(parse_document(text, "").value))
