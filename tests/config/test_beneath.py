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


MIN_80 = "baseline: false\nsettings: {generation: {min_length: 80}}\n"


@pytest.mark.parametrize(
    "text",
    [
        MIN_80 + SEARCHED,
        "baseline: false\nbase: kobart\nsettings: {generation: {max_length: 2048}}\n" + SEARCHED,
        "baseline: false\nsettings: {generation: {max_length: 900}}\nbase: tiny-kogpt2\n"
        "parameters: {encoder_max_len: {values: [128, 256]}, max_length: {values: [32, 64]}}\n",
    ],
)
def test_decoding_that_every_training_draws_has_nothing_beneath(text: str, load: Load, refuse: Refuse) -> None:
    assert load(f"decode: inline\n{text}").space.size() == 4
    assert any("Trials have the base's generation.max_length: it is searched after training." in problem for problem in refuse(text))


def test_why_a_length_that_is_searched_after_training_does_not_help(refuse: Refuse) -> None:
    said = "80 is above generation.max_length, 64. Lower it, or raise that. Trials have the base's generation.max_length: it is searched"
    assert refuse(MIN_80 + SEARCHED) == [f"s.yaml:2:25: settings.generation.min_length: {said} after training."]


def test_decoding_that_not_every_training_draws_is_the_base_s_there(refuse: Refuse) -> None:
    searched = SEARCHED.replace("256]}", "256], when: {seed: 1}}")
    found = refuse(f"decode: inline\n{MIN_80}{searched}")
    assert [problem.rpartition("that. ")[2] for problem in found] == ["Not every point draws generation.max_length."]


def test_an_optimisation_that_only_some_points_draw(refuse: Refuse, load: Load) -> None:
    searched = "parameters: {s: {bundle: {a: {lr_scheduler_type: linear}, b: {seed: 7}}}}\n"
    text = f"settings: {{training: {{lr_scheduler_type: cosine_with_min_lr}}}}\nbaseline: false\n{searched}"
    assert any("cosine_with_min_lr needs min_lr or min_lr_rate" in problem for problem in refuse(text))
    load(text.replace("seed: 7", "lr_scheduler_type: cosine"))
