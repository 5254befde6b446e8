"""Whatever settings there are: written down and read back they are the same; and what is drawn is what the settings say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from summtune.config.complete import load_settings
from summtune.config.description import read_resolved, resolved_lines
from summtune.config.experiment import Experiment, load_experiment, settings_over
from summtune.config.layers import Resolved, flatten, nest
from summtune.config.settings import Settings
from summtune.config.settings_file import read_preset
from summtune.space.source import Dice

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

UNREADABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # in YAML, but for their escapes

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "1e-3",
        "null",
        "~",
        "#Person1#",
        "a: b",
        "- x",
        "'",
        '"',
        " x ",
        "한국어",
        "a\nb",
        "1_000",
        "0x1F",
        "*a",
        "!x",
        "{dialogue}",
        "\\",
        "@",
        "%",
        "a\u2028b",
        "\x85",
        "a\x7f",
        "\ufeffa\uffff",
        "\U0001f600\u2029",
    ]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "meta.version": texts,
    "meta.description": texts,
    "meta.tags": st.lists(texts, max_size=3),
    "general.seed": st.integers(0, 2**32 - 1),
    "tokenizer.encoder_max_len": st.integers(1, 1000),
    "tokenizer.prefix": texts,
    "tokenizer.special_tokens": st.lists(texts, max_size=3),
    "tokenizer.bos_token": st.none() | texts,
    "training.learning_rate": st.floats(1e-300, 0.99, allow_subnormal=False),
    "training.weight_decay": st.floats(0.0, 1e300),
    "training.num_train_epochs": st.integers(1, 1000),
    "training.optim": st.sampled_from(["sgd", "adafactor", "adamw_torch"]),
    "training.adam_beta1": st.floats(0.0, 1.0, exclude_max=True),
    "training.warmup_steps": st.sampled_from([0.0, 5.0, 0.25]),
    "training.precision": st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
    "training.lr_scheduler_kwargs": st.none() | st.dictionaries(st.just("num_cycles"), st.floats(0, 1), max_size=1),
    "training.early_stopping_patience": st.none() | st.integers(1, 9),
    "training.max_steps": st.none() | st.integers(1, 9),
    "generation.num_beams": st.integers(1, 8),
    "generation.length_penalty": st.floats(-1e3, 1e3),
    "generation.temperature": st.none() | st.floats(0.01, 10),
    "generation.do_sample": st.booleans(),
    "evaluation.combined": st.sampled_from(["mean", "sum"]) | st.fixed_dictionaries({"rouge1_f1": st.floats(0.01, 1)}),
    "model.config_overrides.dropout": st.floats(0, 1),
    "model.dropout_rate": st.none() | st.floats(0, 1),
    "wandb.notes": texts,
}
some_values = st.fixed_dictionaries({}, optional=VALUES)


@given(values=some_values)
@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
def test_resolving_what_was_dumped_gives_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    text = json.dumps(_merged(nest(values)), ensure_ascii=False)
    base.write_text(UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text), encoding="utf-8")
    first = load_settings(str(base), environ={}).resolved
    text = "\n".join(resolved_lines(first))
    dumped = tmp_path / "dumped.yaml"
    dumped.write_text(text, encoding="utf-8")
    again = load_settings(str(dumped), environ={}).resolved
    assert again.settings == first.settings
    assert read_resolved(text) == first.settings
    assert Settings.model_validate(json.loads(json.dumps(first.settings.model_dump(mode="json")))) == first.settings


def _merged(sections: dict[str, Any]) -> dict[str, Any]:
    model = sections.pop("model", {})
    if sections.get("generation", {}).get("do_sample"):
        sections["generation"]["num_beams"] = 1  # beams are not drawn, and it is refused
    return {**sections, "model": {"preset": "tiny-kobart", **model}}


SPECS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "learning_rate": st.sampled_from([{"min": 1e-5, "max": 1e-2}, {"distribution": "log_normal", "mu": -8, "sigma": 1}]),
    "batch_size": st.sampled_from([{"values": [4, 8]}, {"min": 1, "max": 8}]),
    "optim": st.just({"values": ["sgd", "adamw_torch"]}),
    "adam_beta2": st.sampled_from([{"values": [0.9, 0.99], "when": {"optim": "adamw_torch"}}]),
    "num_beams": st.just({"values": [1, 2, 4]}),
    "length_penalty": st.sampled_from([{"min": 0.5, "max": 1.5}, {"values": [1.0, 2.0], "when": {"num_beams": [2, 4]}}]),
    "size": st.just({"bundle": {"small": {"encoder_max_len": 64, "decoder_max_len": 32}, "large": {"encoder_max_len": 256}}}),
    "weight_decay": st.just({"distribution": "q_uniform", "min": 0.0, "max": 0.3, "q": 0.1}),
    "model": st.just({"values": ["tiny-kobart", "tiny-t5", "tiny-kogpt2"]}),
}
RULES = (
    {"condition": "encoder_max_len > 100", "then": {"batch_size": {"max": 4}}},
    {"require": "num_beams * batch_size <= 16"},
    {"condition": "optim == 'sgd'", "then": {"learning_rate": {"min": 0.0001}}},
)


@given(
    names=st.permutations(["learning_rate", "batch_size", "optim", "num_beams", "size", "weight_decay", "model"]),
    more=st.sets(st.sampled_from(["adam_beta2", "length_penalty"])),
    data=st.data(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_what_is_drawn_is_what_the_settings_say(names: list[str], more: set[str], data: st.DataObject, seed: int, tmp_path: Path) -> None:
    parameters = {name: data.draw(SPECS[name]) for name in [*names, *sorted(more)]}
    rules = [rule for rule in RULES if data.draw(st.booleans())]
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps({"decode": "inline", "parameters": parameters, "constraints": rules}), encoding="utf-8")
    experiment = load_experiment(file, environ={})
    restored = Experiment.from_record(json.loads(json.dumps(experiment.to_record())))
    draw = experiment.space.draw_narrowed(Dice(seed), seed)
    assert draw is not None
    assert restored.space.draw_narrowed(Dice(seed), seed) == draw
    values = experiment.settings_for(draw.point)
    flat = {f"{section}.{key}": value for section, part in values.model_dump(mode="json").items() for key, value in part.items()}
    assert {key: flat[key] for key in draw.point} == draw.point
    assert experiment.space.keeps_rules(draw)
    assert restored.identity(draw.point) == experiment.identity(draw.point)
    model = str(draw.point["model.preset"])
    preset = flatten(settings_over(Settings(), {key: entry.value for key, entry in read_preset(model).items()}).model_dump(mode="json"))
    owned = flatten(values.model_dump(mode="json"))
    assert {key: value for key, value in owned.items() if key.startswith("model.")} == {
        key: value for key, value in preset.items() if key.startswith("model.")
    }
    assert values.tokenizer.prefix == ("summarize: " if model == "tiny-t5" else "")


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x7f", "\ufeff", "\u200b", "\U0001f600"])
def test_text_that_yaml_breaks_at_or_forbids_is_read_back(odd: str) -> None:
    resolved = load_settings("tiny-kobart", environ={}).resolved
    noted = resolved.settings.model_copy(
        update={"meta": resolved.settings.meta.model_copy(update={"description": f"one{odd}two", "tags": (f"a{odd}b",)})}
    )
    assert read_resolved("\n".join(resolved_lines(Resolved(noted, {})))) == noted
