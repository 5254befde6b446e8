"""Models among the parameters: each drawn one brings its own preset; a person's own settings keep their say over the base's preset."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config.description import summary_lines
from summtune.config.experiment import Experiment
from summtune.config.layers import Origin

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

KOBART = "digit82/kobart-summarization"


def test_each_drawn_model_has_its_own_preset_beneath(load: Load, tmp_path: Path) -> None:
    base = "model: {preset: kobart}\ntraining: {learning_rate: 7e-5, weight_decay: 0.3}\ntokenizer: {encoder_max_len: 300}\n"
    experiment = load("parameters: {model: {values: [kobart, tiny-kobart]}}\nsettings: {training: {max_grad_norm: 0.5}}\n", base=base)
    own, tiny = (experiment.settings_for({"model.preset": name}) for name in ("kobart", "tiny-kobart"))
    assert own == experiment.base.settings
    assert own.model.checkpoint == KOBART
    assert (own.training.learning_rate, own.tokenizer.vocab_size) == (7e-5, None)
    # What belongs to the model is the drawn one's; what a person set of lengths and the rest stays; `settings:` is over both.
    assert tiny.model.checkpoint is None
    assert not tiny.model.load_pretrained
    assert tiny.tokenizer.vocab_size == 3000
    assert tiny.training.learning_rate == 1.5e-3
    assert tiny.generation.num_beams == 1
    assert (tiny.training.weight_decay, tiny.tokenizer.encoder_max_len, tiny.training.max_grad_norm) == (0.3, 300, 0.5)
    origin = experiment.resolved_under({"model.preset": "tiny-kobart"}).origin("training.learning_rate")
    assert (origin.layer, origin.file) == ("preset", "tiny-kobart.yaml")
    assert experiment.resolved_under({"model.preset": "tiny-kobart"}).origin("model.preset") == Origin(
        "search", str(tmp_path / "s.yaml"), 2
    )
    assert any(
        notice.startswith("training.learning_rate: preset tiny-kobart's own 0.0015 takes the place of 7e-5 from")
        for notice in experiment.notices
    )


def test_what_a_preset_does_not_say_is_the_default_and_not_what_belongs_to_the_base_s_model(load: Load) -> None:
    base = (
        "model: {preset: t5}\ntokenizer: {prefix: 'summarize: ', pad_token: <pad>, special_tokens: ['#A#']}\n"
        "training: {optim: adafactor, learning_rate: 3e-4, weight_decay: 0.3}\ngeneration: {no_repeat_ngram_size: 3}\n"
    )
    experiment = load("parameters: {model: {values: [t5, kobart, kogpt2]}}\n", base=base)
    found = {}
    for name in ("t5", "kobart", "kogpt2"):
        one = experiment.settings_for({"model.preset": name})
        found[name] = (one.tokenizer.prefix, one.tokenizer.pad_token, one.training.optim, one.generation.no_repeat_ngram_size)
        assert (one.tokenizer.special_tokens, one.training.weight_decay) == (("#A#",), 0.3), "the data's tokens, and what is no model's own"
    assert found == {
        "t5": ("summarize: ", "<pad>", "adafactor", 3),
        "kobart": ("", None, "adamw_torch", 2),
        "kogpt2": ("", "<pad>", "adamw_torch", 0),
    }
    assert 'tokenizer.prefix: preset kobart doesn\'t say it, and the default "" takes the place of "summarize: " from base.yaml.' in [
        notice.replace(notice.rpartition(" ")[2], "base.yaml.") for notice in experiment.notices
    ]


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("settings: {model: {preset: kobart}}\n", []),
        ("", ["model.preset=kobart"]),
        ("parameters: {model: {values: [kobart, t5]}}\n", []),
    ],
)
def test_what_a_base_that_names_no_model_says_gives_way_only_to_what_a_preset_says(text: str, sets: list[str], load: Load) -> None:
    base = "training: {optim: adafactor, precision: bf16, learning_rate: 1e-4}\ngeneration: {num_beams: 2}\n"
    experiment = load(text, base=base, sets=sets)
    settings = experiment.settings_for({"model.preset": "kobart"})
    assert (settings.training.optim, settings.training.precision, settings.generation.num_beams) == ("adafactor", "bf16", 2)
    assert settings.training.learning_rate == 5e-5, "kobart's own"
    assert not any("adafactor" in notice for notice in experiment.notices)


@pytest.mark.parametrize("base", ["", "base: tiny-kobart\n", "base: tiny-t5\n"])
def test_a_checkpoint_without_a_preset_is_not_trained_with_what_is_made_for_random_weights(base: str, load: Load) -> None:
    experiment = load(base, sets=["model.checkpoint=some/bart"])
    settings = experiment.base.settings
    assert (settings.training.learning_rate, settings.training.num_train_epochs, settings.generation.num_beams) == (5e-5, 3, 4)
    assert settings.model.load_pretrained
    (said,) = [notice for notice in experiment.notices if notice.startswith("some/bart has no preset, and tiny-")]
    assert "is made for random weights: built-in defaults take the place of " in said
    assert "num_train_epochs" in said
    assert "weight_decay" not in said


@pytest.mark.parametrize(("width", "kept"), [(128, True), (768, False)])
def test_what_was_trained_from_the_base_s_random_weights_goes_on_with_its_settings(
    width: int, kept: bool, load: Load, tmp_path: Path
) -> None:
    sizes = load("base: tiny-kobart\n").base.settings.model.config_overrides
    (tmp_path / "best_model").mkdir()
    configuration = {**sizes, "model_type": "bart", "dropout": 0.1, "d_model": width}
    (tmp_path / "best_model" / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    experiment = load("base: tiny-kobart\n", sets=[f"model.checkpoint={tmp_path / 'best_model'}"])
    settings = experiment.base.settings
    assert (settings.training.learning_rate, settings.generation.num_beams) == ((1.5e-3, 1) if kept else (5e-5, 4))
    assert any("made for random weights" in notice for notice in experiment.notices) is not kept
    assert (settings.model.load_pretrained, settings.model.config_overrides) == (True, {})


def test_a_checkpoint_without_a_preset_keeps_the_base_s_settings_unless_it_is_of_another_kind(load: Load, tmp_path: Path) -> None:
    experiment = load("base: t5\n", sets=["model.checkpoint=google/flan-t5-base", "optim=adafactor"])
    tokenizer, training = experiment.base.settings.tokenizer, experiment.base.settings.training
    assert (tokenizer.prefix, training.optim, training.learning_rate) == ("summarize: ", "adafactor", 3e-4)
    said = 'google/flan-t5-base has no preset, and is trained with the base\'s prefix "summarize: ", learning_rate 0.0003.'
    assert said in experiment.notices
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text('{"model_type": "bart"}', encoding="utf-8")
    experiment = load("base: t5\n", sets=[f"model.checkpoint={tmp_path / 'mine'}"])
    tokenizer, training = experiment.base.settings.tokenizer, experiment.base.settings.training
    assert (tokenizer.prefix, training.optim, training.learning_rate) == ("", "adamw_torch", 5e-5)
    assert any("is of the kind bart, not t5, and the default adamw_torch takes the place of adafactor" in one for one in experiment.notices)


def test_what_is_drawn_beside_a_model_is_stronger_than_its_preset(load: Load) -> None:
    experiment = load("parameters: {model: {values: [kobart, tiny-kobart]}, learning_rate: {values: [1e-4, 2e-4]}}\n")
    point = {"model.preset": "tiny-kobart", "training.learning_rate": 2e-4}
    assert experiment.settings_for(point).training.learning_rate == 2e-4
    assert experiment.identity(point) != experiment.identity({**point, "model.preset": "kobart"})


@pytest.mark.parametrize(
    "labels",
    [
        "plain: {learning_rate: 1e-4}, big: {model: t5, learning_rate: 3e-4}",
        "plain: {learning_rate: 1e-4}, big: {model_checkpoint: paust/pko-t5-base}",
        "big: {model: t5}, plain: {learning_rate: 1e-4}, other: {model: t5, model_checkpoint: some/t5}",
    ],
)
def test_a_label_that_names_less_of_a_model_is_not_taken_for_one_that_names_more(labels: str, load: Load) -> None:
    experiment = load(f"base: kobart\nparameters: {{m: {{bundle: {{{labels}}}}}}}\n")
    found = {}
    for draw in map(experiment.space.at, range(experiment.space.size() or 0)):
        settings = experiment.settings_for(draw.point)
        found[draw.answers["m"]] = (settings.model.architecture, settings.model.checkpoint, settings.tokenizer.prefix)
    expected = {
        "plain": ("bart", KOBART, ""),
        "big": ("t5", "paust/pko-t5-base", "summarize: "),
        "other": ("t5", "some/t5", "summarize: "),
    }
    assert found == {label: expected[label] for label in found}
    assert len(found) == experiment.space.size()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parameters: {model: {values: [kobart, tiny-kobart]}}\n", True),
        ("parameters: {model: {values: [kobart, tiny-kobart]}, learning_rate: {values: [1e-4, 2e-4]}}\n", False),
        ("parameters: {model: {values: [kobart, tiny-kobart]}, learning_rate: {values: [1e-4, 2e-4], when: {model: kobart}}}\n", True),
        ("parameters: {model: {values: [kobart, tiny-kobart]}}\nsettings: {training: {learning_rate: 1e-4}}\n", False),
    ],
)
def test_what_a_preset_takes_the_place_of_is_said_where_it_shows(text: str, said: bool, load: Load) -> None:
    base = f"model: {{checkpoint: {KOBART}}}\ntraining: {{learning_rate: 7e-5}}\n"
    notices = load(text, base=base).notices
    assert any("training.learning_rate: preset tiny-kobart's own" in notice for notice in notices) is said


def test_the_environment_and_set_hold_for_every_model(load: Load) -> None:
    experiment = load(
        "parameters: {model: {values: [kobart, tiny-kobart]}}\n", environ={"LEARNING_RATE": "3e-4"}, sets=["generation.num_beams=3"]
    )
    for name in ("kobart", "tiny-kobart"):
        settings = experiment.settings_for({"model.preset": name})
        assert (settings.training.learning_rate, settings.generation.num_beams) == (3e-4, 3)


@pytest.mark.parametrize("pin", [{"environ": {"MODEL_NAME": KOBART}}, {"sets": [f"model.checkpoint={KOBART}"]}])
def test_a_pinned_model_leaves_the_space_whole(pin: dict[str, object], load: Load) -> None:
    experiment = load("parameters: {model: {values: [kobart, tiny-kobart]}, seed: {values: [1, 2]}}\n", **pin)
    assert list(experiment.space.parameters) == ["general.seed"]
    assert experiment.models == ()
    assert experiment.base.settings.model.checkpoint == KOBART
    assert len([notice for notice in experiment.notices if notice.startswith("model.preset is decided by")]) == 1


def test_architectures_and_checkpoints_are_paired_and_never_crossed(load: Load) -> None:
    experiment = load(
        "method: grid\nparameters:\n  model_architecture: {values: [kobart, t5, t5]}\n"
        f"  model_checkpoint: {{values: [{KOBART}, a/t5-small, a/t5-base]}}\n  seed: {{values: [1, 2]}}\n"
    )
    assert experiment.space.size() == 6
    pairs = [(point["model.architecture"], point["model.checkpoint"]) for point in experiment.space.points()]
    assert pairs[::2] == [("kobart", KOBART), ("t5", "a/t5-small"), ("t5", "a/t5-base")]
    assert "model_architecture and model_checkpoint are paired, position by position: 3 models." in experiment.notices
    settings = experiment.settings_for({"model.architecture": "t5", "model.checkpoint": "a/t5-base", "general.seed": 1})
    assert (settings.model.architecture, settings.model.checkpoint, settings.model.load_pretrained) == ("t5", "a/t5-base", True)


def test_what_can_t_be_paired_is_refused(refuse: Refuse) -> None:
    found = refuse("parameters:\n  model_architecture: {values: [kobart, t5]}\n  model_checkpoint: {values: [a/b, c/d, e/f]}\n")
    assert found == [
        "s.yaml:3:3: parameters.model_checkpoint: 2 architectures and 3 checkpoints can't be paired, and their product makes no sense."
        " Give lists of equal length."
    ]


def test_a_fixed_checkpoint_beside_searched_models_is_refused(refuse: Refuse) -> None:
    found = refuse(f"parameters: {{model: {{values: [kobart, tiny-kobart]}}}}\nsettings: {{model: {{checkpoint: {KOBART}}}}}\n")
    assert any(
        problem.startswith("s.yaml:2:20: settings.model.checkpoint: it is fixed, and model.preset is searched") for problem in found
    ), found


@pytest.mark.parametrize(
    "text",
    [
        f"settings: {{model: {{architecture: t5, checkpoint: {KOBART}}}}}\n",
        f"parameters:\n  model_architecture: {{values: [t5, kogpt2]}}\n  model_checkpoint: {{values: [{KOBART}, skt/kogpt2-base-v2]}}\n",
        f"parameters: {{model_architecture: {{value: t5}}, model_checkpoint: {{values: [{KOBART}, a/t5-small]}}}}\n",
    ],
)
def test_a_checkpoint_of_another_kind_than_its_architecture_is_refused(text: str, refuse: Refuse) -> None:
    found = refuse(text)
    assert len(found) == 1, found
    assert f": {KOBART} is a model of the kind bart, not t5. Leave the architecture out" in found[0]
    assert re.match(r"s\.yaml:\d+:\d+: (settings|parameters)\.", found[0]), "file, line, column and key"


def test_a_local_checkpoint_s_kind_is_read(refuse: Refuse, load: Load, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text('{"model_type": "mt5"}', encoding="utf-8")
    found = refuse("settings: {model: {architecture: t5, checkpoint: ./mine}}\n")
    assert "mine is a model of the kind mt5, not t5." in found[0]
    load("settings: {model: {architecture: mt5, checkpoint: ./mine}}\n")


def test_a_preset_s_name_is_no_checkpoint(refuse: Refuse) -> None:
    for found in (
        refuse(environ={"MODEL_NAME": "tiny-t5"}),
        refuse(sets=["model.checkpoint=tiny-t5"]),
        refuse("parameters: {model_checkpoint: {values: [tiny-t5, a/b]}}\n"),
    ):
        assert len(found) == 1, found
        assert "tiny-t5 is the name of a preset, not of a checkpoint. Name it as model.preset" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {model: {values: [kobart, t5]}, model_architecture: {values: [kobart, t5]}}\n",
        f"parameters: {{model: {{values: [kobart, t5]}}, model_checkpoint: {{values: [{KOBART}, a/b], when: {{model: kobart}}}}}}\n",
        f"parameters: {{m: {{bundle: {{a: {{model: kobart}}, b: {{model: t5}}}}}}, model_checkpoint: {{values: [{KOBART}, a/b]}}}}\n",
    ],
)
def test_a_model_is_drawn_as_a_whole(text: str, refuse: Refuse) -> None:
    found = refuse(text)
    assert len(found) == 1, found
    assert "draws a model, too: their product makes no sense. Put both into one `bundle`" in found[0]


def test_more_models_than_are_resolved_are_refused(refuse: Refuse) -> None:
    many = ", ".join(f"a/b{number}" for number in range(65))
    found = refuse(f"parameters: {{model_checkpoint: {{values: [{many}]}}}}\n")
    assert any("there are 65 models. A space draws at most 64." in problem for problem in found), found


def test_lengths_are_judged_by_each_model_s_positions(refuse: Refuse, load: Load) -> None:
    text = "parameters: {model: {values: [kobart, tiny-kobart]}, encoder_max_len: {values: [512, 1026]}}\n"
    found = refuse(text)
    assert len(found) == 1
    assert "encoder_max_len: 1026 is beyond the model's 1024 positions." in found[0]
    # A rule may keep the two apart: then there is nothing to refuse.
    load(text + "constraints: [{condition: model == 'tiny-kobart', then: {encoder_max_len: {max: 512}}}]\n")


def test_rules_see_the_settings_of_the_drawn_model(load: Load) -> None:
    experiment = load(
        "parameters: {model: {values: [kobart, tiny-kobart]}, batch_size: {values: [4, 32]}}\n"
        "constraints: [{condition: num_train_epochs == 3, then: {batch_size: {max: 4}}}]\n"
    )
    points = {(point["model.preset"], point["training.per_device_train_batch_size"]) for point in experiment.space.points()}
    assert points == {("kobart", 4), ("tiny-kobart", 4), ("tiny-kobart", 32)}, "kobart's preset has 3 epochs, tiny-kobart's 4"


def test_an_experiment_with_models_survives_json(load: Load) -> None:
    experiment = load("parameters: {model: {values: [kobart, tiny-kobart]}}\n")
    copy = Experiment.from_record(json.loads(json.dumps(experiment.to_record(), allow_nan=False)))
    assert copy == experiment
    assert copy.settings_for({"model.preset": "kobart"}) == experiment.settings_for({"model.preset": "kobart"})
    assert [copy.iterations({"model.preset": name}) for name in ("kobart", "tiny-kobart")] == [3, 4]
    assert copy.longest == 4


@pytest.mark.parametrize("word", ["kobart", "bart"])
def test_a_rule_takes_an_architecture_by_any_of_its_names(word: str, load: Load) -> None:
    models = "base: kobart\nparameters: {model: {values: [kobart, t5, kogpt2]}, label_smoothing: {values: [0.0, 0.1]"
    experiment = load(f"{models}, when: {{model_architecture: [{word}, t5]}}}}}}\n")
    assert experiment.space.size() == 5
    assert "; only while model.architecture is" in "\n".join(summary_lines(experiment))
    for rule in (f"model_architecture != '{word}'", f"'{word}' != model_architecture", f"model_architecture not in ['{word}', 'llama']"):
        constraint = f'constraints: [{{condition: "{rule}", then: {{label_smoothing: {{max: 0.0}}}}}}]'
        experiment = load(f"{models}}}}}\n{constraint}\n")
        assert experiment.space.size() == 2 + 1 + 1, rule
    labels = "a: {architecture: kobart, checkpoint: gogamza/kobart-base-v2}, b: {architecture: t5, checkpoint: paust/pko-t5-base}"
    bundle = f"parameters: {{m: {{bundle: {{{labels}}}}}, seed: {{values: [1, 2]}}}}\n"
    experiment = load(
        f"base: kobart\n{bundle}constraints: [{{condition: seed == 1, then: {{model_architecture: {{values: [{word}]}}}}}}]\n"
    )
    assert experiment.space.size() == 3


def test_a_rule_does_not_look_at_what_only_repeats_another_setting(refuse: Refuse) -> None:
    precision = "parameters: {precision: {values: [fp32, fp16]}, batch_size: {values: [8, 16]"
    said = "training.fp16 only repeats whether training.precision is fp16. Name that: `precision == 'fp16'` in a rule"
    for text in (
        f"{precision}}}}}\nconstraints: [{{condition: fp16, then: {{batch_size: {{max: 8}}}}}}]\n",
        f"{precision}, when: {{fp16: true}}}}}}\n",
    ):
        found = refuse(text)
        assert len(found) == 1
        assert said in found[0]
