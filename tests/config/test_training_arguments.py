from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config import training_arguments, transformers_arguments
from summtune.config.catalogue import catalogue
from summtune.space.naming import Unfit

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


def test_transformers_is_read_and_not_imported() -> None:
    known = transformers_arguments.installed()
    assert known.arguments["adam_beta1"].default == 0.9
    assert known.arguments["adam_beta1"].types == ("float",)
    assert "predict_with_generate" in known.arguments
    assert "cosine" in known.enums["SchedulerType"]
    assert "adafactor" in known.enums["OptimizerNames"]
    assert "bart" in known.seq2seq
    assert "gpt2" in known.causal


def test_every_argument_of_the_real_class_is_known() -> None:
    from dataclasses import fields

    from transformers import Seq2SeqTrainingArguments

    real = {field.name for field in fields(Seq2SeqTrainingArguments) if field.init and not field.name.startswith("_")}
    assert set(transformers_arguments.installed().arguments) == real


def test_what_was_read_is_kept_per_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMMTUNE_CACHE", str(tmp_path))
    transformers_arguments.installed.cache_clear()
    first = transformers_arguments.installed()
    (file,) = tmp_path.iterdir()
    assert file.name == f"transformers-arguments-{first.version}.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record["enums"]["SchedulerType"].append("from the cache")
    file.write_text(json.dumps(record), encoding="utf-8")
    transformers_arguments.installed.cache_clear()
    assert "from the cache" in transformers_arguments.installed().enums["SchedulerType"]
    file.write_text("torn {", encoding="utf-8")
    transformers_arguments.installed.cache_clear()
    assert transformers_arguments.installed() == first
    monkeypatch.setenv("SUMMTUNE_CACHE", "/proc/nowhere")
    transformers_arguments.installed.cache_clear()
    assert transformers_arguments.installed() == first


@pytest.mark.parametrize("name", [name for name in training_arguments.DECIDED if name not in ("logging_strategy", "generation_max_length")])
def test_what_summtune_decides_is_refused_with_what_decides_it(name: str, refuse: Refuse) -> None:
    found = refuse(f"settings: {{training: {{{name}: something}}}}\n")
    key = f"settings.training.{name}"
    if name == "seed":
        assert any("where a whole number is meant" in problem for problem in found)
    else:
        assert any(
            f"{key}: {name} is not yours to set here: {training_arguments.DECIDED[name].by}. Remove it." in problem for problem in found
        )


def test_everything_decided_exists_in_transformers() -> None:
    assert set(training_arguments.DECIDED) <= set(transformers_arguments.installed().arguments)
    assert not set(training_arguments.DROPPED) & set(training_arguments.free_arguments()) - {"sortish_sampler"}


def test_dropped_names_are_translated(load: Load, tmp_path: Path) -> None:
    experiment = load(
        """settings:
  training:
    evaluation_strategy: epoch
    save_strategy: epoch
    fp16_opt_level: O2
    overwrite_output_dir: true
    label_smoothing_factor: 0.1
    optim: adamw_hf
    load_best_model_at_end: true
    predict_with_generate: true
    group_by_length: true
    max_steps: -1
    num_train_epochs: 4.0
    seed: 5
"""
    )
    training = experiment.base.settings.training
    assert training.label_smoothing == 0.1
    assert training.optim == "adamw_torch"
    assert training.max_steps is None
    assert training.num_train_epochs == 4
    assert training.model_extra == {"train_sampling_strategy": "group_by_length"}
    assert experiment.base.settings.general.seed == 5
    said = [notice.replace(f"{tmp_path}/", "") for notice in experiment.notices]
    assert "s.yaml:3: training.evaluation_strategy is left out: every epoch is evaluated (evaluation.every)." in said
    assert (
        "s.yaml:5: training.fp16_opt_level is left out: it belonged to apex, which transformers no longer uses; `precision` decides."
        in said
    )
    assert len(said) == 6


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("adam_beta1", 0, 0.0),
        ("lr_scheduler_kwargs", {"num_cycles": 2}, {"num_cycles": 2}),
        ("lr_scheduler_kwargs", None, None),
        ("torch_compile", True, True),
        ("logging_strategy", "steps", "steps"),
        ("dataloader_prefetch_factor", None, None),
        ("include_num_input_tokens_seen", "all", "all"),
    ],
)
def test_values_of_the_right_type(name: str, value: object, result: object) -> None:
    checked = training_arguments.check_argument(name, value)
    assert checked == result
    assert type(checked) is type(result)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("adam_beta1", "x", '"x" is text, where a number is meant.'),
        ("adam_beta1", True, "true is a switch, where a number is meant."),
        ("adam_beta1", float("nan"), "where a number is meant"),
        ("adam_beta1", None, "nothing is given, where a number is meant."),
        ("torch_compile", "yes", "Write true or false, without quotes."),
        ("logging_strategy", "epochs", "epochs is not one of no, steps, epoch. Did you mean epoch?"),
        ("adam_epsilon", -1.0, "-1.0 is too small: it must be at least 0."),
        ("dataloader_prefetch_factor", 1.5, "1.5 is a fraction, where a whole number is meant."),
    ],
)
def test_values_of_a_wrong_type(name: str, value: object, message: str) -> None:
    with pytest.raises(Unfit) as caught:
        training_arguments.check_argument(name, value)
    assert message in str(caught.value)


def verdict(key: str, value: object) -> str:
    try:
        catalogue().check(key, value)
    except Unfit as unfit:
        return unfit.reason
    return "fine."


def test_no_message_is_pydantic_s_own() -> None:
    values = [None, True, -1, 10**30, 1.5, float("nan"), "x", [], [1], {}, {"a": [1]}, [None]]
    for key in catalogue().fields:
        for value in values:
            reason = verdict(key, value)
            assert "Input should" not in reason
            assert "http" not in reason
            assert reason.endswith(".")
