from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config.layers import Origin
from summtune.config.settings_file import read_preset

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

KEY = "training.learning_rate"


def test_layers_in_their_order(load: Load, tmp_path: Path) -> None:
    def value_and_layer(**given: object) -> tuple[float, str]:
        base = load(**given).base
        return base.settings.training.learning_rate, base.origin(KEY).layer

    base = "model: {preset: tiny-kobart}\ntraining: {learning_rate: 2e-4}\n"
    settings = "settings: {training: {learning_rate: 3e-4}}\n"
    fixed = settings + "parameters: {learning_rate: {value: 4e-4}, seed: {values: [1, 2]}}\n"
    environ = {"LEARNING_RATE": "5e-4"}
    assert value_and_layer(base="model: {checkpoint: some/model}\n") == (5e-5, "default")
    assert value_and_layer() == (read_preset("tiny-kobart")[KEY].value, "preset")
    assert value_and_layer(base=base) == (2e-4, "base")
    assert value_and_layer(base=base, text=settings) == (3e-4, "settings")
    assert value_and_layer(base=base, text=fixed) == (4e-4, "parameters")
    assert value_and_layer(base=base, text=fixed, environ=environ) == (5e-4, "environment")
    assert value_and_layer(base=base, text=fixed, environ=environ, sets=["training.learning_rate=6e-4"]) == (6e-4, "--set")


def test_origins_know_file_and_line(load: Load, tmp_path: Path) -> None:
    experiment = load("settings:\n  training:\n    seed: 7\n    weight_decay: 0.2\n", base="training:\n  learning_rate: 2e-4\n")
    base = experiment.base
    assert base.origin(KEY) == Origin("base", str(tmp_path / "base.yaml"), 2)
    assert base.origin("training.weight_decay") == Origin("settings", str(tmp_path / "s.yaml"), 5)
    assert base.origin("general.seed") == Origin("settings", str(tmp_path / "s.yaml"), 4)
    assert base.origin("model.architecture") == Origin("preset", "tiny-kobart.yaml", 4)
    assert base.origin("training.optim") == Origin("default")
    assert str(base.origin(KEY)) == f"base {tmp_path / 'base.yaml'}:2"


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("WANDB_PROJECT", "2024", "wandb.project", "2024"),
        ("WANDB_ENTITY", "team", "wandb.entity", "team"),
        ("WANDB_MODE", "dryrun", "wandb.mode", "offline"),
        ("OUTPUT_DIR", "./out", "general.output_dir", "./out"),
        ("BATCH_SIZE", "8", "training.per_device_train_batch_size", 8),
        ("LEARNING_RATE", "1e-4", "training.learning_rate", 1e-4),
        ("NUM_EPOCHS", "4", "training.num_train_epochs", 4),
        ("SEED", "7", "general.seed", 7),
        ("SUMMTUNE_GENERATION__NUM_BEAMS", "2", "generation.num_beams", 2),
        ("SUMMTUNE_TRAINING__ADAM_BETA1", "0.8", "training.adam_beta1", 0.8),
        ("SUMMTUNE_MODEL__CONFIG_OVERRIDES__D_MODEL", "64", "model.config_overrides.d_model", 64),
        ("SUMMTUNE_TOKENIZER__SPECIAL_TOKENS", "['#A#']", "tokenizer.special_tokens", ("#A#",)),
    ],
)
def test_environment(name: str, text: str, key: str, value: object, load: Load) -> None:
    experiment = load(environ={name: text})
    found: object = experiment.base.settings
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value
    assert type(found) is type(value)
    assert experiment.base.origin(key) == Origin("environment", name)


def test_an_empty_variable_says_nothing_and_foreign_ones_are_none_of_ours(load: Load) -> None:
    experiment = load(
        environ={"LEARNING_RATE": "", "SUMMTUNE_CACHE": "/x", "PATH": "/bin", "SUMMTUNE_STORAGE": "y", "SUMMTUNE_ADDRESS": "ray://"}
    )
    assert experiment.base.origin(KEY).layer == "preset"


def test_what_is_wrong_in_the_environment_names_the_variable(refuse: Refuse) -> None:
    found = refuse(environ={"LEARNING_RATE": "fast", "SUMMTUNE_TRAINING__LR": "1", "WANDB_MODE": "on", "BATCH_SIZE": "1.5"})
    assert 'LEARNING_RATE: "fast" is text, where a number is meant. Give a number.' in found
    assert any(problem.startswith("SUMMTUNE_TRAINING__LR: there is no setting 'training.lr'.") for problem in found)
    assert "WANDB_MODE: on is not one of online, offline, disabled." in found
    assert "BATCH_SIZE: 1.5 is a fraction, where a whole number is meant. Give a whole number." in found


def test_variables_that_contradict_each_other_are_refused(refuse: Refuse, load: Load) -> None:
    assert refuse(environ={"LEARNING_RATE": "4e-5", "SUMMTUNE_TRAINING__LEARNING_RATE": "3e-5"}) == [
        "SUMMTUNE_TRAINING__LEARNING_RATE: it says 3e-5 for training.learning_rate, and LEARNING_RATE says 4e-5. Unset one of them."
    ]
    load(environ={"LEARNING_RATE": "4e-5", "SUMMTUNE_TRAINING__LEARNING_RATE": "0.00004"})


@pytest.mark.parametrize("name", ["SUMMTUNE_LEARNING_RATE", "SUMMTUNE_TRAINING_LEARNING_RATE"])
def test_variables_that_miss_an_underscore_are_not_passed_over(name: str, refuse: Refuse) -> None:
    assert refuse(environ={name: "4e-5"}) == [
        f"{name}: a setting is named by its section and its key, two underscores between. Write SUMMTUNE_TRAINING__LEARNING_RATE."
    ]


def test_pinned_parameters_leave_the_space(load: Load) -> None:
    text = (
        "parameters: {learning_rate: {min: 1e-5, max: 1e-3}, batch_size: {values: [8, 16]}, seed: {values: [1, 2]}, optim: {value: sgd}}\n"
    )
    experiment = load(text, environ={"LEARNING_RATE": "1e-4"}, sets=["batch_size=32", "optim=adafactor"])
    assert list(experiment.space.parameters) == ["general.seed"]
    assert experiment.notices == (
        "training.learning_rate is fixed at 0.0001 by LEARNING_RATE, and leaves the space.",
        "training.per_device_train_batch_size is fixed at 32 by --set, and leaves the space.",
        "training.optim is fixed at adafactor by --set, and leaves the space.",
    )
    settings = experiment.settings_for({"general.seed": 2})
    assert (settings.training.learning_rate, settings.training.per_device_train_batch_size, settings.training.optim) == (
        1e-4,
        32,
        "adafactor",
    )


def test_what_exists_only_beside_a_pinned_value_leaves_with_it(load: Load) -> None:
    text = (
        "decode: inline\nparameters:\n  do_sample: {values: [true, false]}\n  top_k: {values: [5, 50], when: {do_sample: true}}\n"
        "  batch_size: {values: [4, 8], when: {top_k: 50}}\n  weight_decay: {values: [0.0, 0.1]}\n"
    )
    assert load(text, sets=["do_sample=true"]).space.searched == (
        *("generation.top_k", "training.per_device_train_batch_size", "training.weight_decay"),
    )
    experiment = load(text, environ={"SUMMTUNE_GENERATION__DO_SAMPLE": "false"})
    assert experiment.space.searched == ("training.weight_decay",)
    assert experiment.notices[1:3] == (
        "generation.top_k leaves the space, too: it exists only where generation.do_sample is true.",
        "training.per_device_train_batch_size leaves the space, too: it exists only where generation.top_k is 50.",
    )


def test_a_pinned_model_takes_what_only_another_has(load: Load) -> None:
    text = "parameters: {model: {values: [tiny-kobart, tiny-kogpt2]}, weight_decay: {values: [0.0, 0.1], when: {model: tiny-kogpt2}}}\n"
    assert load(text, sets=["model=tiny-kogpt2"]).space.searched == ("training.weight_decay",)
    experiment = load(text, sets=["model=tiny-kobart"])
    assert experiment.space.searched == ()
    assert "training.weight_decay leaves the space, too: it exists only where model.preset is tiny-kogpt2." in experiment.notices


def test_rules_that_look_at_a_bundle_that_is_pinned_away_are_said_to_be_left_out(load: Load) -> None:
    text = (
        "parameters: {size: {bundle: {small: {batch_size: 4}, large: {batch_size: 8}}}, weight_decay: {values: [0.0, 0.1]},"
        " max_grad_norm: {values: [0.5, 1.0], when: {size: large}}}\n"
        "constraints: [{name: calm, condition: size == 'large', then: {weight_decay: {value: 0.1}}}]\n"
    )
    assert load(text).space.size() == 2 + 1 * 2
    experiment = load(text, sets=["batch_size=8"])
    assert experiment.space.size() == 2
    assert "the rule 'calm' is left out: it looks at size, of which nothing is left to draw." in experiment.notices
    assert "training.max_grad_norm leaves the space, too: it exists only where size is large." in experiment.notices


def test_fixed_parameters_hold_for_every_trial_and_the_baseline(load: Load) -> None:
    experiment = load("parameters: {num_train_epochs: {value: 2}, seed: {values: [1, 2]}}\n")
    assert experiment.base.settings.training.num_train_epochs == 2
    assert experiment.space.constants == {"training.num_train_epochs": 2}
    assert experiment.stopping.max_iter == 2


def test_a_fixed_parameter_over_settings_is_said(load: Load) -> None:
    text = "settings: {{training: {{weight_decay: {}}}}}\nparameters: {{weight_decay: {{value: 0.1}}, seed: {{min: 1, max: 99}}}}\n"
    said = "training.weight_decay: 0.1 under `parameters` takes the place of 0.3 under `settings`."
    assert load(text.format(0.3)).notices == (said,)
    assert load(text.format(0.1)).notices == ()


def test_assignments_of_the_space_itself(load: Load) -> None:
    experiment = load(
        "run_cap: 5\nmethod: grid\nresources: {gpus_per_trial: 0.5}\n",
        sets=[
            "count=7",
            "baseline=false",
            "method=random",
            "name=2024",
            "resources.cpus_per_trial=2",
            "metric.name=eval_loss",
            "early_terminate.type=none",
            "base=kobart",
        ],
    )
    assert (experiment.count, experiment.baseline, experiment.method, experiment.name) == (7, False, "random", "2024")
    assert (experiment.resources.gpus_per_trial, experiment.resources.cpus_per_trial) == (0.5, 2.0)
    assert experiment.objective.goal == "minimize"
    assert experiment.stopping.type == "none"
    assert experiment.base.settings.model.checkpoint == "digit82/kobart-summarization"


def test_a_list_is_one_where_a_name_would_do_too(load: Load) -> None:
    experiment = load("parameters: {learning_rate: {values: [1e-3, 1e-4]}}\n", sets=["data.summary=[one, two]", "wandb.name=[one, two]"])
    assert experiment.base.settings.data.summary == ("one", "two")
    assert experiment.base.settings.wandb.name == "[one, two]"


def test_what_is_wrong_with_an_assignment_names_it(refuse: Refuse) -> None:
    found = refuse(sets=["count=0", "nonsense", "resources.gpu=1", "training.optim=[a", "training.nothing=1", "training.output_dir=x"])
    assert "--set count: 0 is too small: it must be above 0." in found
    assert "--set: 'nonsense' is no assignment. Write key=value." in found
    assert any(problem.startswith("--set resources.gpu: resources has no such key.") for problem in found)
    assert any(problem.startswith("--set training.optim: [a is not one of") for problem in found)
    assert any(problem.startswith("--set training.nothing: there is no setting") for problem in found)
    keys = refuse(sets=["program=[1, 2]", "parameters.learning_rate.min=1e-5", "constraints=[]", "tokenizer.special_tokens=[a"])
    reason = "it is a key of the search space that can't be assigned. Write it in the file."
    assert [f"--set {key}: {reason}" for key in ("program", "parameters.learning_rate.min", "constraints")] == keys[:3]
    assert keys[3].startswith("--set tokenizer.special_tokens: [a is not YAML: while parsing a flow sequence")
    assert "--set training.output_dir: output_dir is not yours to set here: general.output_dir decides where runs lie. Remove it." in found


def test_paths_are_absolute_whatever_they_are_relative_to(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for folder in (tmp_path, here):
        for name in ("train.csv", "dev.csv", "test.csv"):
            (folder / name).touch()
    monkeypatch.chdir(here)
    data = load("data: {train: train.csv, dev: ./dev.csv}\n", sets=["data.dev=dev.csv"], environ={"SUMMTUNE_DATA__TEST": "test.csv"})
    settings = data.base.settings.data
    assert (settings.train, settings.dev, settings.test) == (tmp_path / "train.csv", here / "dev.csv", here / "test.csv")
    assert load("settings: {general: {data_path: here}}\n").base.settings.data.train == here / "train.csv"


def test_a_local_checkpoint_is_absolute_and_replaces_the_preset_s_model(load: Load, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bart", "max_position_embeddings": 600}', encoding="utf-8")
    settings = load("settings: {model: {checkpoint: ./model}, tokenizer: {decoder_max_len: 64}}\n").base.settings
    assert settings.model.checkpoint == str(folder)
    assert settings.model.load_pretrained
    assert settings.model.config_overrides == {}
    assert settings.tokenizer.vocab_size is None
    assert settings.training.num_train_epochs == 3, "what the preset says is for its random weights"


def test_positions_are_read_from_a_local_checkpoint(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bart", "max_position_embeddings": 500}', encoding="utf-8")
    found = refuse("settings: {model: {checkpoint: model}}\n")
    assert any("512 is beyond the model's 500 positions" in problem for problem in found)


def test_another_model_s_preset_lies_over_the_base_s_model(load: Load) -> None:
    base = "model: {preset: tiny-kobart, config_overrides: {d_model: 64}}\ntraining: {learning_rate: 2e-3, num_train_epochs: 9}\n"
    experiment = load(base=base, sets=["model.preset=kobart"])
    settings = experiment.base.settings
    assert settings.model.checkpoint == "digit82/kobart-summarization"
    assert settings.model.config_overrides == {}
    assert settings.training.num_train_epochs == 9
    assert settings.training.learning_rate == 5e-5
    assert any(
        notice.startswith("training.learning_rate: preset kobart's own 5e-5 takes the place of 0.002") for notice in experiment.notices
    )


def test_half_precision_can_be_switched_off_again(load: Load) -> None:
    settings = load(base="training: {fp16: true}\n", sets=["training.fp16=false"]).base.settings
    assert (settings.training.precision, settings.training.fp16) == ("fp32", False)


def test_the_stronger_of_warm_up_steps_and_ratio_counts(load: Load) -> None:
    settings = load(base="training: {warmup_ratio: 0.2}\n", sets=["training.warmup_steps=10"]).base.settings
    assert settings.training.warmup_ratio == 0.0
    settings = load(base="training: {warmup_steps: 10}\n", sets=["training.warmup_ratio=0.2"]).base.settings
    assert settings.training.warmup_ratio == 0.2
    assert not settings.training.model_extra


def test_a_mapping_is_laid_over_entry_by_entry(load: Load, refuse: Refuse) -> None:
    settings = load("settings: {model: {config_overrides: {d_model: 64}}}\n").base.settings
    assert settings.model.config_overrides["d_model"] == 64
    assert settings.model.config_overrides["encoder_layers"] == read_preset("tiny-kobart")["model.config_overrides.encoder_layers"].value
    assert "a mapping is meant" in refuse("settings: {model: {config_overrides: null}}\n")[0]


def test_null_clears_a_mapping_that_may_be_null(load: Load) -> None:
    base = "model: {preset: tiny-kobart, lora: {r: 4}}\n"
    lora = load(base=base, sets=["model.lora.alpha=32"]).base.settings.model.lora
    assert lora is not None
    assert (lora.r, lora.alpha) == (4, 32)
    assert load(base=base, sets=["model.lora=null"]).base.settings.model.lora is None


def test_a_base_without_a_model_is_said(load: Load) -> None:
    assert any("names no model: tiny-kobart is used." in notice for notice in load(base="training: {seed: 3}\n").notices)


def test_what_has_no_effect_beside_a_pinned_value_leaves_with_it(load: Load, refuse: Refuse) -> None:
    text = (
        "parameters:\n  lr_scheduler_type: {values: [linear, constant]}\n  warmup_ratio: {values: [0.0, 0.1]}\n"
        "  seed: {values: [1, 2], when: {warmup_ratio: 0.0}}\n  optim: {values: [sgd, adafactor]}\n"
    )
    assert load(text, sets=["lr_scheduler_type=linear"]).space.size() == 2 * (1 + 2)
    experiment = load(text, sets=["lr_scheduler_type=constant"])
    assert experiment.space.searched == ("training.optim",)
    said = "training.warmup_ratio leaves the space, too: lr_scheduler_type constant, reduce_lr_on_plateau and greedy have no warm-up."
    assert said in experiment.notices
    fixed = text.replace("  lr_scheduler_type: {values: [linear, constant]}\n", "")
    assert any(
        "training.warmup_ratio has no effect" in one for one in refuse(f"settings: {{training: {{lr_scheduler_type: constant}}}}\n{fixed}")
    )


def test_a_bundle_whose_labels_say_the_same_without_what_is_pinned_is_fixed(load: Load) -> None:
    text = (
        "parameters: {size: {bundle: {small: {batch_size: 4, weight_decay: 0.3}, large: {batch_size: 8, weight_decay: 0.3}}},"
        " optim: {values: [sgd, adafactor]}, max_grad_norm: {values: [0.5, 1.0], when: {size: large}}}\n"
    )
    experiment = load(text, sets=["batch_size=8"])
    assert experiment.space.searched == ("training.optim",)
    assert experiment.base.settings.training.weight_decay == 0.3
    assert experiment.base.origin("training.weight_decay").layer == "parameters"
    assert all(experiment.settings_for(point).training.weight_decay == 0.3 for point in experiment.space.points())
    assert "training.weight_decay is 0.3 in every label of size that is left." in experiment.notices
    conditional = load(text.replace("0.3}}}", "0.3}}, when: {optim: sgd}}"), sets=["batch_size=8"])
    assert [conditional.settings_for(point).training.weight_decay for point in conditional.space.points()] == [0.3, 0.01]


def test_what_is_pinned_ties_no_stage_to_the_other(load: Load, refuse: Refuse) -> None:
    tied = "parameters: {size: {bundle: {a: {batch_size: 4, max_length: 20}, b: {batch_size: 8, max_length: 30}}}}\n"
    asked = "parameters: {num_beams: {values: [1, 4]}, batch_size: {values: [4, 8], when: {num_beams: 4}}}\n"
    rule = (
        "parameters: {num_beams: {values: [1, 4]}, batch_size: {values: [4, 8]}}\nconstraints: [{require: num_beams * batch_size <= 16}]\n"
    )
    for text in (tied, asked, rule):
        assert refuse(text)
    assert load(tied, sets=["max_length=25"]).space.size() == 2
    assert load(asked, sets=["num_beams=4"]).space.size() == 2
    assert load(asked, sets=["num_beams=1"]).space.size() == 1
    assert load(rule, sets=["num_beams=4"]).space.size() == 1


def test_all_that_is_decoded_may_be_pinned(load: Load) -> None:
    experiment = load("parameters: {seed: {values: [1, 2]}}\ndecode: {parameters: {num_beams: {values: [1, 4]}}}\n", sets=["num_beams=4"])
    assert experiment.decode is None
    assert "generation.num_beams is fixed at 4 by --set, and leaves the space." in experiment.notices


def test_arguments_that_mean_nothing_are_left_out_wherever_they_are_given(load: Load, refuse: Refuse, tmp_path: Path) -> None:
    said = "is left out: every epoch is evaluated (evaluation.every)."
    text = "parameters:\n  seed: {values: [1, 2]}\n  evaluation_strategy: {value: epoch}\n  fp16_opt_level: {value: O2}\n"
    experiment = load(text, sets=["training.eval_strategy=epoch"], environ={"SUMMTUNE_TRAINING__EVALUATION_STRATEGY": "epoch"})
    assert experiment.space.keys == ("general.seed",)
    for place in (
        f"{tmp_path / 's.yaml'}:3: evaluation_strategy",
        "--set training.eval_strategy",
        "SUMMTUNE_TRAINING__EVALUATION_STRATEGY",
    ):
        assert f"{place} {said}" in experiment.notices
    assert any("fp16_opt_level is left out: it belonged to apex" in notice for notice in experiment.notices)
    assert load(text.replace("value: epoch", "values: [epoch]")).space.keys == ("general.seed",)
    bundle = "parameters: {b: {bundle: {x: {batch_size: 4, eval_strategy: epoch}, y: {batch_size: 8, eval_strategy: epoch}}}}\n"
    assert load(bundle).space.keys == ("training.per_device_train_batch_size",)
    for wrong in (text.replace("value: epoch", "value: steps"), text.replace("value: epoch", "values: [epoch, steps]")):
        assert any("eval_strategy is not yours to set here" in one for one in refuse(wrong))
    assert any("eval_strategy is not yours to set here" in one for one in refuse(bundle.replace("epoch}}", "steps}}")))
    assert any("eval_strategy is not yours to set here" in one for one in refuse(sets=["eval_strategy=steps"]))


@pytest.mark.parametrize("way", ["sets", "environ"])
def test_lists_are_lists_where_text_may_stand_too(way: str, load: Load) -> None:
    def given(key: str, text: str) -> dict[str, object]:
        return {"sets": [f"{key}={text}"]} if way == "sets" else {"environ": {f"SUMMTUNE_{key.replace('.', '__').upper()}": text}}

    assert load(**given("data.summary", "[summary1, summary2]")).base.settings.data.summary == ("summary1", "summary2")
    assert load(**given("data.summary", "[요약")).base.settings.data.summary == "[요약"
    assert load(**given("data.summary", "2024")).base.settings.data.summary == "2024"
    assert load(**given("wandb.notes", "[a, b]")).base.settings.wandb.notes == "[a, b]"


def test_spaces_count_in_what_models_read(load: Load) -> None:
    experiment = load(sets=["tokenizer.prefix=summarize: "], environ={"SUMMTUNE_TOKENIZER__BOS_TOKEN": "' <s>'", "WANDB_PROJECT": "a "})
    assert experiment.base.settings.tokenizer.prefix == "summarize: "
    assert experiment.base.settings.tokenizer.bos_token == " <s>"
    assert experiment.base.settings.wandb.project == "a"
    assert load(environ={"SUMMTUNE_TOKENIZER__PREFIX": "말: "}).base.settings.tokenizer.prefix == "말: "
    assert load(sets=["tokenizer.prefix = summarize: \n"]).base.settings.tokenizer.prefix == "summarize: "
    assert load(environ={"SUMMTUNE_TOKENIZER__PAD_TOKEN": "<pad>\n"}).base.settings.tokenizer.pad_token == "<pad>"


def test_a_part_is_not_assigned_to_what_has_none(load: Load, refuse: Refuse) -> None:
    assert refuse("early_terminate: none\n", sets=["early_terminate.eta=2"]) == [
        "s.yaml:1:1: early_terminate: none has no `eta`. Leave it out."
    ]
    assert load("early_terminate: none\n", sets=["early_terminate.type=asha", "early_terminate.eta=2"]).stopping.eta == 2
    assert load("early_terminate: median\n", sets=["early_terminate.min_iter=2", "num_train_epochs=9"]).stopping.type == "median"
    text = "decode: inline\nparameters: {num_beams: {values: [1, 4]}}\n"
    assert refuse(text, sets=["decode.top_k=2"]) == [
        "--set decode.top_k: decode is inline, which has no top_k. Assign decode as a whole first: 'decode={…}'."
    ]
    stage = load(text, sets=["decode={}", "decode.top_k=2"]).decode
    assert stage is not None
    assert stage.top_k == 2


@pytest.mark.parametrize("given", [{"sets": ["lora_r=4"]}, {"environ": {"SUMMTUNE_MODEL__LORA__R": "4"}}])
def test_a_pinned_entry_of_a_mapping_that_is_drawn_is_refused(given: dict[str, object], refuse: Refuse, load: Load) -> None:
    text = "base: kobart\nparameters: {lora: {values: [{r: 8}, {r: 16}, null]}}\n"
    (found,) = refuse(text, **given)
    assert "model.lora is searched as a whole, and what it says of r would take the place of 4." in found
    experiment = load(text, sets=["lora_dropout=0.1"])  # of which the drawn ones say nothing
    lora = experiment.settings_for({"model.lora": {"r": 8}}).model.lora
    assert lora is not None
    assert (lora.r, lora.dropout) == (8, 0.1)


@pytest.mark.parametrize("given", [{"sets": ["lora={r: 4, dropout: 0.2}"]}, {"environ": {"SUMMTUNE_MODEL__LORA": "{r: 4, dropout: 0.2}"}}])
@pytest.mark.parametrize(
    "parameters",
    ["lora: {values: [{r: 8}, {r: 16}, null]}", "b: {bundle: {x: {lora: {r: 8}, learning_rate: 1e-4}, y: {learning_rate: 1e-5}}}"],
)
def test_a_mapping_that_is_pinned_as_a_whole_leaves_the_space(parameters: str, given: dict[str, object], load: Load) -> None:
    experiment = load(f"base: kobart\nparameters: {{{parameters}, seed: {{values: [1, 2]}}}}\n", **given)
    lora = experiment.base.settings.model.lora
    assert lora is not None
    assert (lora.r, lora.dropout) == (4, 0.2)
    assert "model.lora" not in experiment.space.keys
    assert experiment.notices[0].startswith("model.lora is fixed at {")


def test_a_configuration_that_is_pinned_as_a_whole_leaves_the_space(load: Load) -> None:
    text = "parameters: {model.config_overrides: {values: [{d_model: 64}, {d_model: 256}]}, seed: {values: [1, 2]}}\n"
    experiment = load(text, sets=["model.config_overrides={d_model: 128}"])
    assert experiment.space.searched == ("general.seed",)
    assert experiment.base.settings.model.config_overrides["d_model"] == 128


def test_a_pinned_entry_of_a_fixed_mapping_takes_its_place(load: Load) -> None:
    experiment = load("base: kobart\nparameters: {lora: {value: {r: 8, dropout: 0.3}}, seed: {values: [1, 2]}}\n", sets=["lora_r=4"])
    lora = experiment.settings_for(experiment.space.at(0).point).model.lora
    assert lora is not None
    assert (lora.r, lora.dropout) == (4, 0.3)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        (  # of which `when` doesn't hold
            "parameters: {num_train_epochs: {values: [3, 8]}, lr_scheduler_type: {values: [linear, constant]},"
            " warmup_ratio: {values: [0.0, 0.05, 0.2], when: {lr_scheduler_type: linear}}}\n"
            "constraints: [{name: long, condition: num_train_epochs == 8, then: {warmup_ratio: {max: 0.05}}}]\n"
            "settings: {training: {warmup_ratio: 0.1}}\n",
            "lr_scheduler_type=constant",
        ),
        (  # that has no effect
            "parameters: {num_train_epochs: {values: [3, 8]}, lr_scheduler_type: {values: [linear, constant]},"
            " warmup_ratio: {values: [0.0, 0.05, 0.2]}}\n"
            "constraints: [{name: long, condition: num_train_epochs == 8, then: {warmup_ratio: {max: 0.05}}}]\n"
            "settings: {training: {warmup_ratio: 0.1}}\n",
            "lr_scheduler_type=constant",
        ),
        (  # that nothing lies beneath
            "decode: inline\nparameters: {num_train_epochs: {values: [3, 8]}, do_sample: {values: [true, false]}, num_beams: {value: 1},"
            " top_k: {values: [5, 50], when: {do_sample: true}}}\n"
            "constraints: [{name: long, condition: num_train_epochs == 8, then: {top_k: {max: 20}}}]\n",
            "do_sample=false",
        ),
    ],
)
def test_what_leaves_with_a_pinned_value_is_not_narrowed_any_more(text: str, pin: str, load: Load) -> None:
    experiment = load(text, sets=[pin])
    assert {point["training.num_train_epochs"] for point in experiment.space.points()} == {3, 8}
    assert any("the rule 'long' is left out: it narrows" in notice for notice in experiment.notices)


def test_a_pinned_value_itself_is_narrowed(load: Load) -> None:
    text = (
        "parameters: {num_train_epochs: {values: [3, 8]}, warmup_ratio: {values: [0.0, 0.2]}, seed: {values: [1, 2]}}\n"
        "constraints: [{condition: num_train_epochs == 8, then: {warmup_ratio: {max: 0.05}}}]\n"
    )
    assert load(text, sets=["warmup_ratio=0.2"]).space.size() == 2


@pytest.mark.parametrize(
    ("text", "environ", "sets"),
    [
        ("parameters: {temperature: {min: 0.5, max: 1.5}}\n", {"MODEL_NAME": "gogamza/kobart-base-v2"}, []),
        ("parameters: {adam_beta2: {values: [0.9, 0.99]}, optim: {value: sgd}}\n", {"MODEL_NAME": "gogamza/kobart-base-v2"}, []),
        ("parameters: {top_k: {values: [5, 50]}}\n", {}, ["generation.num_beams=4"]),
        ("parameters: {top_k: {values: [5, 50]}}\n", {}, ["generation.do_sample=false"]),
    ],
)
def test_what_has_no_effect_in_the_file_as_it_stands_stays_a_mistake_of_it(
    text: str, environ: dict[str, str], sets: list[str], refuse: Refuse
) -> None:
    text = f"base: kobart\n{text}"
    [alone] = refuse(text)
    [pinned] = refuse(text, environ=environ, sets=sets)
    assert " has no effect: " in alone
    assert pinned.partition(" has no effect")[0] == alone.partition(" has no effect")[0]


def test_what_a_pinned_model_takes_no_notice_of_leaves_with_it(load: Load) -> None:
    text = "base: kobart\nparameters: {length_penalty: {values: [0.8, 1.2]}, seed: {values: [1, 2]}}\n"
    experiment = load(text, sets=["model.preset=tiny-kobart"])
    assert experiment.decode is None
    said = "generation.length_penalty leaves the space, too: generation.num_beams is 1"
    assert any(notice.startswith(said) for notice in experiment.notices)
