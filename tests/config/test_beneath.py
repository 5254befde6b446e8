"""A searched key still has the base's value in the baseline, and at points that don't draw it: there it is judged, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

LONG = "base: kobart\nsettings: {tokenizer: {encoder_max_len: 2048}}\n"
BEYOND = "s.yaml:2:24: settings.tokenizer.encoder_max_len: 2048 is beyond the model's 1026 positions. Give at most 1026."
BASELINE = "Without the baseline it can stay: `baseline: false`."
SEARCHED = "parameters: {seed: {values: [1, 2]}, max_length: {values: [128, 256]}}\n"
POINTS = "Not every point draws tokenizer.encoder_max_len."


def test_the_baseline_has_the_base_s_own_value_of_what_is_searched(refuse: Refuse, load: Load) -> None:
    text = LONG + "parameters: {encoder_max_len: {values: [256, 512]}}\n"
    assert refuse(text) == [f"{BEYOND} {BASELINE}"]
    assert load(text + "baseline: false\n").space.size() == 2


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ("s: {bundle: {a: {encoder_max_len: 256}, b: {batch_size: 4}}}", True),
        ("s: {bundle: {a: {encoder_max_len: 256}, b: {encoder_max_len: 512}}}", False),
        ("encoder_max_len: {values: [256, 512], when: {optim: sgd}}, optim: {values: [sgd, adafactor]}", True),
        ("encoder_max_len: {min: 256, max: 512, when: {optim: sgd}}, optim: {values: [sgd, adafactor]}", True),
        ("encoder_max_len: {values: [256, 512], when: {optim: [sgd, adafactor]}}, optim: {values: [sgd, adafactor]}", False),
        (
            "encoder_max_len: {values: [256, 512], when: {adam_beta1: [0.8, 0.9]}}, optim: {values: [sgd, adamw_torch]},"
            " adam_beta1: {values: [0.8, 0.9], when: {optim: adamw_torch}}",
            False,
        ),
        (
            "encoder_max_len: {values: [256, 512], when: {adam_beta1: [0.7, 0.8]}}, optim: {values: [sgd, adamw_torch]},"
            " adam_beta1: {values: [0.7, 0.8], when: {optim: adamw_torch}}",
            True,
        ),
    ],
)
def test_points_that_leave_a_key_to_the_base_have_its_value(parameters: str, left: bool, refuse: Refuse, load: Load) -> None:
    text = f"{LONG}parameters: {{{parameters}}}\nbaseline: false\n"
    if left:
        assert refuse(text) == [f"{BEYOND} {POINTS}"]
    else:
        load(text)


def test_a_rule_may_see_to_it_that_a_key_is_always_drawn(refuse: Refuse, load: Load) -> None:
    text = LONG + "baseline: false\nparameters: {s: {bundle: {a: {encoder_max_len: 256}, b: {batch_size: 4}}}, seed: {values: [1, 2]}}\n"
    assert refuse(text) == [f"{BEYOND} {POINTS}"]
    assert load(text + "constraints: [{require: s == 'a'}]\n").space.size() == 2


def test_trials_have_the_base_s_decoding_though_another_is_searched_after_training(refuse: Refuse) -> None:
    searched = "parameters: {seed: {values: [1, 2]}, max_length: {values: [30, 60]}}\n"
    text = f"baseline: false\nsettings: {{generation: {{max_length: 2048}}}}\n{searched}"
    assert any("max_length: 2048 is beyond the model's 1024 positions." in problem for problem in refuse(text))


def test_what_is_said_of_a_length_that_is_searched_after_training(refuse: Refuse) -> None:
    text = f"baseline: false\nsettings: {{generation: {{min_length: 80}}}}\n{SEARCHED}"
    own = "Trials have the settings' own generation.max_length, which other values replace only after training: change that."
    assert [problem.partition("min_length: ")[2] for problem in refuse(text)] == [f"80 is above generation.max_length, 64. Lower it. {own}"]


@pytest.mark.parametrize(
    "text",
    [
        f"settings: {{generation: {{min_length: 80}}}}\n{SEARCHED}",
        f"base: kobart\nsettings: {{generation: {{max_length: 2048}}}}\n{SEARCHED}",
        "base: tiny-kogpt2\nsettings: {generation: {max_length: 900}}\n"
        "parameters: {encoder_max_len: {values: [128, 256]}, max_length: {values: [32, 64]}}\n",
    ],
)
def test_trials_that_are_trained_with_each_decoding_never_have_the_base_s(text: str, load: Load) -> None:
    assert load(f"decode: inline\nbaseline: false\n{text}").space.size() == 4


def test_an_optimisation_that_only_some_points_draw(refuse: Refuse, load: Load) -> None:
    searched = "parameters: {s: {bundle: {a: {lr_scheduler_type: linear}, b: {seed: 7}}}}\n"
    text = f"settings: {{training: {{lr_scheduler_type: cosine_with_min_lr}}}}\nbaseline: false\n{searched}"
    assert any("cosine_with_min_lr needs min_lr or min_lr_rate" in problem for problem in refuse(text))
    load(text.replace("seed: 7", "lr_scheduler_type: cosine"))
