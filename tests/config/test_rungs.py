from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from summtune.config.space_file import EarlyTerminateSpec
from summtune.config.stopping import Stopping, stopping, wandb_rungs
from summtune.space.naming import Unfit

if TYPE_CHECKING:
    from tests.config.conftest import Load


@pytest.mark.parametrize(
    ("iterations", "first", "rungs"),
    [(1, 1, ()), (3, 1, (1,)), (6, 1, (1, 3)), (20, 1, (1, 3, 9)), (60, 3, (3, 9, 27)), (61, 4, (4, 12, 36))],
)
def test_the_default_begins_at_a_twentieth(iterations: int, first: int, rungs: tuple[int, ...]) -> None:
    found = stopping(None, iterations)
    assert found == Stopping("asha", 3, first, iterations)
    assert found.rungs() == rungs


def test_wandb_s_documented_rungs() -> None:
    assert wandb_rungs(27, s=2, eta=3) == (3, 9)
    found = stopping(EarlyTerminateSpec(type="hyperband", max_iter=27, s=2), 27)
    assert found.rungs() == (3, 9)
    found = stopping(EarlyTerminateSpec(type="hyperband", min_iter=3), 100)
    assert found.rungs() == (3, 9, 27, 81)


def test_rungs_of_wandb_that_are_no_powers() -> None:
    found = stopping(EarlyTerminateSpec(type="hyperband", max_iter=27, s=3, eta=2), 27)
    assert found.rungs() == (3, 6, 13)
    assert found.rungs(13) == (3, 6)


def test_no_rung_beyond_wandb_s_own() -> None:
    # 20/3 and 20/9 are 6 and 2; 18 would be three times 6 and below 20, but W&B has no such rung.
    assert stopping(EarlyTerminateSpec(type="hyperband", max_iter=20, s=2), 20).rungs() == (2, 6)


def test_fractions_of_eta_as_in_wandb() -> None:
    # W&B's code: every band is cut to an integer, and the next one is made of what it was before.
    assert stopping(EarlyTerminateSpec(type="hyperband", min_iter=2, eta=1.5), 12).rungs() == (2, 3, 4, 6, 10)
    assert stopping(EarlyTerminateSpec(type="hyperband", max_iter=10, s=3, eta=2.5), 10).rungs() == (1, 4)
    assert stopping(EarlyTerminateSpec(type="hyperband", min_iter=1, eta=1.2), 4).rungs() == (1, 2, 3)
    assert stopping(EarlyTerminateSpec(eta=2), 4) == Stopping("asha", 2, 1, 4)
    assert repr(stopping(EarlyTerminateSpec(eta=2), 4).eta) == "2"


def test_hyperband_with_more_fields_than_wandb_looks_at(load: Load) -> None:
    text = "settings: {{training: {{num_train_epochs: 27}}}}\nearly_terminate: {{type: hyperband, {}}}\n"
    every = load(text.format("min_iter: 2, max_iter: 27, s: 2, strict: false"))
    assert every.stopping.rungs() == (3, 9)
    assert every.notices == ("early_terminate: max_iter and s say the rungs, as in W&B; min_iter has no say.",)
    without_max = load(text.format("min_iter: 2, s: 2"))
    assert without_max.stopping.rungs() == (2, 6, 18)
    assert without_max.notices == ("early_terminate: min_iter says the rungs, as in W&B; s has no say without max_iter.",)
    between = load(text.format("min_iter: 2, max_iter: 18"))
    assert (between.stopping.rungs(), between.notices) == ((2, 6), ())


def test_rungs_lie_below_the_last_iteration() -> None:
    assert Stopping("asha", 3, 1, 100).rungs(9) == (1, 3)
    assert Stopping("none", 3, 1, 100).rungs() == ()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "hyperband"}, "hyperband needs min_iter, or max_iter with s."),
        ({"type": "hyperband", "max_iter": 9}, "hyperband needs min_iter, or max_iter with s."),
        ({"type": "hyperband", "s": 2}, "hyperband needs min_iter, or max_iter with s."),
        ({"type": "hyperband", "min_iter": 9, "max_iter": 9}, "max_iter 9 is not above the first rung, 9."),
        ({"type": "hyperband", "max_iter": 2, "s": 1}, "has no rung"),
        ({"type": "asha", "s": 2}, "asha has no `s`."),
        ({"type": "asha", "min_iter": 5, "max_iter": 5}, "max_iter 5 is not above the first rung, 5."),
        ({"type": "asha", "strict": True}, "asha has no `strict`. Use `type: hyperband`"),
        ({"type": "median", "eta": 2}, "median has no `eta`."),
        ({"type": "median", "s": 2}, "median has no `s`."),
        ({"type": "none", "min_iter": 2}, "none has no `min_iter`. Leave it out."),
        ({"type": "annealing"}, "annealing is not one of asha, hyperband, median, none"),
    ],
)
def test_what_makes_no_sense(spec: dict[str, object], message: str) -> None:
    with pytest.raises(Unfit) as caught:
        stopping(EarlyTerminateSpec.model_validate(spec), 30)
    assert message in str(caught.value)


def test_searched_epochs_count_with_their_greatest(load: Load) -> None:
    assert load("parameters: {num_train_epochs: {values: [3, 30]}}\n").stopping == Stopping("asha", 3, 2, 30)
    assert load("parameters: {num_train_epochs: {min: 3, max: 41}}\n").stopping == Stopping("asha", 3, 3, 41)
    experiment = load("parameters: {num_train_epochs: {values: [3, 30]}}\n")
    assert experiment.longest == 30
    assert experiment.iterations({"training.num_train_epochs": 3}) == 3


def test_early_terminate_by_its_name_alone(load: Load) -> None:
    assert load("early_terminate: none\n").stopping.type == "none"
    assert load("early_terminate: {type: none}\n").notices == ()


def test_where_no_rung_lies_below_the_last_iteration_it_is_said(load: Load) -> None:
    experiment = load("settings: {training: {num_train_epochs: 1}}\n")
    assert experiment.notices[0].startswith("no trial will be stopped early: the first rung, 1, is not below the last iteration, 1.")


def test_a_label_within_another_has_a_bracket_of_its_own(load: Load) -> None:
    labels = "plain: {optim: adamw_torch}, smooth: {optim: adamw_torch, label_smoothing: 0.1}"
    experiment = load(f"parameters: {{reg: {{bundle: {{{labels}}}}}}}\nearly_terminate: {{type: asha, brackets: reg}}\n")
    assert [experiment.bracket(point) for point in experiment.space.points()] == ["plain", "smooth"]
    assert experiment.space.located(experiment.values_for({"training.optim": "adamw_torch"})).answers == {"reg": "plain"}
