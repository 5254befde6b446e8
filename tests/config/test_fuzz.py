"""Whatever a file holds, loading it ends in an experiment or in a mistake that names something; in nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from summtune.config.catalogue import ALIASES, catalogue
from summtune.config.experiment import Experiment, load_experiment
from summtune.config.space_file import SpaceFile
from summtune.errors import SettingsMistake
from summtune.space.distributions import DISTRIBUTIONS

KEYS = [*catalogue().fields, "training.adam_beta1", "training.warmup_steps", "training.evaluation_strategy", "training.output_dir"]
NAMES = [*(key.partition(".")[2] for key in KEYS), *KEYS, *ALIASES, "nonsense"]

words = st.sampled_from(
    ["", "a", "kobart", "auto", "none", "linear", "yes", "epoch", "../x", "~no_one_here/y", "x" * 5000, "5e-5", "loss", "asha"]
)
numbers = st.sampled_from([0, 1, -1, 3, 10**20, 1.5, 1e-4, -3.5, float("nan"), float("inf")])
scalars = st.none() | st.booleans() | numbers | words
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(["a", "rouge1_f1", "d_model"]), scalars, max_size=2)
distributions = st.sampled_from([*DISTRIBUTIONS, "nonsense"])
lows, highs = st.sampled_from([1e-4, 0, 1, -5, 2.5]), st.sampled_from([1, 2, 1e-3, 100, 10**32])
ranges = st.fixed_dictionaries({"min": lows, "max": highs}, optional={"distribution": distributions, "q": scalars})
lists = st.lists(values, max_size=3)
whens = st.dictionaries(st.sampled_from(NAMES), values, max_size=2) | values
extras: dict[str, Any] = {"when": whens, "distribution": distributions, **dict.fromkeys(("mu", "sigma", "a", "b", "q"), scalars)}
specs = (
    ranges
    | st.fixed_dictionaries({"value": values}, optional=extras)
    | st.fixed_dictionaries({"values": lists}, optional={**extras, "probabilities": lists})
    | st.fixed_dictionaries(
        {"distribution": distributions}, optional={name: extra for name, extra in extras.items() if name != "distribution"}
    )
    | st.fixed_dictionaries({"bundle": st.dictionaries(words, st.dictionaries(st.sampled_from(NAMES), values, max_size=2), max_size=3)})
    | values
)
tokens = st.sampled_from([*NAMES, "and", "or", "not", "in", "==", "<", ">=", "(", ")", "[", "]", "'sgd'", "1e-4", "3", "true", "*", "+"])
expressions = st.lists(tokens, max_size=9).map(" ".join) | values
narrowings = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(st.sampled_from(["min", "max", "values", "value"]), values, max_size=2)
)
rules = st.fixed_dictionaries(
    {}, optional={"name": values, "condition": expressions, "then": narrowings | values, "require": expressions, "require_metric": values}
)
nested = st.fixed_dictionaries({"parameters": st.dictionaries(st.sampled_from(NAMES), specs)})
groups = st.dictionaries(st.sampled_from(NAMES), specs | nested, max_size=4)


@st.composite
def sections(draw: st.DrawFn) -> Any:
    content: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=6, unique=True)):
        section, _, name = key.partition(".")
        content.setdefault(section, {})[name] = draw(values)
    return content


spaces = st.fixed_dictionaries(
    {"parameters": groups},
    optional={
        **{name: values for name in SpaceFile.model_fields if name not in ("parameters", "settings", "base")},
        "constraints": st.lists(rules | values, max_size=3),
        "settings": sections(),
        "base": st.just("base.yaml") | values,
    },
)


@given(
    space=spaces,
    base=sections(),
    assignment=st.tuples(st.sampled_from([*NAMES, "count", "metric.name", "resources.x"]), st.text(max_size=8)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_exception_but_our_own(space: dict[str, Any], base: dict[str, Any], assignment: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(space, allow_unicode=True, sort_keys=False), encoding="utf-8")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base), encoding="utf-8")
    try:
        experiment = load_experiment(file, assignments=["=".join(assignment)], environ={})
    except SettingsMistake as mistake:
        text = str(mistake)
    else:
        text = ""
        assert Experiment.from_record(json.loads(json.dumps(experiment.to_record(), allow_nan=False))) == experiment
    assert "Input should" not in text
    assert "pydantic" not in text
