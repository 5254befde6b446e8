"""What may be said of budgets, patience and brackets, and how many evaluations a trial has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from summtune.config.budget import raised
from summtune.config.description import summary_lines
from summtune.config.evaluations import evaluations
from summtune.config.experiment import Experiment
from summtune.errors import SettingsMistake

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


def test_a_budget_is_read_and_kept(load: Load) -> None:
    experiment = load("budget: {trials: 7, hours: 1.5, gpu_hours: 4, epochs: 90}\npatience_trials: 5\n")
    assert (experiment.count, experiment.patience_trials) == (7, 5)
    assert experiment.budget == {"hours": 1.5, "gpu_hours": 4, "epochs": 90}
    again = Experiment.from_record(experiment.to_record())
    assert (again.budget, again.patience_trials) == (experiment.budget, 5)
    assert "at most     1.5 hours, or 4 gpu hours, or 90 epochs, or 5 trials in a row without an improvement" in summary_lines(experiment)


def test_trials_is_another_word_for_run_cap(load: Load, refuse: Refuse) -> None:
    assert load("budget: {trials: 7}\nrun_cap: 7\n").count == 7
    (found,) = refuse("budget: {trials: 7}\nrun_cap: 9\n")
    assert found == "s.yaml:1:10: budget.trials: 7 contradicts run_cap, which is 9. Keep one of them."
    assert load("budget: {trials: 7}\n", sets=["count=3"]).count == 3, "what is typed counts"
    assert load("run_cap: 9\n", sets=["budget.trials=4"]).count == 4


def test_a_default_number_of_trials_beside_a_budget_is_said(load: Load) -> None:
    said = "budget: no more than 20 trials are run, whatever is left of it; `run_cap` says otherwise."
    assert said in load("budget: {hours: 2}\n").notices
    assert said not in load("budget: {hours: 2}\nrun_cap: 20\n").notices
    assert said not in load("budget: {trials: 20}\n").notices


@pytest.mark.parametrize("text", ["{hours: 0}", "{hours: -1}", "{epochs: none}", "{gpu_hours: .inf}", "{days: 1}"])
def test_budgets_that_can_not_be(text: str, refuse: Refuse) -> None:
    assert any("budget" in problem for problem in refuse(f"budget: {text}\n"))


def test_a_budget_is_raised_by_words() -> None:
    assert raised({"hours": 1.0, "epochs": 9.0}, ["hours=2.5", "epochs=none", "gpu_hours=4"]) == {"hours": 2.5, "gpu_hours": 4}
    with pytest.raises(SettingsMistake) as caught:
        raised({}, ["trials=9", "hours", "days=1", "hours=0", "hours=soon", "hours=true"])
    assert len(caught.value.problems) == 6
    assert "`--count N`, which adds N" in str(caught.value)
    assert "hours is 'soon', and has to be a number above 0, or none. Write `hours=2`." in str(caught.value)


def test_brackets_name_a_parameter_with_an_end_of_values(load: Load, refuse: Refuse) -> None:
    space = "parameters: {batch_size: {values: [8, 16]}, lr: {bundle: {low: {learning_rate: 1e-5}, high: {learning_rate: 1e-3}}}}"

    def text(named: str) -> str:
        return f"{space}\nearly_terminate: {{brackets: {named}}}\nsettings: {{training: {{num_train_epochs: 4}}}}\n"

    key = "training.per_device_train_batch_size"
    experiment = load(text("batch_size"))
    assert experiment.stopping.brackets == key
    assert [experiment.bracket({key: 8}), experiment.bracket({key: 32}), experiment.bracket({})] == ["8", "32", ""]
    for named in ("lr", "learning_rate"):
        bundled = load(text(named))
        assert bundled.stopping.brackets == "lr"
        assert [bundled.bracket({"training.learning_rate": rate}) for rate in (1e-5, 1e-3, 5e-5)] == ["low", "high", ""]
    assert any("among those of the same lr" in line for line in summary_lines(bundled))
    assert Experiment.from_record(bundled.to_record()).stopping == bundled.stopping
    (found,) = refuse(text("weight_decay"))
    assert "early_terminate.brackets: no parameter that trials are trained with is called 'weight_decay'." in found
    endless = "parameters: {weight_decay: {min: 0.0, max: 0.1}}\nearly_terminate: {brackets: weight_decay}\n"
    (found,) = refuse(endless)
    assert "training.weight_decay has no end of values, and hardly two trials would have the same. Name a parameter" in found


def test_brackets_of_a_parameter_that_is_pinned_keep_nothing_apart(load: Load) -> None:
    text = "parameters: {batch_size: {values: [8, 16]}, weight_decay: {values: [0.0, 0.1]}}\nearly_terminate: {brackets: batch_size}\n"
    pinned = load(text, sets=["training.per_device_train_batch_size=8"])
    assert pinned.stopping.brackets is None
    assert "early_terminate.brackets: training.per_device_train_batch_size has one value: all trials compete." in pinned.notices


def test_paired_architectures_are_one_bracket_each(load: Load) -> None:
    experiment = load("parameters: {model: {values: [tiny-kobart, tiny-t5]}}\nearly_terminate: {brackets: model}\n")
    assert experiment.stopping.brackets == "model.preset"
    assert experiment.bracket(experiment.baseline_point()) == "tiny-kobart"


BATCHES = {
    "training.num_train_epochs": 3,
    "evaluation.every": 1,
    "training.per_device_train_batch_size": 4,
    "training.gradient_accumulation_steps": 2,
}


@pytest.mark.parametrize(
    ("values", "rows", "expected"),
    [
        ({}, 100, 3),
        ({"training.max_steps": 26}, None, 3),
        ({"training.max_steps": 26}, 100, 2),  # 13 steps an epoch
        ({"training.max_steps": 27}, 100, 3),
        ({"training.max_steps": 27, "evaluation.every": 2}, 100, 2),
        ({"training.max_steps": 26}, 98, 2),  # 13 steps an epoch
        ({"training.max_steps": 26, "training.dataloader_drop_last": True}, 98, 3),  # 12: the rest of a micro-batch is dropped
        ({"training.max_steps": 26, "training.dataloader_drop_last": True}, 100, 2),  # 13: the rest of a step is not
        ({"training.max_steps": 5, "data.max_train_samples": 8}, 100, 5),
        ({"training.max_steps": 1}, 3, 1),
    ],
)
def test_evaluations_of_a_training(values: dict[str, object], rows: int | None, expected: int) -> None:
    assert evaluations({**BATCHES, **values}, rows) == expected


def test_with_max_steps_rungs_count_the_evaluations_that_there_are(load: Load) -> None:
    text = "settings: {training: {max_steps: 100, num_train_epochs: 3, per_device_train_batch_size: 4}}\n"
    experiment = load(text)
    known = experiment.with_rows(20)  # 5 steps an epoch
    assert (known.longest, known.iterations({}), known.stopping.rungs()) == (20, 20, (1, 3, 9))
    assert Experiment.from_record(known.to_record()).iterations({}) == 20
    assert known.notices == experiment.notices
    short = experiment.with_rows(4000)
    assert short.longest == 1
    assert short.notices[-1].startswith("no trial will be stopped early: the first rung, 1, is not below the last iteration, 1.")
    later = load(text + "early_terminate: {min_iter: 2}\n").with_rows(20)
    assert later.stopping.rungs() == (2, 6, 18), "what was given stays"


def test_searched_steps_and_batches_count_with_their_longest(load: Load) -> None:
    text = "parameters: {max_steps: {values: [10, 40]}, per_device_train_batch_size: {values: [2, 8]}}\n"
    experiment = load(text).with_rows(16)
    assert experiment.iterations({"training.max_steps": 40, "training.per_device_train_batch_size": 8}) == 20
    assert experiment.iterations({"training.max_steps": 10, "training.per_device_train_batch_size": 2}) == 2
    assert experiment.longest == 20


def test_trials_of_a_finite_space_are_no_more_than_its_points(load: Load) -> None:
    grid = "method: grid\nparameters: {weight_decay: {values: [0.0, 0.1]}}\nrun_cap: 20\n"
    assert load(grid).most_trials == 2
    assert load(grid.replace("0.0", "0.01")).most_trials == 1, "one of them is the base's own, and the baseline's"
    assert load(grid.replace("0.0", "0.01") + "baseline: false\n").most_trials == 2
    assert load("parameters: {weight_decay: {min: 0.0, max: 0.1}}\n").most_trials == 20


def test_seeds_are_read_and_kept(load: Load, refuse: Refuse) -> None:
    experiment = load("seeds: [42, 1, 2]\n")
    assert experiment.seeds == (42, 1, 2)
    assert Experiment.from_record(experiment.to_record()).seeds == (42, 1, 2)
    assert "seeds       42, 1, 2, for points that could win" in summary_lines(experiment)
    assert load("seeds: [1, 2]\n", sets=["seeds=[7]"]).seeds == (7,)
    assert "seeds: 42 is what every trial is trained with; nothing is repeated." in load("seeds: [42]\n").notices
    (found,) = refuse("seeds: [1]\nparameters: {seed: {values: [1, 2]}}\n")
    assert "seeds: general.seed is searched, too, so that points could not be repeated with other seeds. Remove one of them." in found
    (found,) = refuse("seeds: [1, 1]\n")
    assert "a seed stands here twice." in found
