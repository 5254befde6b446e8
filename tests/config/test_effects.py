"""The effect receipt: parameters that vary in name only are refused, and points that are the same training are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from summtune.config import effects
from summtune.config.complete import load_settings
from summtune.config.effects import HOUSEKEEPING, IDLE, NOTHING
from summtune.config.settings import Generation, Lora, Settings
from summtune.config.transformers_arguments import installed
from summtune.decoding.generation import generation_arguments
from summtune.errors import SettingsMistake

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {temperature: {values: [0.5, 1.0]}}", "generation.temperature has no effect: generation.do_sample is false."),
        ("parameters: {top_k: {min: 10, max: 50}}", "generation.top_k has no effect: generation.do_sample is false."),
        ("parameters: {length_penalty: {min: 0.5, max: 1.5}}", "has no effect: generation.num_beams is 1, and it acts on beams only."),
        (
            "parameters: {length_penalty: {min: 0.5, max: 1.5}, num_beams: {values: [2, 4], when: {do_sample: true}}}",
            "parameters.num_beams: it never exists",
        ),
        (
            "parameters: {warmup_ratio: {values: [0.0, 0.1]}}\nsettings: {training: {lr_scheduler_type: constant}}",
            "training.warmup_ratio has no effect: lr_scheduler_type constant, reduce_lr_on_plateau and greedy have no warm-up.",
        ),
        (
            "parameters: {warmup_ratio: {values: [0.0, 0.1]}}\nsettings: {training: {warmup_steps: 5}}",
            "training.warmup_ratio has no effect: training.warmup_steps takes its place.",
        ),
        (
            "parameters: {adam_beta1: {values: [0.8, 0.95]}, optim: {values: [adafactor, sgd]}}",
            "training.adam_beta1 has no effect: training.optim is none of Adam's kin, and has no such number.",
        ),
        ("parameters: {early_stopping_threshold: {values: [0.0, 0.1]}}", "has no effect: training.early_stopping_patience is off."),
        (
            "parameters: {num_train_epochs: {values: [2, 3]}}\nsettings: {training: {max_steps: 50}}",
            "training.num_train_epochs has no effect: training.max_steps takes its place.",
        ),
        (
            "parameters: {max_length: {values: [32, 64]}}\nsettings: {generation: {max_new_tokens: 20}}",
            "generation.max_length has no effect: generation.max_new_tokens takes its place.",
        ),
        ("parameters: {keep_checkpoint: {values: [true, false]}}", "it changes what a trial leaves behind, not what comes of it."),
        ("parameters: {save_total_limit: {values: [1, 2]}}", "it changes what a trial leaves behind, not what comes of it."),
        ("parameters: {dataloader_num_workers: {values: [0, 2]}}", "it changes how fast a trial runs, not what comes of it."),
        (
            "parameters: {vocab_size: {values: [1000, 2000]}}\nsettings: {model: {checkpoint: digit82/kobart-summarization}}",
            "tokenizer.vocab_size has no effect: model.checkpoint brings its own tokenizer.",
        ),
        (
            "parameters: {dropout: {bundle: {a: {top_p: 0.9}, b: {top_p: 0.8}}}}",
            "dropout has no effect: generation.do_sample is false.",
        ),
        (
            "parameters: {weight_decay: {values: [0.0, 0.1], when: {num_beams: 4}}}",
            "it never exists: what its `when` asks for never holds.",
        ),
        (
            "parameters: {precision: {values: [fp16, fp32]}}\nsettings: {general: {device: cpu}}",
            "training.precision has no effect: general.device is cpu, where everything is computed in fp32.",
        ),
        ("parameters: {input_format: {values: ['{dialogue} a', '{dialogue} b']}}", "tokenizer.input_format"),
    ],
)
def test_a_parameter_without_effect_is_refused_with_the_reason(text: str, message: str, refuse: Refuse) -> None:
    found = refuse(f"decode: inline\n{text}\n")
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {temperature: {values: [0.5, 1.0]}, do_sample: {values: [true, false]}}",
        "parameters: {temperature: {values: [0.5, 1.0], when: {do_sample: true}}, do_sample: {values: [true, false]}}",
        "parameters: {length_penalty: {min: 0.5, max: 1.5}, num_beams: {values: [1, 2]}}",
        "parameters: {length_penalty: {min: 0.5, max: 1.5}, num_beams: {min: 1, max: 40}}",
        "parameters: {length_penalty: {min: 0.5, max: 1.5, when: {num_beams: 7}}, num_beams: {min: 1, max: 40}}",
        "parameters: {adam_beta1: {values: [0.8, 0.95]}, optim: {values: [adafactor, adamw_torch]}}",
        "parameters: {b: {bundle: {one: {num_beams: 1}, four: {num_beams: 4}}}, length_penalty: {values: [1.0, 2.0], when: {b: four}}}",
        # The one combination of four in which it exists is the last of 625.
        "parameters: {seed: {min: 1, max: 5}, num_train_epochs: {min: 1, max: 5, when: {seed: 5}}, batch_size: {min: 1, max: 5,"
        " when: {num_train_epochs: 5}}, gradient_accumulation_steps: {min: 1, max: 5, when: {batch_size: 5}},"
        " weight_decay: {values: [0.0, 0.1], when: {gradient_accumulation_steps: 5}}}",
        # It exists at few points only, since the rules leave little of what its condition asks for.
        "parameters: {weight_decay: {min: 0, max: 30}, optim: {values: [adafactor, sgd], when: {max_grad_norm: 0.5}},"
        " max_grad_norm: {values: [0.5, 1.0]}}\nconstraints: [{require: max_grad_norm > 0.5 or weight_decay == 17}]",
        # One value that changes nothing among others that do.
        "parameters: {precision: {values: [auto, fp32]}}",
        # Only together do these two matter: no rule may hide it.
        "parameters: {early_stopping_threshold: {values: [0.0, 0.1]}, early_stopping_patience: {values: [1, 2]}}",
    ],
)
def test_a_parameter_with_an_effect_somewhere_is_taken(text: str, load: Load) -> None:
    load(f"decode: inline\n{text}\n")


def test_rules_can_take_the_effect_away(refuse: Refuse, load: Load) -> None:
    text = "decode: inline\nparameters: {length_penalty: {values: [1.0, 2.0]}, num_beams: {values: [1, 2]}, batch_size: {values: [4, 8]}}\n"
    load(text)
    found = refuse(text + "constraints: [{condition: batch_size > 0, then: {num_beams: {value: 1}}}]\n")
    assert any("generation.length_penalty has no effect" in problem for problem in found)


def test_points_that_are_the_same_training_have_one_identity(load: Load) -> None:
    experiment = load(
        "decode: inline\n"
        "parameters: {num_beams: {values: [1, 2]}, length_penalty: {values: [1.0, 2.0]}, adam_beta1: {values: [0.9, 0.8]}}\n"
    )

    def identity(beams: int, penalty: float | None, beta: float | None) -> str:
        point = {"generation.num_beams": beams, "generation.length_penalty": penalty, "training.adam_beta1": beta}
        return experiment.identity({key: value for key, value in point.items() if value is not None})

    assert identity(1, 1.0, 0.8) == identity(1, 2.0, 0.8) == identity(1, None, 0.8)
    assert identity(2, 1.0, 0.8) != identity(2, 2.0, 0.8)
    assert identity(1, 1.0, 0.9) == identity(1, 1.0, None) == experiment.identity({}), "0.9 is transformers' own default"
    assert identity(1, 1.0, 0.8) != identity(1, 1.0, 0.9)


def test_fixed_settings_without_effect_are_said(load: Load) -> None:
    text = "settings: {generation: {temperature: 0.7, num_beams: 1}, training: {lr_scheduler_type: constant, warmup_ratio: 0.2}}\n"
    assert load(text).notices == (
        "generation.temperature has no effect: generation.do_sample is false.",
        "training.warmup_ratio has no effect: lr_scheduler_type constant, reduce_lr_on_plateau and greedy have no warm-up.",
    )


def test_every_key_of_the_tables_is_a_setting() -> None:
    own = {f"{section}.{name}" for section, part in Settings() for name in type(part).model_fields}
    known = own | {f"training.{name}" for name in installed().arguments}
    keys = {key for rule in IDLE for key in (*rule.keys, *rule.depends)} | set(HOUSEKEEPING) | set(NOTHING)
    known |= {f"model.lora.{name}" for name in Lora.model_fields}
    assert {key for key in keys if not key.startswith("model.config_overrides.")} <= known
    assert not set(HOUSEKEEPING) & set(NOTHING)


def test_whoever_sets_what_nothing_looks_at_is_told(load: Load) -> None:
    text = "settings: {training: {bf16_full_eval: true, ddp_timeout: 60, use_cache: true, logging_steps: 5, optim_args: x=1}}\n"
    assert load(text).notices == (
        "training.bf16_full_eval has no effect: summtune's own evaluator scores.",
        "training.use_cache has no effect: training never uses the cache.",
        "training.optim_args has no effect: this training.optim reads none.",
        "training.ddp_timeout has no effect: a trial has one worker.",
    )


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize("max_new_tokens", [None, 20])
def test_what_generate_is_given_and_what_counts_as_effect_are_one(beams: int, do_sample: bool, max_new_tokens: int | None) -> None:
    from transformers import GenerationConfig

    generation = Generation(num_beams=beams, do_sample=do_sample, max_new_tokens=max_new_tokens, temperature=0.7, top_k=5, top_p=0.9)
    given = generation_arguments(generation)
    values = Settings(generation=generation).model_dump(mode="json")
    flat = {f"{section}.{name}": value for section, part in values.items() for name, value in part.items()} | {"model.architecture": "bart"}
    counted = {key.removeprefix("generation.") for key in effects.arguments(flat) if key.startswith("generation.")}
    assert set(given) == {name for name in counted if getattr(generation, name) is not None}
    GenerationConfig(**given).validate(strict=True)  # transformers itself finds nothing that means nothing


@pytest.mark.parametrize(
    "schedule", ["constant", "reduce_lr_on_plateau", "greedy", "linear", "cosine", "constant_with_warmup", "inverse_sqrt"]
)
def test_schedules_without_warm_up_are_those_of_transformers(schedule: str) -> None:
    import torch
    from transformers import get_scheduler

    def first_rates(warmup: int) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=warmup, num_training_steps=20)
        rates = []
        for _ in range(5):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(1.0) if schedule in ("reduce_lr_on_plateau", "greedy") else scheduler.step()
        return rates

    values = {"training.lr_scheduler_type": schedule}
    assert (first_rates(0) == first_rates(10)) == bool(effects.idle_rules(values, "training.warmup_ratio"))


@pytest.mark.parametrize("architecture", ["kobart", "t5", "kogpt2"])
@pytest.mark.parametrize("key", ["data.clean", "data.topic_prefix"])
def test_what_is_done_with_texts_is_an_effect(architecture: str, key: str) -> None:
    values = {"model.architecture": architecture, key: False}
    assert effects.idle(values, key) is None
    assert effects.identity(values) != effects.identity({**values, key: True})


def test_beams_are_not_drawn() -> None:
    """Neither silently (where both are fixed it is refused), nor as a parameter that would change nothing."""
    with pytest.raises(SettingsMistake, match=r"with generation.num_beams 4 nothing is drawn.*Set generation.num_beams to 1"):
        load_settings("tiny-kobart", assignments=["generation.do_sample=true", "generation.num_beams=4"], environ={})
    given = {"generation.do_sample": True, "generation.num_beams": 4, "generation.top_p": 0.9}
    assert {key for key in given if effects.idle(given, key)} == {"generation.do_sample", "generation.top_p"}
    assert "do_sample" not in generation_arguments(Generation(num_beams=4, do_sample=True))


@pytest.mark.parametrize(
    "parameter",
    [
        "model.config_overrides: {values: [{d_model: 64}, {d_model: 128}]}",
        "size: {bundle: {a: {model.config_overrides: {d_model: 64}}, b: {model.config_overrides: {encoder_layers: 2}}}}",
    ],
)
def test_a_mapping_that_is_searched_as_a_whole_has_the_effect_of_its_entries(parameter: str, load: Load) -> None:
    assert load(f"parameters: {{{parameter}}}\n").space.size() == 2


def test_a_mapping_that_changes_nothing_has_no_effect(refuse: Refuse) -> None:
    found = refuse(
        "settings: {model: {dropout_rate: 0.1}}\nparameters: {model.config_overrides: {values: [{dropout: 0.2}, {dropout: 0.3}]}}\n"
    )
    assert "model.config_overrides has no effect" in found[0]
