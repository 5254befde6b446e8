"""How the system that this one replaces broke, as far as settings are concerned: each way is a test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config.experiment import load_experiment
from summtune.config.settings_file import read_preset
from tests.config.test_loading import GUIDE_BASE, GUIDE_SWEEP

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


def test_1_a_learning_rate_in_scientific_notation_is_a_number(load: Load) -> None:
    assert load(base="training: {learning_rate: 5e-5}\n").base.settings.training.learning_rate == 5e-5
    pinned = load(environ={"LEARNING_RATE": "1e-4", "WANDB_PROJECT": "2024"}).base.settings
    assert (pinned.training.learning_rate, pinned.wandb.project) == (1e-4, "2024")
    assert type(load(sets=["learning_rate=1e-4"]).base.settings.training.learning_rate) is float


def test_2_paths_mean_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code" / "config" / "sweep").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "data" / f"{split}.csv").touch()
    base = tmp_path / "code" / "config" / "base_config.yaml"
    base.write_text(GUIDE_BASE + "\ndata: {train_path: ../../data/train.csv, val_path: ../../data/dev.csv}\n", encoding="utf-8")
    (tmp_path / "code" / "config" / "sweep" / "mine.yaml").write_text(GUIDE_SWEEP, encoding="utf-8")
    found = []
    for folder, given in (("code", "config/base_config.yaml"), (".", "code/config/base_config.yaml"), ("data", str(base))):
        monkeypatch.chdir(tmp_path / folder)
        space = tmp_path / "code" / "config" / "sweep" / "mine.yaml"
        found.append(load_experiment(space, assignments=[f"base={given}"], environ={}).base.settings.data)
    assert {data.train.resolve() for data in found if data.train} == {tmp_path / "data" / "train.csv"}
    assert len(found) == 3
    monkeypatch.chdir(tmp_path / "code")  # `--sweep-config mine`: looked for in config/sweep
    assert load_experiment(Path("mine"), assignments=["base=config/base_config.yaml"], environ={}).name == "Custom Learning Rate Search"


def test_3_a_base_without_data_is_not_passed_over_in_silence(load: Load, refuse: Refuse) -> None:
    assert "no data are named, neither by the base nor here: the sample data are used." in load(GUIDE_SWEEP, base=GUIDE_BASE).notices
    assert any("there is no file" in problem for problem in refuse("data: {train: gone.csv, dev: gone.csv}\n"))


def test_6_a_parameter_that_nobody_maps_is_refused(refuse: Refuse) -> None:
    found = refuse("parameters: {dropout: {values: [0.1, 0.2]}, warmup: {values: [0.0, 0.1]}, hidden_size: {values: [256, 512]}}\n")
    assert len(found) == 3
    assert "there is no setting 'dropout'. Did you mean model.dropout_rate?" in found[0]
    assert "Did you mean training.warmup_ratio?" in found[1]


def test_7_constraints_are_read_and_what_is_recorded_is_what_is_trained(load: Load) -> None:
    experiment = load(
        """
method: grid
parameters:
  encoder_max_len: {values: [256, 512, 1024]}
  per_device_train_batch_size: {values: [8, 16, 32]}
constraints:
  - name: memory_constraint_1
    condition: encoder_max_len > 512
    then: {per_device_train_batch_size: {max: 16}}
"""
    )
    points = list(experiment.space.points())
    assert len(points) == experiment.space.size() == 8
    for point in points:
        assert point["tokenizer.encoder_max_len"] <= 512 or point["training.per_device_train_batch_size"] <= 16
        settings = experiment.settings_for(point)
        assert settings.tokenizer.encoder_max_len == point["tokenizer.encoder_max_len"]
        assert settings.training.per_device_train_batch_size == point["training.per_device_train_batch_size"]


def test_8_a_grid_crosses_no_architecture_with_another_s_checkpoint(load: Load) -> None:
    experiment = load(
        """
method: grid
run_cap: 24
parameters:
  model_architecture: {values: [kobart, t5, mt5]}
  model_checkpoint: {values: [digit82/kobart-summarization, t5-base, google/mt5-small]}
  learning_rate: {values: [1e-5, 3e-5, 5e-5, 1e-4]}
  per_device_train_batch_size: {values: [4, 8, 16]}
  num_train_epochs: {values: [3, 5]}
"""
    )
    pairs = {(point["model.architecture"], point["model.checkpoint"]) for point in experiment.space.points()}
    assert len(pairs) == 3
    assert experiment.space.size() == 72, "and not the 216 of all products"
    assert "the grid has 72 points; 24 trials, drawn evenly, leave out 48 of them." in experiment.notices


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("settings: {training: {num_train_epochs: 0}}", "0 is too small"),
        ("settings: {training: {learning_rate: 0}}", "0 is too small"),
        ("settings: {training: {learning_rate: 2.0}}", "2.0 is too large"),
        ("settings: {training: {per_device_train_batch_size: true}}", "true is a switch, where a whole number is meant"),
        ("settings: {training: {per_device_train_batch: 8}}", "Did you mean training.per_device_train_batch_size?"),
        ("settings: {model: {architecture: kobort}}", "Did you mean kobart?"),
        ("settings: {training: {lr_scheduler_type: cosin}}", "Did you mean cosine?"),
        ("settings: {training: {optim: adamw}}", "Did you mean adamw_torch?"),
        ("settings: {wandb: {mode: onlin}}", "Did you mean online?"),
        ('settings: {training: {fp16: "yes"}}', '"yes" is text, where true or false is meant'),
        ("settings: {generation: {max_length: -5}}", "-5 is too small"),
        ("settings: {traning: {learning_rate: 1e-4}}", "Did you mean training?"),
        ("settings: {generation: {learning_rate: 1e-4}}", "Did you mean training.learning_rate?"),
        ("metric: {name: best/rouge_combind_f1}", "Did you mean rouge_combined_f1?"),
    ],
)
def test_22_what_validation_let_pass_is_refused(text: str, named: str, refuse: Refuse) -> None:
    found = refuse(f"{text}\n")
    assert len(found) == 1
    assert named in found[0]


def test_a_base_written_for_kobart_keeps_its_say(load: Load) -> None:
    experiment = load(GUIDE_SWEEP, base=GUIDE_BASE.replace("learning_rate: 5e-5", "learning_rate: 4e-5"))
    assert experiment.base.settings.training.learning_rate == 4e-5 != read_preset("kobart")["training.learning_rate"].value
