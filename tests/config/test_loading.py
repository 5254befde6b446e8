from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config.experiment import Experiment, load_experiment
from summtune.config.objective import Objective
from summtune.config.stopping import Stopping
from summtune.errors import SettingsMistake

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

GUIDE_BASE = """\
meta:
  experiment_name: "dialogue_summarization"
  version: "1.0"
  description: "대화 요약 기본 실험"

general:
  seed: 42
  model_name: "digit82/kobart-summarization"
  output_dir: "./outputs"
  device: "auto"  # auto, cuda, cpu

model:
  architecture: "kobart"  # kobart, kogpt2, t5, mt5
  checkpoint: "digit82/kobart-summarization"
  load_pretrained: true

tokenizer:
  encoder_max_len: 512
  decoder_max_len: 128

training:
  per_device_train_batch_size: 16
  learning_rate: 5e-5
  num_train_epochs: 3
  warmup_ratio: 0.1
  fp16: true  # GPU 메모리 절약

generation:
  num_beams: 4
  length_penalty: 1.0
  no_repeat_ngram_size: 2
  max_length: 100

wandb:
  project: "nlp-dialogue-summarization"
  entity: null  # 팀 이름
  mode: "online"  # online, offline, disabled
"""

GUIDE_SWEEP = """\
name: "Custom Learning Rate Search"
method: "bayes"  # grid, random, bayes
metric:
  name: "best/rouge_combined_f1"
  goal: "maximize"

parameters:
  learning_rate:
    distribution: "log_uniform_values"
    min: 1e-6
    max: 1e-3

  warmup_ratio:
    values: [0.0, 0.1, 0.2]

  label_smoothing:
    values: [0.0, 0.1, 0.2]

early_terminate:
  type: "hyperband"
  min_iter: 3
"""


def test_the_guide_s_files_load(load: Load) -> None:
    experiment = load(GUIDE_SWEEP, base=GUIDE_BASE)
    settings = experiment.base.settings
    assert experiment.name == "Custom Learning Rate Search"
    assert settings.training.learning_rate == 5e-5
    assert settings.training.precision == "fp16"
    assert settings.training.fp16
    assert settings.model.checkpoint == settings.general.model_name == "digit82/kobart-summarization"
    assert settings.wandb.entity is None
    assert list(experiment.space.parameters) == ["training.learning_rate", "training.warmup_ratio", "training.label_smoothing"]
    assert experiment.stopping == Stopping("hyperband", 3, 3, 3)
    assert experiment.notices == (
        "no data are named, neither by the base nor here: the sample data are used.",
        "no trial will be stopped early: the first rung, 3, is not below the last iteration, 3."
        " Train for more epochs, or lower early_terminate.min_iter.",
    )


def test_defaults(load: Load) -> None:
    experiment = load()
    assert experiment.name == "s"
    assert (experiment.method, experiment.count, experiment.baseline) == ("bayes", 20, True)
    assert experiment.objective == Objective("rouge_combined_f1", "maximize")
    assert experiment.base.settings.model.preset == "tiny-kobart"
    assert experiment.resources.gpus_per_trial is None
    assert experiment.stopping.type == "asha"


def test_an_experiment_survives_json_pickle_and_its_files(load: Load, tmp_path: Path) -> None:
    experiment = load(GUIDE_SWEEP, base=GUIDE_BASE)
    for file in tmp_path.iterdir():
        file.unlink()
    record = json.loads(json.dumps(experiment.to_record(), allow_nan=False))
    for copy in (Experiment.from_record(record), pickle.loads(pickle.dumps(experiment))):
        assert copy == experiment
        point = {"training.learning_rate": 3e-4, "training.warmup_ratio": 0.2, "training.label_smoothing": 0.1}
        assert copy.settings_for(point) == experiment.settings_for(point)
    assert experiment.source.startswith("base: base.yaml\nname:")


def test_settings_of_a_point(load: Load) -> None:
    experiment = load("parameters: {learning_rate: {min: 1e-5, max: 1e-3}, model.config_overrides.d_model: {values: [64, 128]}}\n")
    settings = experiment.settings_for({"training.learning_rate": 3e-4, "model.config_overrides.d_model": 64})
    assert settings.training.learning_rate == 3e-4
    assert settings.model.config_overrides["d_model"] == 64
    assert settings.model.config_overrides["encoder_layers"] == experiment.base.settings.model.config_overrides["encoder_layers"]
    assert experiment.settings_for({}) == experiment.base.settings
    assert experiment.settings_for({"training.fp16": True}).training.precision == "fp16"
    with pytest.raises(SettingsMistake, match="training.learning_rate: 3.0 is too large"):
        experiment.settings_for({"training.learning_rate": 3.0})


def test_the_baseline_as_a_point(load: Load) -> None:
    experiment = load(
        "parameters: {learning_rate: {min: 1e-5, max: 1e-3}, adam_beta1: {values: [0.8, 0.9]}, dropout_rate: {values: [0.0, 0.1]},"
        " model.config_overrides.d_model: {values: [64, 128]}}\n"
    )
    assert experiment.baseline_point() == {
        "training.learning_rate": experiment.base.settings.training.learning_rate,
        "training.adam_beta1": 0.9,
        "model.dropout_rate": None,
        "model.config_overrides.d_model": 128,
    }


def test_transformers_arguments_are_kept(load: Load) -> None:
    settings = load("settings: {training: {adam_beta1: 0.8, torch_compile: true}}\n").base.settings
    assert settings.training.model_extra == {"adam_beta1": 0.8, "torch_compile": True}


def test_all_problems_of_all_files_at_once(refuse: Refuse) -> None:
    found = refuse(
        "metod: bayes\nparameters: {learnin_rate: {value: 1}}\n",
        base="training: {learning_rate: 2.0, num_train_epochs: 0, fp16: 'yes'}\ngeneration: {max_length: -1}\n",
        sets=["training.weight_decay=x"],
        environ={"SEED": "-1"},
    )
    assert found == [
        "s.yaml:2:1: metod: a search space has no such key. Did you mean method?",
        "s.yaml:3:14: parameters.learnin_rate: there is no setting 'learnin_rate'. Did you mean training.learning_rate?",
        "base.yaml:1:12: training.learning_rate: 2.0 is too large: it must be below 1.0.",
        "base.yaml:1:32: training.num_train_epochs: 0 is too small: it must be above 0.",
        'base.yaml:1:53: training.fp16: "yes" is text, where true or false is meant. Write true or false, without quotes.',
        "base.yaml:2:14: generation.max_length: -1 is too small: it must be at least 2.",
        "SEED: -1 is too small: it must be at least 0.",
        '--set training.weight_decay: "x" is text, where a number is meant. Give a number.',
    ]


GRID = "parameters: {batch_size: {values: [8, 16]}, seed: {values: [2, 4]}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a/b\n", "s.yaml:1:1: name: 'a/b' holds /, and names a folder. Give another name."),
        ("name: .hidden\n", "'.hidden' begins with a dot"),
        ("name: -x\n", "'-x' begins like an option, and names a folder. Give another name."),
        (f"name: {'가' * 90}\n", "has more than 200 bytes, and names a folder. Give another name."),
        ('name: "a\\tb"\n', "holds a control character"),
        ("name: ../../x\n", "holds /"),
        ("name: ''\n", "'' is empty"),
        (f"name: {'x' * 500}\n", f"name: '{'x' * 57}...' has more than 100 letters, and names a folder."),
        ("name: [a]\n", 'name: ["a"] is a list, where text is meant. Give one word or sentence.'),
        ("run_cap: 1_000\n", 'run_cap: "1_000" is text, where a whole number is meant. Write 1000.'),
        ("parameters: {weight_decay: {min: 0_1.5, max: ２}}\n", "parameters.weight_decay.min: 0_1.5 is no number. Write 01.5."),
        ("parameters: {weight_decay: {min: 0.1, max: ２}}\n", "parameters.weight_decay.max: ２ is no number. Give a number."),
        (
            "parameters: {optim: {values: [adamw_hf, adamw_torch]}}\n",
            "adamw_hf and adamw_torch are the same, adamw_torch. Remove one of them.",
        ),
        ("parameters: {model_architecture: {values: [t5-small, t5-base]}}\n", "t5-small and t5-base are the same, t5."),
        (
            "parameters: {seed: {values: [1, 2, 3], probabilities: [0.3333, 0.3333, 0.3333]}}\n",
            "they sum to 0.9999, not to 1. In the same proportions: [0.3334, 0.3333, 0.3333].",
        ),
        ("settings: {training.learning_rate: 1e-4}\n", "A setting stands in its section: `training: {learning_rate: 0.0001}`."),
        ("data: {train: ., dev: .}\n", "is no file. Check the path"),
        ("method: bayess\n", "method: bayess is not one of bayes, cmaes, gp, grid, nsga2, random, tpe. Did you mean bayes?"),
        ("method: qmc\n", "not yet: the method qmc is understood, but can't be run so far."),
        ("run_cap: 0\n", "run_cap: 0 is too small: it must be above 0."),
        ("run_cap: '5'\n", 'run_cap: "5" is text, where a whole number is meant. Remove the quotes.'),
        ("run_cap: 5\ncount: 6\n", "count: 6 contradicts run_cap, which is 5. Keep one of them."),
        ("baseline: 1\n", "baseline: 1 is a number, where true or false is meant."),
        ("training: {learning_rate: 1e-4}\n", "Write it under `settings:`, as `settings: {training: …}`."),
        ("learning_rate: 1e-4\n", "it is a setting. Write it under `parameters:`, or as training.learning_rate under `settings:`."),
        ("paramters: {}\n", "Did you mean parameters?"),
        ("metrics: [{name: loss}]\n", "metrics: a search space has no such key. Did you mean objectives?"),
        ("metric: loss\n", 'metric: "loss" is text, where a mapping is meant. Write `metric: {name: loss}`.'),
        ("seed: 1\n", "it is a setting. Write it under `parameters:`, or as general.seed under `settings:`. Did you mean seeds?"),
        ("early_stopping_patience: 3\n", "or as training.early_stopping_patience under `settings:`. Did you mean early_terminate?"),
        ('name: "a\\u202eb"\n', "holds a control character"),
        ('name: "a\\u2028b"\n', "holds a control character"),
        ("wandb: {project: ../../x}\n", "wandb.project: W&B allows no / in it. Give the name alone."),
        ("entity: 'my team?'\n", "entity: W&B allows no ? in it. Give the name alone."),
        (f"project: {'p' * 129}\n", "project: it has 129 letters, and W&B allows 128. Shorten it."),
        ("settings: {training: {adam_beta2: 2}}\n", "settings.training.adam_beta2: 2 is too large: it must be below 1.0."),
        ("metric: {nme: loss}\n", "metric.nme: metric has no such key. Did you mean name?"),
        ("metric: {name: best/bleu}\n", "s.yaml:1:10: metric.name: nobody reports a metric 'best/bleu'."),
        ("metric: {name: loss, goal: maximize}\n", "metric.goal: maximize would look for the worst loss. Write `goal: minimize`."),
        ("metric: {target: 47.12}\n", "s.yaml:1:10: metric.target: 47.12 lies beyond what rouge_combined_f1 can be, 0 to 1. Write 0.4712."),
        ("metric: {name: rouge1, target: -1}\n", "metric.target: -1.0 lies beyond what rouge1_f1 can be, 0 to 1."),
        ("constraints: [{require_metric: rouge2_f1 >= 20}]\n", "20.0 lies beyond what rouge2_f1 can be, 0 to 1. Write 0.2."),
        ("settings: {general: {seed: 4294967296}}\n", "4294967296 is too large: it must be below 4294967296."),
        ("metric: {goal: max}\n", "metric.goal: max is not one of maximize, minimize."),
        ("resources: {gpus: 1}\n", "resources.gpus: resources has no such key. Did you mean gpus_per_trial?"),
        ("resources: {gpus_per_trial: -1}\n", "resources.gpus_per_trial: -1 is too small"),
        ("early_terminate: {type: hyperbnd}\n", "Did you mean hyperband?"),
        ("early_terminate: {eta: 1}\n", "early_terminate.eta: 1 is too small: it must be above 1.0."),
        ("base: kobar\n", "there is no preset 'kobar', and no file"),
        ("base: kobar\n", "Did you mean kobart?"),
        ("settings: {trainin: {}}\n", "settings.trainin: there is no such section. Did you mean training?"),
        ("settings: {training: 3}\n", "settings.training: a section holds `key: value` lines."),
        ("settings: 3\n", "settings: sections of settings are meant here."),
        (
            "settings: {learning_rate: 1e-4}\n",
            "Did you mean training.learning_rate? A setting stands in its section: `training: {learning_rate: 0.0001}`.",
        ),
        ("settings: {generation: {learning_rate: 1e-4}}\n", "Did you mean training.learning_rate?"),
        ("settings: {model: {preset: t6}}\n", "t6 is not one of kobart, kogpt2, mt5, t5, tiny-kobart"),
        ("settings: {model: {architecture: kobrat}}\n", "Did you mean kobart?"),
        ("data: {train: nowhere.csv, dev: s.yaml}\n", "s.yaml:1:8: data.train: there is no file"),
        ("data: {train: s.yaml}\n", "data.train is yours, and without data.dev the sample data would take its place. Give data.dev, too."),
        ("data: {train: s.yaml, train_path: s.yaml}\n", "it says data.train, which data.train says already. Remove one of them."),
        ("project: a\nwandb: {project: b}\n", "project: it says wandb.project, which wandb.project says already."),
        ("parameters: {}\n", "parameters: it must name what varies."),
        ("parameters: 3\n", "parameters: it must name what varies."),
        ("settings: {training: {fp16: true, bf16: true}}\n", "fp16 and bf16 can't both be on. Keep one of them."),
        ("settings: {training: {fp16: true, precision: fp32}}\n", "it contradicts precision: fp32."),
        (
            "settings: {general: {model_name: a/b}, model: {checkpoint: c/d}}\n",
            "it names another model than model.checkpoint, which is c/d.",
        ),
        ("settings: {training: {warmup_steps: 10, warmup_ratio: 0.1}}\n", "training.warmup_ratio says how long the warm-up is, too."),
        ("settings: {model: {load_pretrained: true}}\n", "no model is named: there is no model.checkpoint to load."),
        ("settings: {tokenizer: {encoder_max_len: 2048}}\n", "2048 is beyond the model's 1024 positions. Give at most 1024."),
        ("settings: {generation: {max_length: 1025}}\n", "1025 is beyond the model's 1024 positions."),
        ("base: kobart\nsettings: {tokenizer: {encoder_max_len: 2048}}\n", "2048 is beyond the model's 1026 positions."),
        ("parameters: {decoder_max_len: {values: [64, 2048]}}\n", "parameters.decoder_max_len: 2048 is beyond the model's 1024 positions."),
        (
            "settings: {general: {device: cpu}}\nresources: {gpus_per_trial: 1}\n",
            "general.device is cpu, which reserves no GPU. Remove one of them.",
        ),
        ("settings: {tokenizer: {vocab_size: null}}\n", "without a checkpoint there is no tokenizer."),
        (
            "settings: {generation: {min_length: 200, max_length: 100}}\n",
            "200 is above generation.max_length, 100. Lower it, or raise that.",
        ),
        (
            "decode: inline\nparameters: {min_length: {values: [20, 200]}}\n",
            "parameters.min_length: 200 is above generation.max_length, 64. Lower it, or raise that.",
        ),
        (
            "decode: {parameters: {max_length: {min: 10, max: 64}, min_length: {values: [0, 16]}}}\n",
            "16 is above generation.max_length, 10. Lower it, or add a rule: `require: min_length <= max_length`.",
        ),
        (
            "base: tiny-kogpt2\nsettings: {tokenizer: {encoder_max_len: 900}}\nparameters: {decoder_max_len: {values: [100, 300]}}\n",
            "tokenizer.encoder_max_len 900 with decoder_max_len 300 is beyond the model's 1024 positions: prompt and summary share them.",
        ),
        (
            "base: tiny-kogpt2\nsettings: {tokenizer: {encoder_max_len: 900, decoder_max_len: 100}, generation: {max_length: 125}}\n",
            "encoder_max_len: 900 with max_length 125 is beyond the model's 1024 positions: prompt and summary share them.",
        ),
        ("settings: {evaluation: {metrics: [rogue]}}\n", "there is no metric 'rogue'."),
        (
            "settings: {evaluation: {combined: {bleu: 1}}}\n",
            "s.yaml:1:25: settings.evaluation.combined: there is no 'bleu' to weigh. Weigh rouge1, rouge2, rougeL, rougeLsum.",
        ),
        ("settings: {evaluation: {combined: {rouge1: 1, rouge1_f1: 2}}}\n", "evaluation.combined: rouge1 is weighed twice."),
        ("settings: {evaluation: {combined: {rouge1: 0}}}\n", "evaluation.combined: all weights are zero."),
        ("settings: {evaluation: {combined: {}}}\n", "evaluation.combined: all weights are zero."),
        ("settings: {training: {lr_scheduler_type: cosin}}\n", "Did you mean cosine?"),
        ("settings: {training: {optim: adamw_trch}}\n", "Did you mean adamw_torch?"),
        ("settings: {training: {adam_beta1: x}}\n", '"x" is text, where a number is meant.'),
        (
            "settings: {training: {learnin_rate: 1e-4}}\n",
            "there is no setting 'training.learnin_rate'. Did you mean training.learning_rate?",
        ),
        (
            "parameters: {temperature: {values: [0.5, 1.0]}}\ndecode: inline\n",
            "generation.temperature has no effect: generation.do_sample is false.",
        ),
        (
            "parameters: {warmup_ratio: {values: [0.0, 0.1]}}\nsettings: {training: {warmup_steps: 5}}\n",
            "training.warmup_ratio has no effect: training.warmup_steps takes its place.",
        ),
        ("parameters: {learning_rate: {min: 1e-5, max: 1e-3}}\nmethod: grid\n", "a grid needs values that can be counted."),
        (f"{GRID}constraints: [{{require: batch_size * seed > 64}}]\n", "constraints.0: 'constraint 1' leaves nothing to draw. Widen it"),
        (
            f"{GRID}constraints: [{{require: batch_size > 8}}, {{name: two, require: batch_size * seed < 32}}]\n",
            "constraints.0: 'constraint 1', together with the other rules, leaves nothing to draw.",
        ),
        (
            f"{GRID}constraints: [{{require: batch_size > 16}}, {{require: seed > 4}}]\n",
            "constraints: all rules together leave nothing to draw.",
        ),
        (
            "parameters: {learning_rate: {min: 1e-9, max: 1e-1}}\nconstraints: [{require: learning_rate < 2e-9}]\n",
            "no point was found that keeps to 'constraint 1': if there are any, they are too rare to be drawn.",
        ),
        ("- a\n- b\nparameters:\n", "this is not YAML"),
    ],
)
def test_what_can_t_be_is_refused(text: str, message: str, refuse: Refuse) -> None:
    assert any(message in problem for problem in refuse(text)), refuse(text)


@pytest.mark.parametrize(
    "text",
    [
        "decode: inline\nparameters: {min_length: {values: [0, 16]}, max_length: {values: [8, 64]}}\n"
        "constraints: [{require: min_length <= max_length}]\n",
        "base: tiny-kogpt2\nparameters: {encoder_max_len: {values: [500, 900]}, decoder_max_len: {values: [100, 300]}}\n"
        "constraints: [{require: encoder_max_len + decoder_max_len <= 1024}]\n",
        "decode: inline\nparameters: {min_length: {values: [0, 16]}}\nsettings: {generation: {max_length: 8, max_new_tokens: 30}}\n",
    ],
)
def test_lengths_that_rules_keep_apart_can_be(text: str, load: Load) -> None:
    load(text)


def test_a_list_is_no_search_space(tmp_path: Path) -> None:
    for text, said in (
        ("- a\n", "this is a list"),
        ("", "the file says nothing"),
        ("# only this\n", "says nothing"),
        ("a\n", "a single value"),
    ):
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(SettingsMistake, match=f"{said}, and a search space is meant here"):
            load_experiment(tmp_path / "s.yaml", environ={})


def test_a_space_without_parameters(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: a\n", encoding="utf-8")
    with pytest.raises(SettingsMistake, match="there are no `parameters`: nothing varies"):
        load_experiment(tmp_path / "s.yaml", environ={})


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("rouge_combined_f1", "rouge_combined_f1"),
        ("best/rouge_combined_f1", "rouge_combined_f1"),
        ("eval/rouge_combined_f1", "rouge_combined_f1"),
        ("eval_rouge_combined_f1", "rouge_combined_f1"),
        ("val/rouge_combined_f1", "rouge_combined_f1"),
        ("best/eval_rouge2_f1", "rouge2_f1"),
        ("eval/rougeL", "rougeL_f1"),
        ("eval_loss", "loss"),
        ("validation_loss", "loss"),  # as in W&B's own examples
        ("valid/rougeL", "rougeL_f1"),
        ("eval/loss", "loss"),
    ],
)
def test_spellings_of_a_metric(written: str, name: str, load: Load) -> None:
    assert load(f"metric: {{name: {written}}}\n").objective.name == name
    assert load(f"metric: {{name: {written}}}\n").objective.maximize == (name != "loss")


def test_wandb_s_own_keys_are_accepted(load: Load) -> None:
    text = "program: train.py\ncommand: [a, b]\nproject: 2024\nentity: team\nrun_cap: 7\nmethod: tpe\n"
    experiment = load(text)
    assert experiment.base.settings.wandb.project == "2024"
    assert experiment.base.settings.wandb.entity == "team"
    assert (experiment.count, experiment.method) == (7, "tpe")
    assert experiment.notices == (
        "program is W&B's, and means nothing here.",
        "command is W&B's, and means nothing here.",
        "the space has 2 points: no more trials than that are run.",
    )


def test_wandb_s_keys_for_its_own_machinery_are_accepted(load: Load) -> None:
    """Those of wandb/sweeps' schema that its documentation of sweeps leaves to that of Launch, or doesn't name."""
    kept = (
        "apiVersion: v1",
        "kind: sweep",
        "job: 'team/jobs/train:latest'",
        "image_uri: a/b",
        "controller: {type: local}",
        "scheduler: {x: 1}",
    )
    experiment = load("\n".join(kept) + "\nmetric: {name: loss, impute: worst, impute_while_running: latest}\n")
    said = {notice.partition(" ")[0] for notice in experiment.notices if notice.endswith("is W&B's, and means nothing here.")}
    assert said == {*(line.partition(":")[0] for line in kept), "metric.impute", "metric.impute_while_running"}


def test_numbers_may_be_names(load: Load) -> None:
    experiment = load("name: 2024.10\ndescription: 3\nsettings: {meta: {version: 1.0}}\n")
    assert (experiment.name, experiment.description) == ("2024.10", "3")
    assert experiment.base.settings.meta.version == "1.0"


def test_targets_that_can_be_reached_are_taken(load: Load) -> None:
    assert load("metric: {target: 1.4}\nsettings: {evaluation: {combined: sum}}\n").objective.target == 1.4
    assert load("metric: {name: loss, target: 1.4}\n").objective.target == 1.4


def test_generation_inline(load: Load) -> None:
    experiment = load("decode: inline\nparameters: {num_beams: {values: [1, 4]}}\n")
    assert experiment.settings_for({"generation.num_beams": 1}).generation.num_beams == 1


def test_a_grid_says_what_it_leaves_out(load: Load) -> None:
    experiment = load("method: grid\nrun_cap: 3\nparameters: {seed: {min: 1, max: 5}, weight_decay: {values: [0.0, 0.1]}}\n")
    assert experiment.space.size() == 10
    assert experiment.notices == ("the grid has 10 points; 3 trials, drawn evenly, leave out 7 of them.",)


@pytest.mark.parametrize(
    ("rule", "sets", "said"),
    [
        ("{name: r, condition: batch_size > 16, then: {seed: {max: 2}}}", (), True),
        ("{name: r, condition: batch_size > 8, then: {seed: {max: 2}}}", (), False),
        ("{name: r, require: batch_size * seed <= 64}", (), True),
        ("{name: r, require: batch_size * seed < 64}", (), False),
        ("{name: r, condition: batch_size > 8, then: {seed: {max: 2}}}", ("batch_size=8",), False),
        # Of values without end nobody can say.
        ("{name: r, condition: weight_decay < 2, then: {seed: {max: 4}}}", (), False),
    ],
)
def test_rules_that_exclude_nothing_are_said(rule: str, sets: tuple[str, ...], said: bool, load: Load) -> None:
    text = "parameters: {batch_size: {values: [8, 16]}, seed: {values: [2, 4]}, weight_decay: {min: 0.0, max: 0.1}}\n"
    notices = load(f"{text}constraints: [{rule}]\n", sets=sets).notices
    assert ("the rule 'r' excludes nothing: every point keeps it anyway." in notices) is said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "{name: r, condition: batch_size > 8, then: {encoder_max_len: {max: 256}}}",
            "tokenizer.encoder_max_len where it is drawn, not where it is 512",
        ),
        ("{name: r, condition: batch_size > 8, then: {encoder_max_len: {max: 512}}}", None),
        # A constant schedule has no warm-up, whatever the base says.
        ("{name: r, condition: batch_size > 8, then: {warmup_ratio: {max: 0.05}}}", None),
    ],
)
def test_what_a_rule_does_not_narrow_is_said(rule: str, said: str | None, load: Load) -> None:
    experiment = load(
        "base: kobart\nparameters:\n  lr_scheduler_type: {values: [linear, constant]}\n  batch_size: {values: [8, 16]}\n"
        "  encoder_max_len: {values: [256, 512, 1024], when: {lr_scheduler_type: linear}}\n"
        f"  warmup_ratio: {{values: [0.0, 0.2], when: {{lr_scheduler_type: linear}}}}\nconstraints: [{rule}]\n"
    )
    notices = [notice for notice in experiment.notices if notice.startswith("the rule 'r'")]
    assert notices == ([f"the rule 'r' narrows {said} without being drawn. A `require` looks at both."] if said else [])
    assert {"training.lr_scheduler_type": "constant", "training.per_device_train_batch_size": 16} in list(experiment.space.points())


def test_a_value_beneath_that_nobody_wrote_is_transformers_own(load: Load) -> None:
    text = "parameters: {seed: {values: [1, 2]}, adam_beta2: {values: [0.9, 0.99, 0.999], when: {seed: 1}}}\nbase: kobart\n"
    rule = "constraints: [{name: r, condition: seed > 0, then: {adam_beta2: {min: %s}}}]\n"
    assert not any("narrows" in notice for notice in load(text + rule % 0.95).notices)
    text = text.replace("0.99, 0.999", "0.99, 0.9999")
    said = "the rule 'r' narrows training.adam_beta2 where it is drawn, not where it is 0.999 without being drawn."
    assert any(notice.startswith(said) for notice in load(text + rule % 0.9999).notices)


def test_a_bare_name_is_looked_for_in_search_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "mine.yaml").write_text("parameters: {seed: {min: 1, max: 5}}\n", encoding="utf-8")
    assert load_experiment(Path("mine"), environ={}).name == "mine"
    assert load_experiment(Path("lr"), environ={}).name == "lr"  # shipped
    with pytest.raises(SettingsMistake, match="there is no such file"):
        load_experiment(Path("nothing"), environ={})


WANDB_DOCUMENTED = """\
program: train.py
name: sweepdemo
project: first_sweep
entity: geekyrakshit
method: bayes
metric:
  goal: minimize
  name: validation_loss
  target: 0.1
early_terminate:
  type: hyperband
  s: 2
  eta: 3
  max_iter: 27
parameters:
  epochs:
    values: [10, 20, 50]
  learning_rate:
    min: 0.0001
    max: 0.1
  weight_decay:
    distribution: inv_log_uniform_values
    min: 1e-4
    max: 1e-1
  batch_size:
    distribution: q_log_uniform_values
    q: 8
    min: 32
    max: 256
  optim:
    values: ["adamw_torch", "sgd"]
    probabilities: [0.7, 0.3]
  tokenizer:
    parameters:
      encoder_max_len:
        value: 128
      decoder_max_len:
        distribution: categorical
        values: [32, 64]
  label_smoothing:
    distribution: beta
    a: 1
    b: 20
  warmup_ratio:
    distribution: q_uniform
    min: 0.0
    max: 0.4
    q: 0.1
run_cap: 25
command:
  - ${env}
  - python
  - ${program}
  - ${args}
"""


def test_a_sweep_file_with_all_that_wandb_has_runs_unchanged(load: Load) -> None:
    experiment = load(WANDB_DOCUMENTED.replace("validation_loss", "val/loss"))
    assert experiment.objective == Objective("loss", "minimize", 0.1)
    assert experiment.stopping.rungs() == (3, 9)
    assert experiment.count == 25
    settings = experiment.base.settings
    assert (settings.wandb.project, settings.wandb.entity) == ("first_sweep", "geekyrakshit")
    assert settings.tokenizer.encoder_max_len == 128
    kinds = {name: parameter.kind for name, parameter in experiment.space.parameters.items()}
    assert kinds == {
        "training.num_train_epochs": "choice",
        "training.learning_rate": "reals",
        "training.weight_decay": "reals",
        "training.per_device_train_batch_size": "integers",
        "training.optim": "choice",
        "tokenizer.encoder_max_len": "constant",
        "tokenizer.decoder_max_len": "choice",
        "training.label_smoothing": "shaped",
        "training.warmup_ratio": "reals",
    }
    assert set(experiment.notices) == {
        "program is W&B's, and means nothing here.",
        "command is W&B's, and means nothing here.",
        "method bayes does not look at `probabilities`; `random` draws by them.",
    }


def test_what_a_family_can_t_do_is_refused(refuse: Refuse, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label smoothing with a family that can't: no shipped one can't, so that one is told so here."""
    from summtune.config import effects
    from summtune.families import causal

    text = "base: tiny-kogpt2\nsettings: {training: {label_smoothing: 0.1}}\n"
    load(text)
    monkeypatch.setattr(causal, "LIMITS", {**causal.LIMITS, "training.label_smoothing": "its loss is made elsewhere"})
    monkeypatch.setattr(causal, "CONSUMES", causal.CONSUMES - {"training.*"} | {"training.weight_decay"})
    effects._unconsumed.cache_clear()
    try:
        found = refuse(text)
        assert any("label_smoothing: causal models can't do it: its loss is made elsewhere." in problem for problem in found), found
        found = refuse("base: tiny-kogpt2\nparameters: {label_smoothing: {values: [0.0, 0.1]}}\n")
        assert any("has no effect: its loss is made elsewhere." in problem for problem in found), found
    finally:
        effects._unconsumed.cache_clear()


def test_the_objective_must_be_reported(refuse: Refuse) -> None:
    patience = "settings: {training: {early_stopping_patience: 2}}\n"
    assert any("nobody reports a metric 'bleu'" in problem for problem in refuse(f"{patience}metric: {{name: bleu}}\n"))
    found = refuse("settings: {training: {early_stopping_patience: 2, metric_for_best_model: bleu}}\n")
    assert any("metric_for_best_model is not yours to set here: the search space's metric.name decides it." in problem for problem in found)


def test_retries_and_silence_are_a_person_s_to_set(load: Load, refuse: Refuse) -> None:
    resources = load().resources
    assert (resources.max_failures, resources.hung_after_s) == (2, None)
    resources = load("resources: {max_failures: 0, hung_after_s: 90}\n").resources
    assert (resources.max_failures, resources.hung_after_s) == (0, 90)
    assert Experiment.from_record(load("resources: {max_failures: 5}\n").to_record()).resources.max_failures == 5
    assert load("resources: {max_failures: auto, hung_after_s: null}\n").resources.max_failures == 2
    (negative,) = refuse("resources: {max_failures: -1}\n")
    assert "resources.max_failures" in negative
    assert "-1" in negative
    (fraction,) = refuse("resources: {max_failures: 1.5}\n")
    assert "resources.max_failures" in fraction
    (never,) = refuse("resources: {hung_after_s: 0}\n")
    assert "resources.hung_after_s" in never


def test_a_run_that_was_opened_before_there_were_retries_can_be_resumed(load: Load) -> None:
    record = load().to_record()
    del record["resources"]["max_failures"], record["resources"]["hung_after_s"]
    assert Experiment.from_record(record).resources.max_failures == 2
