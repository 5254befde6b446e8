"""A training that was interrupted anywhere, and resumed, equals the one that never was: metrics, weights, predictions, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from summtune.config.complete import load_settings
from summtune.config.objective import Objective
from summtune.config.settings import Settings
from summtune.errors import Interrupted
from summtune.paths import AttemptPaths
from summtune.training.checkpoints import sealed_checkpoints, verify
from summtune.training.single import prepare
from summtune.training.train import train
from tests.small_training import Reports, job, small_settings

CAUSAL = {
    "architecture": "kogpt2",
    "config_overrides": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resuming")


def settings_of(family: str, shared: Path, **training: Any) -> Settings:
    return small_settings(shared, training=training, **({"model": CAUSAL} if family == "causal" else {}))  # type: ignore[arg-type]


def after_steps(count: int) -> Callable[[], bool]:
    """Asks for an end after so many steps."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= count

    return stop


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(checkpoint / "model.safetensors")


def assert_equal(whole: AttemptPaths, resumed: AttemptPaths) -> None:
    """Histories, last weights, optimisers, and the predictions of every evaluation that both have."""
    assert lasting(resumed) == lasting(whole)
    one, two = sealed_checkpoints(whole.checkpoints)[-1], sealed_checkpoints(resumed.checkpoints)[-1]
    assert one.name == two.name
    theirs, mine = weights(one), weights(two)
    assert theirs.keys() == mine.keys()
    assert all(torch.equal(theirs[name], mine[name]) for name in theirs)
    states = [torch.load(folder / "optimizer.pt", weights_only=True)["state"] for folder in (one, two)]
    assert all(torch.equal(value, states[1][number][name]) for number, state in states[0].items() for name, value in state.items())
    records = [json.loads((folder / "summtune.json").read_text(encoding="utf-8")) for folder in (one, two)]
    assert records[0]["predictions"] == records[1]["predictions"]
    assert records[0]["standing"] == records[1]["standing"]


def written(settings: Settings, file: Path) -> Path:
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    return file


def lasting(attempt: AttemptPaths) -> list[dict[str, Any]]:
    """The history, without what measures time."""
    lines = [json.loads(line) for line in attempt.history.read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if not key.endswith(("_s", "tokens_per_second"))} for line in lines]


def resumed_after(shared: Path, name: str, settings: Settings, steps: int) -> tuple[AttemptPaths, AttemptPaths]:
    """The same training in one go, and stopped after so many steps and resumed."""
    whole = job(shared, settings, f"{name}-whole")
    if not whole.attempt.results.exists():
        train(whole, Reports())
    first = job(shared, settings, f"{name}-first-{steps}")
    with pytest.raises(Interrupted, match=f"stopped after step {steps}, of which there is a checkpoint"):
        train(first, Reports(), stop_asked=after_steps(steps))
    last = sealed_checkpoints(first.attempt.checkpoints)[-1]
    assert last.name == f"checkpoint-{steps}"
    rest = job(shared, settings, f"{name}-rest-{steps}", resume_from=last)
    train(rest, Reports())
    return whole.attempt, rest.attempt


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3},  # 8 batches: steps of 3, 3 and 2
    "workers": {"dataloader_num_workers": 1},
    "random": {"train_sampling_strategy": "random"},
    "by the steps": {"max_steps": 10, "lr_scheduler_type": "linear"},
}


@pytest.mark.parametrize("family", ["seq2seq", "causal"])
@pytest.mark.parametrize("shape", SHAPES)
def test_within_an_epoch(shared: Path, family: str, shape: str) -> None:
    settings = settings_of(family, shared, num_train_epochs=3, **SHAPES[shape])
    assert_equal(*resumed_after(shared, f"{family}-{shape}", settings, 5))


@pytest.mark.parametrize("family", ["seq2seq", "causal"])
def test_four_epochs_interrupted_after_two(shared: Path, family: str) -> None:
    assert_equal(*resumed_after(shared, f"{family}-four", settings_of(family, shared, num_train_epochs=4), 8))


RATES: dict[str, dict[str, Any]] = {
    "rate": {"learning_rate": 1e-4},
    "decay": {"weight_decay": 0.5, "adam_beta1": 0.5},
    "epochs": {"num_train_epochs": 4},
}


@pytest.mark.parametrize("changed", RATES)
def test_what_an_optimiser_is_told_anew_it_does(shared: Path, changed: str) -> None:
    """Rates of the schedule as those of a training that had been told so from the beginning, and the optimiser's own."""
    plain = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "warmup_ratio": 0.0}  # a step an epoch, so that each rate is seen
    before, after = small_settings(shared, training=plain), small_settings(shared, training={**plain, **RATES[changed]})
    stopped = Reports(stop_after=1)
    with pytest.raises(SystemExit):
        train(job(shared, before, f"told-{changed}-first"), stopped)
    resumed, uninterrupted = Reports(), Reports()
    train(job(shared, after, f"told-{changed}-rest", resume_from=stopped.checkpoints[0]), resumed)
    train(job(shared, after, f"told-{changed}-whole"), uninterrupted)
    assert [line["learning_rate"] for line in resumed.metrics] == [line["learning_rate"] for line in uninterrupted.metrics[1:]]
    groups = [torch.load(one.checkpoints[-1] / "optimizer.pt", weights_only=True)["param_groups"] for one in (resumed, uninterrupted)]
    assert groups[0] == groups[1]


def test_a_trial_that_goes_on_by_itself_is_judged_as_in_its_run(shared: Path) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 2})
    stopped = Reports(stop_after=1)
    with pytest.raises(SystemExit):
        train(job(shared, settings, "of a run", objective_name="loss", maximize=False), stopped)
    complete = load_settings(str(written(settings, shared / "trial.yaml")), environ={})
    prepared = prepare(complete.resolved, stopped.checkpoints[0])
    assert prepared.objective == Objective("loss", "minimize")


def test_checkpoints_between_evaluations(shared: Path) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 2, "save_steps": 3, "save_total_limit": 9})
    asked, plain = job(shared, settings, "every third"), job(shared, small_settings(shared), "none between")
    reports = Reports()
    train(asked, reports)
    train(plain, Reports())
    names = [folder.name for folder in sealed_checkpoints(asked.attempt.checkpoints)]
    assert names == [f"checkpoint-{step}" for step in (3, 4, 6, 8)]
    assert [path.name for path in reports.checkpoints] == ["checkpoint-4", "checkpoint-8"], "nobody is told of those between"
    assert lasting(asked.attempt) == lasting(plain.attempt), "writing them changes nothing"
    for step in (3, 6):
        rest = job(shared, settings, f"from {step}", resume_from=asked.attempt.checkpoints / f"checkpoint-{step}")
        train(rest, Reports())
        assert_equal(asked.attempt, rest.attempt)


def test_what_was_over_stays_over(shared: Path) -> None:
    settings = small_settings(shared, training={"max_steps": 6, "num_train_epochs": 3})
    first = job(shared, settings, "over")
    train(first, Reports())
    last = sealed_checkpoints(first.attempt.checkpoints)[-1]
    again, reports = job(shared, settings, "over again", resume_from=last), Reports()
    train(again, reports)
    assert reports.metrics == []
    assert lasting(again.attempt) == lasting(first.attempt)
    assert verify(last) == []


def test_the_checkpoint_that_was_reported_outlives_those_between(shared: Path) -> None:
    """Whoever was told of it resumes from it, and knows of no later one."""
    settings = small_settings(shared, training={"num_train_epochs": 2, "save_steps": 1, "save_total_limit": 1})
    asked = job(shared, settings, "reported")
    seen: list[bool] = []
    reports = Reports()

    def look() -> bool:
        if reports.checkpoints:
            seen.append(reports.checkpoints[-1].is_dir())
        return False

    train(asked, reports, stop_asked=look)
    assert len(seen) == 4
    assert all(seen)
    assert len(sealed_checkpoints(asked.attempt.checkpoints)) == 1
