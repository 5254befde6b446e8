from __future__ import annotations

import math
from dataclasses import replace

import pytest

from summtune.config.catalogue import catalogue
from summtune.documents import parse_document
from summtune.space.bundle import Bundle
from summtune.space.constraints import Constraints, parse_constraints
from summtune.space.parameters import Choice, Constant, Integers, Parameter, Reals
from summtune.space.parsing import parse_parameters
from summtune.space.shaped import Shaped
from summtune.space.spec import Parsed


def parse(text: str) -> Parsed:
    return parse_parameters(parse_document(text, "s.yaml"), (), catalogue())


def only(spec: str, name: str = "learning_rate") -> Parameter:
    parsed = parse(f"{name}: {spec}")
    assert not parsed.problems, parsed.problems
    return parsed.parameters[0]


def reason(spec: str, name: str = "learning_rate") -> str:
    return "\n".join(str(problem) for problem in parse(f"{name}: {spec}").problems)


LR = "training.learning_rate"
BATCH = "training.per_device_train_batch_size"


@pytest.mark.parametrize(
    ("spec", "parameter"),
    [
        ("{value: 1e-4}", Constant(LR, 1e-4)),
        ("{values: [1e-4]}", Constant(LR, 1e-4)),
        ("{values: [1e-4, 5e-4]}", Choice(LR, (1e-4, 5e-4))),
        ("{distribution: constant, value: 1e-4}", Constant(LR, 1e-4)),
        ("{distribution: categorical, values: [1e-4, 5e-4]}", Choice(LR, (1e-4, 5e-4))),
        ("{min: 1e-5, max: 1e-3}", Reals(LR, 1e-5, 1e-3)),
        ("{min: 1e-5, max: 1e-5}", Constant(LR, 1e-5)),
        ("{distribution: uniform, min: 1e-5, max: 1e-3}", Reals(LR, 1e-5, 1e-3)),
        ("{distribution: log_uniform_values, min: 1e-6, max: 1e-3}", Reals(LR, 1e-6, 1e-3, log=True)),
        ("{distribution: q_uniform, min: 0.0, max: 0.35, q: 0.1}", None),
        ("{distribution: q_log_uniform_values, min: 1e-5, max: 1e-3, q: 1e-5}", Reals(LR, 1e-5, 1e-3, log=True, step=1e-5)),
    ],
)
def test_specs_of_a_number(spec: str, parameter: Parameter | None) -> None:
    if parameter is None:
        assert "0.0 is too small: it must be above 0.0" in reason(spec)
    else:
        assert only(spec) == parameter


def test_log_uniform_has_exponents_as_in_wandb() -> None:
    parameter = only(f"{{distribution: log_uniform, min: {math.log(1e-5)}, max: {math.log(1e-3)}}}")
    assert isinstance(parameter, Reals)
    assert parameter.log
    assert parameter.low == pytest.approx(1e-5)
    assert parameter.high == pytest.approx(1e-3)


def test_log_uniform_with_values_is_explained() -> None:
    found = reason("{distribution: log_uniform, min: 1e-5, max: 1e-3}")
    assert "In log_uniform the bounds are exponents, as in W&B; log_uniform_values takes the values themselves." in found


@pytest.mark.parametrize(
    ("spec", "parameter"),
    [
        ("{min: 4, max: 64}", Integers(BATCH, 4, 64)),
        ("{distribution: int_uniform, min: 4, max: 64}", Integers(BATCH, 4, 64)),
        ("{distribution: q_uniform, min: 4, max: 30, q: 8}", Integers(BATCH, 8, 24, step=8)),
        ("{distribution: q_uniform, min: 4, max: 30}", Integers(BATCH, 4, 30)),
        ("{distribution: log_uniform_values, min: 4, max: 64}", Integers(BATCH, 4, 64, log=True)),
        ("{distribution: q_log_uniform_values, min: 4, max: 64, q: 4}", Integers(BATCH, 4, 64, log=True, step=4)),
        ("{values: [8, 16.0]}", Choice(BATCH, (8, 16))),
    ],
)
def test_specs_of_a_whole_number(spec: str, parameter: Parameter) -> None:
    assert only(spec, "batch_size") == parameter


def test_an_end_that_can_t_be_is_left_out_of_an_even_range() -> None:
    """As in W&B's own examples: a learning rate uniform from 0."""
    parsed = parse("learning_rate: {distribution: uniform, min: 0, max: 0.1}\nlabel_smoothing: {min: 0.0, max: 1.0}")
    assert not parsed.problems, parsed.problems
    rate, smoothing = parsed.parameters
    assert isinstance(rate, Reals)
    assert isinstance(smoothing, Reals)
    assert (rate.describe(), smoothing.describe()) == ("above 0 to 0.1", "0.0 to below 1.0")
    assert 0 < rate.low < 1e-300
    assert parsed.notices == [
        "training.learning_rate: 0.0 itself is not drawn, since it can't be.",
        "training.label_smoothing: 1.0 itself is not drawn, since it can't be.",
    ]
    assert "0 has no logarithm" in reason("{distribution: log_uniform_values, min: 0, max: 0.1}")
    assert "-0.1 is too small" in reason("{min: -0.1, max: 0.1}")


def test_two_integers_mean_whole_numbers_even_for_a_share() -> None:
    parsed = parse("warmup_ratio: {min: 0, max: 1}")
    assert parsed.parameters == [Reals("training.warmup_ratio", 0.0, 1.0, step=1.0)]
    assert "only whole numbers are drawn (W&B's rule); write 0.0 and 1.0 for all between." in parsed.notices[0]
    assert only("{min: 0.0, max: 1}", "warmup_ratio") == Reals("training.warmup_ratio", 0.0, 1.0)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("1e-4", "s.yaml:1:1: learning_rate: it must be a mapping that says how it varies. Write `{value: 0.0001}`."),
        ("[1e-4, 2e-4]", "Write `{values: [0.0001, 0.0002]}`."),
        ("{}", "it doesn't say how it varies. Give `value`, `values`, or `min` and `max`."),
        ("{min: 1e-5}", "it has no `max`. A range needs both ends."),
        ("{min: 1e-3, max: 1e-5}", "min 0.001 is above max 1e-5. Exchange them."),
        ("{min: 1e-5, max: 2.0}", "learning_rate.max: 2.0 is too large: it must be below 1.0."),
        ("{distribution: q_log_uniform, min: -9, max: 100, q: 1e-4}", "learning_rate.q: a step of 0.0001 vanishes beside 2.68"),
        ("{min: -0.1, max: 0.1}", "learning_rate.min: -0.1 is too small: it must be above 0.0."),
        ('{min: "1e-5", max: 1e-3}', "learning_rate.min: 1e-5 is no number. Remove the quotes."),
        ("{min: a, max: 1e-3}", "a is no number. Give a number."),
        ("{min: .nan, max: 1e-3}", "nan is no number."),
        ("{values: []}", "it must be a list of at least one value. Write `values: [a, b]`."),
        ("{values: 3}", "it must be a list of at least one value."),
        ("{values: [1e-4, 1e-4]}", "learning_rate.values.1: 0.0001 stands in the list twice."),
        ("{values: [1e-4, '1e-3']}", 'learning_rate.values.1: "1e-3" is text, where a number is meant. Remove the quotes.'),
        ("{values: [1e-4, true]}", "true is a switch, where a number is meant."),
        ("{value: 1e-4, min: 1e-5}", "constant has no `min`. It takes value."),
        ("{min: 1e-5, max: 1e-3, q: 1e-5}", "uniform has no `q`. Write `distribution: q_uniform`, or leave it out."),
        (
            "{distribution: log_uniform_values, min: 1e-5, max: 1e-3, q: 1e-5}",
            "log_uniform_values has no `q`. Write `distribution: q_log_uniform_values`, or leave it out.",
        ),
        ("{min: 1e-5, max: 1e-3, log: true}", "no parameter has this key. Write `distribution: log_uniform_values`."),
        ("{distribution: normal, mean: 1e-4}", "no parameter has this key. Did you mean mu?"),
        ("{low: 1e-5, high: 1e-3}", "no parameter has this key. Did you mean min?"),
        ("{choices: [1e-5, 1e-3]}", "no parameter has this key. Did you mean values?"),
        ("{min: 1e-5, max: '1,5'}", "1,5 is no number. Write 1.5."),
        ("{min: 1e-5, max: '1,500'}", "1,500 is no number. Write 1500."),
        ("{distribution: uniform, min: 1e-5}", "uniform needs `max`. Add it."),
        ("{distribution: unifrm, min: 1e-5, max: 1e-3}", "unifrm is no distribution. Did you mean uniform?"),
        ("{distribution: [], min: 1e-5, max: 1e-3}", "[] is no distribution."),
        ("{distribution: log_uniform_values, min: -1.0, max: 1e-3}", "-1.0 has no logarithm"),
        ("{distribution: q_uniform, min: 0.01, max: 0.05, q: 0.1}", "there is no multiple of 0.1 from 0.01 to 0.05."),
        ("{distribution: q_uniform, min: 0.01, max: 0.05, q: 0}", "a step of 0 leads nowhere."),
        ("{distribution: log_uniform, min: -10, max: 1e9}", "too large"),
        ("{distribution: normal, mu: 100, sigma: 2}", "hardly any of it (0.00%) lies within what training.learning_rate takes"),
        ("{distribution: normal, mu: 0.1, sigma: 0}", "sigma: 0 is too small: it must be above 0."),
        ("{mu: 0.1, sigma: 1}", "it doesn't say which distribution. Write `distribution: normal`."),
        ("{distribution: beta, a: -1}", "learning_rate.a: -1 is too small: it must be above 0."),
        ("{values: [1e-4, 2e-4], probabilities: [1, 2]}", "they sum to 3.0, not to 1. In the same proportions: [0.3333, 0.6667]."),
        ("{values: [1e-4, 2e-4], probabilities: [1]}", "there are 1 of them for 2 values. Give one for each."),
        ("{values: [1e-4, 2e-4], probabilities: [-1, 2]}", "they must be a list of numbers, none below 0."),
        ("{values: [1e-4, 2e-4], distribution: categorical_w_probabilities}", "categorical_w_probabilities needs `probabilities`."),
        ("{values: [1e-4, 2e-4], when: {}}", "it must say which parameter has which value."),
        ("{values: [1e-4, 2e-4], when: {learning_rate: 1e-4}}", "a parameter can't depend on itself."),
        ("{values: [1e-4, 2e-4], when: {optm: sgd}}", "there is no setting 'optm'. Did you mean training.optim?"),
        ("{valus: [1e-4]}", "no parameter has this key. Did you mean values?"),
        ("{parameters: {}}", "a group must name what varies in it."),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(spec: str, text: str) -> None:
    assert text in reason(spec)


@pytest.mark.parametrize(
    ("name", "spec", "text"),
    [
        (
            "batch_size",
            "{min: 1.5, max: 8}",
            "takes whole numbers, and this range draws fractions. Give two integers as min and max, or `values`.",
        ),
        ("batch_size", "{min: 1.0, max: 8.0}", "takes whole numbers"),
        ("batch_size", "{min: 4, max: 16, q: 4}", "int_uniform has no `q`. Write `distribution: q_uniform`, or leave it out."),
        ("batch_size", f"{{min: 1, max: {10**32}}}", "no sampler tells whole numbers above 9007199254740992 (2^53) apart. Lower max"),
        ("adam_beta2", "{min: 0.9, max: 1.5}", "adam_beta2.max: 1.5 is too large: it must be below 1."),
        ("adam_beta1", "{values: [0.9, 1.0]}", "adam_beta1.values.1: 1.0 is too large: it must be below 1."),
        ("batch_size", "{min: 0, max: 8}", "batch_size.min: 0 is too small: it must be above 0."),
        ("lr_scheduler_type", "{min: 1, max: 2}", "its values are no numbers, so that a range says nothing. Give `values: [a, b]`."),
        ("lr_scheduler_type", "{values: [linear, cosin]}", "Did you mean cosine?"),
        ("optim", "{values: [adamw_torch, adamw_hf]}", "adamw_torch and adamw_hf are the same, adamw_torch."),
        ("learnin_rate", "{value: 1}", "there is no setting 'learnin_rate'. Did you mean training.learning_rate?"),
        ("generation.learning_rate", "{value: 1}", "Did you mean training.learning_rate?"),
        (
            "lr_scheduler_kwargs",
            "{parameters: {num_cycles: {values: [1, 2]}}}",
            "training.lr_scheduler_kwargs is given as a whole: `{num_cycles: …}` where it takes a mapping.",
        ),
        ("wandb.project", "{values: [a, b]}", "wandb.project can't be searched: it changes no training. Put it under `settings:`."),
        ("trust_remote_code", "{values: [true, false]}", "model.trust_remote_code can't be searched: it says whose code may run"),
        ("evaluation.metrics", "{values: [[rouge], []]}", "it would compare trials by different yardsticks"),
        ("fp16", "{values: [true, false]}", "Use `precision: {values: [fp32, bf16, fp16]}`."),
        ("data.train", "{values: [a, b]}", "trials on different data can't be compared"),
    ],
)
def test_what_a_key_can_t_be_is_said(name: str, spec: str, text: str) -> None:
    assert text in reason(spec, name)


def test_groups_have_a_prefix() -> None:
    parsed = parse("training: {parameters: {learning_rate: {value: 1e-4}, optim: {values: [sgd, adafactor]}}}")
    assert [parameter.name for parameter in parsed.parameters] == ["training.learning_rate", "training.optim"]
    assert "holds `parameters` and nothing else" in str(parse("training: {parameters: {seed: {value: 1}}, min: 3}").problems[0])


def test_one_key_under_two_names_is_refused() -> None:
    found = parse("batch_size: {values: [1, 2]}\nper_device_train_batch_size: {values: [3, 4]}").problems
    assert (found[0].line, found[0].key) == (2, "per_device_train_batch_size")
    assert found[0].reason == "this is training.per_device_train_batch_size, which batch_size is already."


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("learning_rate", "training.learning_rate"),
        ("training.learning_rate", "training.learning_rate"),
        ("batch_size", "training.per_device_train_batch_size"),
        ("seed", "general.seed"),
        ("label_smoothing", "training.label_smoothing"),
        ("label_smoothing_factor", "training.label_smoothing"),
        ("generation_max_length", "generation.max_length"),
        ("dropout_rate", "model.dropout_rate"),
        ("model_checkpoint", "model.checkpoint"),
        ("model_architecture", "model.architecture"),
        ("model", "model.preset"),
        ("num_beams", "generation.num_beams"),
        ("encoder_max_len", "tokenizer.encoder_max_len"),
        ("adam_beta1", "training.adam_beta1"),
        ("output_dir", "general.output_dir"),
        ("model.config_overrides.d_model", "model.config_overrides.d_model"),
    ],
)
def test_names_mean_keys(name: str, key: str) -> None:
    assert catalogue().resolve(name) == key


SEARCH = """
parameters:
  size: {bundle: {small: {batch_size: 8, encoder_max_len: 128}, large: {batch_size: 32}}}
  optim: {values: [adamw_torch, sgd]}
  adam_beta1: {min: 0.8, max: 0.95, when: {optim: adamw_torch}}
  weight_decay: {values: [0.0, 0.1]}
"""


def rules(constraints: str, parameters: str = SEARCH) -> tuple[Constraints, Parsed]:
    document = parse_document(f"{parameters}\nconstraints: {constraints}", "s.yaml")
    parsed = parse_parameters(document, ("parameters",), catalogue())
    assert not parsed.problems, parsed.problems
    return parse_constraints(document, ("constraints",), document.value["constraints"], catalogue(), parsed), parsed


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("lr", "training.learning_rate"),
        ("training.lr", "training.learning_rate"),
        ("training.batch_size", "training.per_device_train_batch_size"),
        ("optimizer", "training.optim"),
        ("scheduler", "training.lr_scheduler_type"),
        ("wd", "training.weight_decay"),
        ("decay", "training.weight_decay"),
        ("dropout", "model.dropout_rate"),
        ("beams", "generation.num_beams"),
        ("batch-size", "training.per_device_train_batch_size"),
        ("lora.r", "model.lora.r"),
        ("generation.learning_rate", "training.learning_rate"),
    ],
)
def test_names_that_people_use_elsewhere_lead_to_the_key(name: str, key: str) -> None:
    assert reason("{values: [1, 2]}", name).endswith(f"there is no setting '{name}'. Did you mean {key}?")


def test_every_customary_name_means_a_key_and_is_none() -> None:
    vocabulary = catalogue().vocabulary
    for name, key in vocabulary.customary.items():
        assert vocabulary.knows(key)
        assert vocabulary.meaning(name) is None


def test_bundles_move_together() -> None:
    _, parsed = rules("[]")
    bundle = parsed.parameters[0]
    assert isinstance(bundle, Bundle)
    assert (bundle.name, bundle.labels) == ("size", ("small", "large"))
    assert bundle.keys == (BATCH, "tokenizer.encoder_max_len")
    assert bundle.settings_of("large") == {BATCH: 32}
    assert parse("one: {bundle: {only: {batch_size: 8, optim: sgd}}}").parameters == [Constant(BATCH, 8), Constant("training.optim", "sgd")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("size: {bundle: {}}", "s.yaml:1:8: size.bundle: it must be labels, each with its settings."),
        ("size: {bundle: [1]}", "it must be labels, each with its settings."),
        ("size: {bundle: {a: 3}}", "s.yaml:1:17: size.bundle.a: a label of a bundle holds settings."),
        ("size: {bundle: {a: {bach_size: 3}}}", "size.bundle.a.bach_size: there is no setting 'bach_size'. Did you mean"),
        ("size: {bundle: {a: {batch_size: 8}, b: {seed: 1}, c: {batch_size: 8}}}", "size.bundle.c: it says the same as a. Remove one"),
        ("size: {bundle: {a: {batch_size: 0}}}", "size.bundle.a.batch_size: 0 is too small"),
        ("size: {bundle: {a: {wandb.project: x}}}", "wandb.project can't be searched"),
        ("size: {bundle: {a: {batch_size: 1}}, min: 3}", "size.min: a bundle has no such key."),
        ("batch_size: {values: [1, 2]}\nsize: {bundle: {a: {batch_size: 1}, b: {batch_size: 2}}}", "which batch_size is already."),
        ("a: {bundle: {x: {batch_size: 1}}}\nb: {bundle: {x: {batch_size: 2}}}", "which a.bundle.x.batch_size is already."),
        (
            f"{LR}: {{bundle: {{x: {{batch_size: 1}}, y: {{batch_size: 2}}}}}}\nlearning_rate: {{values: [1e-4, 1e-3]}}",
            f"another parameter is called {LR} already: {LR}.",
        ),
        (
            f"learning_rate: {{values: [1e-4, 1e-3]}}\n{LR}: {{bundle: {{x: {{batch_size: 1}}, y: {{batch_size: 2}}}}}}",
            f"another parameter is called {LR} already: learning_rate.",
        ),
        (
            "a: {parameters: {b: {bundle: {x: {batch_size: 1}}}}}\na.b: {bundle: {x: {seed: 1}, y: {seed: 2}}}",
            "another parameter is called a.b already: a.parameters.b.",
        ),
        ("optim: {values: [sgd, lomo], when: {seed: 1}}\nseed: {values: [1, 2], when: {optim: sgd}}", "depend on each other in a circle"),
        ("optim: {values: [sgd, lomo], when: 3}", "s.yaml:1:30: optim.when: it must say which parameter has which value."),
        ("optim: {values: [sgd, lomo], when: {seed: []}}", "an empty list holds never."),
        ("optim: {values: [sgd, lomo], when: {seed: x}}", '"x" is text, where a whole number is meant.'),
        ("optim: {values: [sgd, lomo], when: {seed: 7}}\nseed: {values: [1, 2]}", "general.seed never has the value 7. It has 1, 2."),
        ("optim: {values: [sgd, lomo], when: {seed: 7}}\nseed: {min: 10, max: 5000}", "general.seed never has the value 7."),
        ("optim: {values: [sgd, lomo], when: {s: c}}\ns: {bundle: {a: {seed: 1}, b: {seed: 2}}}", "s never has the value c. It has a, b."),
    ],
)
def test_what_is_wrong_with_bundles_and_conditions_is_said(text: str, found: str) -> None:
    assert any(found in str(problem) for problem in parse(text).problems), parse(text).problems


def test_rules_are_read_with_the_names_resolved() -> None:
    found, _ = rules(
        """
  - name: memory
    condition: size == 'large' and encoder_max_len > 256
    then: {weight_decay: {value: 0.0}, adam_beta1: {max: 0.9}}
  - require: "weight_decay * batch_size <= 2"
  - require_metric: "guardrails/invented_speakers <= 0.02"
"""
    )
    assert not found.problems
    assert [rule.title for rule in found.rules] == ["memory", "constraint 2"]
    assert found.rules[0].names == {"size", "tokenizer.encoder_max_len", "training.weight_decay", "training.adam_beta1"}
    assert found.rules[0].describe() == (
        'memory: where size == "large" and tokenizer.encoder_max_len > 256: training.weight_decay 0.0, training.adam_beta1 at most 0.9'
    )
    assert found.rules[1].names == {"training.weight_decay", BATCH}
    assert [(limit.metric, limit.sign, limit.limit) for limit in found.limits] == [("guardrails/invented_speakers", "<=", 0.02)]


@pytest.mark.parametrize(
    ("spec", "parameter"),
    [
        ("{min: 32, max: 64}", Integers("", 32, 64)),
        ("{min: 0.0, max: 0.3}", Reals("", 0.0, 0.3)),
        ("{distribution: uniform, min: 0, max: 1}", Reals("", 0.0, 1.0)),
        ("{distribution: log_uniform_values, min: 0.001, max: 0.1}", Reals("", 0.001, 0.1, log=True)),
        ("{distribution: log_uniform_values, min: 32, max: 256}", Integers("", 32, 256, log=True)),
        ("{distribution: q_uniform, min: 32, max: 64, q: 16}", Integers("", 32, 64, step=16)),
        ("{distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}", Reals("", 0.0, 1.0, step=0.25)),
        ("{distribution: normal, mu: 1, sigma: 1}", Shaped("", "normal", 1.0, 1.0)),
        ("{distribution: q_normal, mu: 8, sigma: 2}", Shaped("", "normal", 8.0, 2.0, step=1.0, whole=True)),
    ],
)
def test_where_the_key_doesn_t_say_it_the_numbers_say_whether_they_are_whole(spec: str, parameter: Integers | Reals | Shaped) -> None:
    found = parse(f"model.config_overrides.some_key: {spec}")
    assert not found.problems, found.problems
    assert found.parameters == [replace(parameter, key="model.config_overrides.some_key")]


def test_exponents_of_less_than_one_begin_at_one() -> None:
    assert only("{distribution: log_uniform, min: -100, max: 3}", "seed") == Integers("general.seed", 1, 20, log=True)
    assert only("{distribution: inv_log_uniform, min: -3, max: 100}", "seed") == Integers("general.seed", 1, 20, log=True)
    assert "there is no multiple of 1 from 1 to 0." in reason("{distribution: log_uniform, min: -100, max: -3}", "seed")


def test_labels_that_look_like_numbers_are_labels() -> None:
    sizes = "size: {bundle: {1: {batch_size: 8}, 1e-3: {batch_size: 16}, true: {batch_size: 32}}}\n"
    parsed = parse(sizes + "seed: {values: [1, 2], when: {size: 1}}\noptim: {values: [sgd, lomo], when: {size: [0.001, true, '1']}}")
    assert not parsed.problems, parsed.problems
    assert [when.values for whens in parsed.conditions.values() for when in whens] == [("1",), ("1e-3", "true", "1")]
    document = parse_document(sizes + "constraints: [{require: 'size != 1 and size in [1e-3, \"1\"]'}]", "s.yaml")
    found = parse_constraints(document, ("constraints",), document.value["constraints"], catalogue(), parsed)
    assert not found.problems, found.problems
    assert [rule.describe() for rule in found.rules] == ['constraint 1: size != "1" and size in ["1e-3", "1"]']


def test_switches_and_arithmetic_may_stand_in_rules() -> None:
    found, _ = rules("[{condition: 'do_sample or not (do_sample == (seed > 1))', then: {weight_decay: {value: 0.0}}}]")
    assert not found.problems, found.problems
    found, _ = rules("[{require: '-(batch_size // 2) % 3 * weight_decay <= 8 and batch_size in [4 * 2, 32]'}]")
    assert not found.problems, found.problems


def test_rules_may_speak_of_a_value_that_comes_from_the_settings_beneath() -> None:
    # `large` says nothing of the length, and beta1 does not exist with sgd: both have the base's value then.
    found, _ = rules(
        """
  - require: encoder_max_len != 512 or optim == 'sgd'
  - {condition: adam_beta1 == 0.9, then: {optim: {value: sgd}}}
  - {condition: optim == 'sgd', then: {encoder_max_len: {min: 256}}}
"""
    )
    assert not found.problems, found.problems
    _, parsed = rules("[]", f"{SEARCH}  seed: {{values: [1, 2], when: {{encoder_max_len: 512}}}}\n")
    assert parsed.conditions["general.seed"][0].values == (512,)


@pytest.mark.parametrize(
    ("constraints", "text"),
    [
        ("{a: 1}", "s.yaml:8:1: constraints: it must be a list of rules."),
        ("[3]", "constraints.0: a rule is a mapping."),
        ("[{}]", "it says nothing: there is neither `then` nor `require`."),
        ("[{cond: a}]", "constraints.0.cond: a rule has no such key. Did you mean condition?"),
        ("[{then: {optim: {value: sgd}}}]", "`then` needs a `condition`."),
        ("[{condition: 3, then: {optim: {value: sgd}}}]", "3 is no comparison."),
        ("[{condition: 'optim', then: {weight_decay: {value: 0.0}}}]", "`training.optim` compares nothing."),
        ("[{condition: 'weight_decay == 0.1 or 0.2', then: {optim: {value: sgd}}}]", "`0.2` compares nothing."),
        ("[{condition: 'weight_decay > 0 and batch_size', then: {optim: {value: sgd}}}]", f"`{BATCH}` compares nothing."),
        ("[{require: 'weight_decay == (0.1 or 0.2)'}]", "`0.1` compares nothing."),
        ("[{require: 'not (batch_size * 2)'}]", f"`{BATCH} * 2` compares nothing."),
        ("[{require: 'batch_size * optim <= 8'}]", f"`training.optim` is no number, so that nothing comes of `{BATCH} * training.optim`."),
        ("[{require: 'batch_size in [8, -optim]'}]", "`training.optim` is no number"),
        ("[{require: 'batch_size + true <= 8'}]", "`true` is no number"),
        ("[{condition: 'optm == 1', require: 'seed > 0'}]", "there is no setting 'optm'. Did you mean training.optim? Text needs quotes."),
        ("[{require: 'optim == sgd'}]", "there is no setting 'sgd'."),
        ("[{require: 'optim == ''adam'''}]", "adam is not one of the"),
        ("[{require: 'optim == ''lomo'''}]", "training.optim never has the value lomo. It has adamw_torch, sgd."),
        ("[{require: 'optim > 3'}]", "training.optim is no number, so that > says nothing."),
        ("[{require: 'weight_decay > ''x'''}]", "training.weight_decay is a number, and x is none."),
        ("[{require: 'optim in 3'}]", "`in` needs a list."),
        ("[{require: 'optim in [''sgd'', ''lomo'']'}]", "training.optim never has the value lomo."),
        ("[{require: 'optim = ''sgd'''}]", "at letter 7 '=' is not expected. Write == to compare."),
        ("[{require: 'seed > 3'}]", "nothing in it varies."),
        ("[{condition: weight_decay > 0, then: 3}]", "it must name parameters."),
        ("[{condition: weight_decay > 0, then: {seed: {max: 3}}}]", "general.seed does not vary, so that nothing can be narrowed."),
        ("[{condition: weight_decay > 0, then: {optim: sgd}}]", "it must say what is left."),
        ("[{condition: weight_decay > 0, then: {optim: {maximum: 3}}}]", "nothing is narrowed by `maximum`."),
        ("[{condition: weight_decay > 0, then: {batch_size: {max: x}}}]", "max: x is no number."),
        ("[{condition: weight_decay > 0, then: {batch_size: {max: 4}}}]", "nothing is left of training.per_device_train_batch_size"),
        ("[{condition: weight_decay > 0, then: {adam_beta1: {min: 0.99}}}]", "nothing is left of training.adam_beta1"),
        ("[{condition: weight_decay > 0, then: {adam_beta1: {value: 0.9}}}]", "has no end of values, of which these are never drawn."),
        ("[{condition: weight_decay > 0, then: {optim: {values: []}}}]", "`values` must be a list of at least one value."),
        ("[{condition: weight_decay > 0, then: {optim: {value: sgd, values: [sgd]}}}]", "there are both `value` and `values`."),
        ("[{condition: weight_decay > 0, then: {optim: {value: lomo}}}]", "training.optim never has the value lomo."),
        ("[{require_metric: loss}]", "loss is no limit on a metric. Write `loss <= 2.0`."),
        ("[{require_metric: 'loss <= 1.2.3'}]", "1.2.3 is no number."),
        ("[{require_metric: 'loss <= 1', then: {optim: {value: sgd}}}]", "a limit on a metric stands by itself."),
        ("[{name: [1], require: 'weight_decay > 0'}]", "[1] is no name."),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(constraints: str, text: str) -> None:
    found, _ = rules(constraints)
    assert any(text in str(problem) for problem in found.problems), found.problems


@pytest.mark.parametrize("name", ["training.fp16", "do_train"])
def test_a_setting_that_rules_can_not_look_at_is_not_taken_for_text(name: str) -> None:
    found, _ = rules(f"[{{condition: {name}, require: 'weight_decay > 0'}}]")
    (problem,) = found.problems
    assert "quotes" not in problem.remedy
