"""The learning rate of every optimiser step, schedule by schedule, against formulas written down here."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.transformers_arguments import installed
from tests.small_models import fit

PEAK, STEPS, WARMUP = 2e-3, 10, 2


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schedules")


def past_warmup(factor: Callable[[float], float]) -> Callable[[int], float]:
    """Rising for two steps, then a function of the share of the remaining steps."""
    return lambda step: step / WARMUP if step < WARMUP else factor((step - WARMUP) / (STEPS - WARMUP))


def half_wave(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


def stable_then_down(step: int) -> float:
    if step < WARMUP:
        return step / WARMUP
    return 1.0 if step < STEPS - 3 else half_wave((step - (STEPS - 3)) / 3)


SCHEDULES: dict[str, tuple[dict[str, Any] | None, Callable[[int], float]]] = {
    "linear": (None, past_warmup(lambda share: 1 - share)),
    "cosine": (None, past_warmup(half_wave)),
    "cosine_with_restarts": ({"num_cycles": 2}, past_warmup(lambda share: half_wave(2 * share % 1))),
    "polynomial": ({"power": 2.0, "lr_end": 1e-4}, past_warmup(lambda share: 0.05 + 0.95 * (1 - share) ** 2)),
    "constant": (None, lambda step: 1.0),
    "constant_with_warmup": (None, lambda step: min(step / WARMUP, 1.0)),
    "inverse_sqrt": ({"timescale": 5}, lambda step: step / WARMUP if step < WARMUP else math.sqrt(5 / (step + 3))),
    "cosine_with_min_lr": ({"min_lr_rate": 0.1}, past_warmup(lambda share: 0.1 + 0.9 * half_wave(share))),
    "warmup_stable_decay": ({"num_decay_steps": 3}, stable_then_down),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_is_made_with_the_rate_of_the_formula(schedule: str, shared: Path) -> None:
    kwargs, factor = SCHEDULES[schedule]
    training = {"lr_scheduler_type": schedule, "lr_scheduler_kwargs": kwargs, "learning_rate": PEAK, "warmup_ratio": 0.2}
    fitted = fit(shared, training={**training, "max_steps": STEPS, "logging_steps": 1})
    rates = fitted.logged("learning_rate")
    assert rates == pytest.approx([PEAK * factor(step) for step in range(STEPS)], abs=1e-9)
    assert [line["learning_rate"] for line in fitted.reports.metrics] == pytest.approx([rates[3], rates[7], rates[9]])


def test_a_warm_up_within_a_least_rate(shared: Path) -> None:
    training = {"lr_scheduler_type": "cosine_warmup_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-4}, "learning_rate": PEAK}
    rates = fit(shared, training={**training, "warmup_ratio": 0.2, "max_steps": STEPS, "logging_steps": 1}).logged("learning_rate")
    assert max(rates) == pytest.approx(PEAK)
    assert rates[0] < rates[1] < PEAK * 1.001
    assert rates[WARMUP:] == sorted(rates[WARMUP:], reverse=True)
    assert min(rates[WARMUP:]) >= 1e-4


def test_these_are_all_schedules_that_transformers_has() -> None:
    assert {*SCHEDULES, "cosine_warmup_with_min_lr", "reduce_lr_on_plateau", "greedy"} == set(installed().enums["SchedulerType"])


def test_warm_up_in_steps_goes_before_warm_up_in_shares(shared: Path) -> None:
    def rates(**training: Any) -> list[float]:
        plain = {"lr_scheduler_type": "linear", "learning_rate": PEAK, "max_steps": STEPS, "logging_steps": 1}
        return fit(shared, training={**plain, **training}).logged("learning_rate")

    assert rates(warmup_steps=5, warmup_ratio=0.2)[:6] == pytest.approx([PEAK * step / 5 for step in range(6)])
    assert rates(warmup_steps=0, warmup_ratio=0.2) == rates(warmup_ratio=0.2), "none given: the share counts"
    assert rates(warmup_ratio=0.0)[0] == pytest.approx(PEAK)
    assert rates(warmup_ratio=1.0)[-1] == pytest.approx(0.9 * PEAK), "it rises to the very end"


@pytest.mark.parametrize(("objective", "maximize"), [("loss", False), ("rouge_combined_f1", True)])
def test_a_schedule_that_watches_the_objective_knows_which_way_is_better(objective: str, maximize: bool, shared: Path) -> None:
    training = {"lr_scheduler_type": "reduce_lr_on_plateau", "num_train_epochs": 8, "learning_rate": 3e-3}
    kwargs = {"patience": 0, "factor": 0.5, "threshold": 0.0}
    fitted = fit(
        shared,
        training={**training, "lr_scheduler_kwargs": kwargs},
        job_={"objective_name": objective, "maximize": maximize},
    )
    rates = [line["learning_rate"] for line in fitted.reports.metrics]
    scores = [float(line[objective]) for line in fitted.reports.metrics]
    expected, best = [3e-3], scores[0]
    for score in scores[1:-1]:
        better = score > best if maximize else score < best
        best = score if better else best
        expected.append(expected[-1] if better else expected[-1] / 2)
    assert rates[1:] == pytest.approx(expected), scores
    if not maximize:
        assert scores == sorted(scores, reverse=True), "the loss falls all the time here,"
        assert set(rates) == {3e-3}, "so that the rate stays"


def test_greedy_raises_the_rate_while_things_get_better_and_has_no_floor_of_its_own(shared: Path) -> None:
    training = {"lr_scheduler_type": "greedy", "num_train_epochs": 4, "learning_rate": 1e-5, "lr_scheduler_kwargs": {"patience": 0}}
    better = fit(shared, training=training, job_={"objective_name": "loss", "maximize": False})
    rates = [line["learning_rate"] for line in better.reports.metrics]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(1e-5 / 0.95**2, rel=0.06)
    kwargs = {"patience": 0, "factor": 0.5, "threshold": 10.0}  # nothing is ever so much better
    training = {**training, "learning_rate": 1e-4, "lr_scheduler_kwargs": kwargs}
    worse = fit(shared, training=training, job_={"objective_name": "loss", "maximize": False})
    rates = [line["learning_rate"] for line in worse.reports.metrics]
    assert rates[-1] < rates[0] == 1e-4, "transformers' own least rate, 1e-3, would have raised it"
