"""Early stopping, on the objective or on the loss; evaluations some epochs apart; the time limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from summtune.errors import TrialFailure
from tests.small_models import Fitted, fit
from tests.small_training import Reports, job, small_settings

BY_LOSS: dict[str, Any] = {"objective_name": "loss", "maximize": False}
# The loss falls by less and less: the rate is halved and halved again.
SLOWING: dict[str, Any] = {
    **{"num_train_epochs": 8, "learning_rate": 3e-3, "warmup_ratio": 0.0},
    **{"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 3.0}},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patience")


@pytest.fixture(scope="module")
def whole(shared: Path) -> Fitted:
    return fit(shared, training=SLOWING, job_=BY_LOSS)


def expected_end(scores: list[float], patience: int, threshold: float, *, maximize: bool) -> int:
    """The evaluation after which patience is over, worked out from the scores of a training that had none."""
    mark, waited = scores[0], 0
    for number, score in enumerate(scores[1:], start=2):
        gain = score - mark if maximize else mark - score
        if gain > threshold:
            mark, waited = score, 0
        else:
            waited += 1
        if waited == patience:
            return number
    return len(scores)


@pytest.mark.parametrize("patience", [1, 2])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_it_ends_when_the_loss_has_not_fallen_by_the_threshold(patience: int, share: float, whole: Fitted, shared: Path) -> None:
    threshold = share * (whole.losses[0] - whole.losses[-1])
    end = expected_end(whole.losses, patience, threshold, maximize=False)
    assert end < 8
    patient = {"early_stopping_patience": patience, "early_stopping_threshold": threshold}
    fitted = fit(shared, training={**SLOWING, **patient}, job_=BY_LOSS)
    assert fitted.losses == whole.losses[:end]


def test_without_patience_it_never_ends_early(whole: Fitted, shared: Path) -> None:
    assert len(whole.losses) == 8
    assert fit(shared, training={**SLOWING, "early_stopping_threshold": 9.0}, job_=BY_LOSS).losses == whole.losses


def test_patience_watches_the_objective(whole: Fitted, shared: Path) -> None:
    scores = [float(line["rouge1_f1"]) for line in whole.reports.metrics]
    end = expected_end(scores, 2, 0.3, maximize=True)
    patient = {"early_stopping_patience": 2, "early_stopping_threshold": 0.3}
    fitted = fit(shared, training={**SLOWING, **patient}, job_={"objective_name": "rouge1_f1", "maximize": True})
    assert len(fitted.losses) == end


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_patience_is_not_reset_by_a_resume(stop_after: int, whole: Fitted, shared: Path) -> None:
    threshold = 0.5 * (whole.losses[0] - whole.losses[-1])
    patient = {**SLOWING, "early_stopping_patience": 2, "early_stopping_threshold": threshold}
    end = expected_end(whole.losses, 2, threshold, maximize=False)
    first = fit(shared, training=patient, job_=BY_LOSS, stop_after=stop_after)
    rest = fit(shared, training=patient, job_={**BY_LOSS, "resume_from": first.reports.checkpoints[-1]})
    assert first.losses + rest.losses == whole.losses[:end]


@pytest.mark.parametrize(("every", "epochs", "expected"), [(2, 5, [2.0, 4.0, 5.0]), (3, 2, [2.0]), (1, 2, [1.0, 2.0])])
def test_evaluations_some_epochs_apart(every: int, epochs: int, expected: list[float], shared: Path) -> None:
    fitted = fit(shared, training={"num_train_epochs": epochs}, evaluation={"every": every})
    assert [line["epoch"] for line in fitted.reports.metrics] == expected
    assert [line["iteration"] for line in fitted.reports.metrics] == list(range(1, len(expected) + 1))


def test_evaluating_less_often_changes_nothing_else(shared: Path) -> None:
    often, seldom = (fit(shared, training={"num_train_epochs": 4}, evaluation={"every": every}) for every in (1, 2))
    assert seldom.losses == often.losses[1::2]
    first = fit(shared, training={"num_train_epochs": 4}, evaluation={"every": 2}, stop_after=1)
    rest = fit(shared, training={"num_train_epochs": 4}, evaluation={"every": 2}, job_={"resume_from": first.reports.checkpoints[-1]})
    assert first.losses + rest.losses == seldom.losses
    assert [line["iteration"] for line in rest.reports.metrics] == [2]


def test_a_time_limit_fails_the_trial_and_keeps_what_it_had(shared: Path) -> None:
    from summtune.training.train import train

    settings = small_settings(shared, training={"timeout_s": 2, "num_train_epochs": 10_000})
    asked, reports = job(shared, settings, "timeout"), Reports()
    with pytest.raises(TrialFailure, match=r"it took longer than training.timeout_s, 2 s.") as caught:
        train(asked, reports)
    assert caught.value.cause == "timeout"
    assert reports.metrics, "what it reported before stands"
    assert reports.checkpoints[-1].is_dir()
    fit(shared, training={"timeout_s": 600, "num_train_epochs": 1})
