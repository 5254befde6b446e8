"""What comes after training: the likeliest trials are evaluated in full, as Ray tasks, so that only full scores name the winner.

It must not decide which trials those are (the driver does), nor how a model is evaluated (`training.referee` does).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summtune.config.settings import Settings
from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.paths import cache_dir
from summtune.training.referee import Refereed, score_in_full
from summtune.tuning.driver import Driver
from summtune.tuning.failures import SURROUNDINGS
from summtune.tuning.tasks import in_parallel
from summtune.tuning.trainable import Allotment


def score_finalists(driver: Driver, allotment: Allotment, stop_asked: Callable[[], bool], say: Callable[[str], None]) -> bool:
    """Evaluate in full what has not been, until nothing more could be the best, or a person wants an end.

    Args:
        driver: says which trials, and takes their scores.
        allotment: what each evaluation has.
        stop_asked: whether a person wants an end.
        say: told that it begins.

    Returns:
        Whether nothing is left to do.

    Raises:
        SurroundingsFailure: disk or cluster gave way.
    """
    tried: set[str] = set()
    while trials := [trial for trial in driver.to_score() if trial.id not in tried]:
        if stop_asked():
            return False
        if not tried:
            say(f"Evaluating the likeliest in full: {', '.join(trial.id for trial in trials)}")
        objective, threads = driver.state.objective, max(1, int(allotment.cpus))
        work = {
            trial.id: (str(driver.run.trial(trial.id).best_model), driver.settings_of(trial).model_dump(mode="json"), objective, threads)
            for trial in trials
        }
        for trial_id, result in in_parallel(_score, work, allotment, stop_asked):
            tried.add(trial_id)
            _take(driver, trial_id, result)
    return True


def _take(driver: Driver, trial_id: str, result: Refereed | TrialFailure) -> None:
    if isinstance(result, Refereed):
        driver.scored(trial_id, result)
    elif result.cause == SURROUNDINGS:
        raise SurroundingsFailure(f"{result.message} Nothing recorded is lost; `summtune resume` goes on.")
    else:
        driver.note(trial_id, f"{trial_id} could not be evaluated in full ({result.cause}), and can't be the best: {result.message}")


def _score(folder: str, settings: dict[str, object], objective: str, threads: int) -> Refereed:
    """Executed on the cluster."""
    return score_in_full(Path(folder), Settings.model_validate(settings), objective, cache_dir(), threads)
