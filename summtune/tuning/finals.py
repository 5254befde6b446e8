"""What comes after training, as Ray tasks: the likeliest trials are evaluated in full, so that only full scores name the winner, and the
best of them are decoded with other settings.

It must not decide which trials those are (the driver does), nor how a model is evaluated or decoded (`training.referee`, `decode_race`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from summtune.config.settings import Settings
from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.paths import cache_dir
from summtune.training.referee import Refereed, score_in_full
from summtune.tuning.decode_race import Tried, race
from summtune.tuning.driver import Driver
from summtune.tuning.failures import SURROUNDINGS
from summtune.tuning.tasks import LOST, RETRIES, in_parallel, streamed
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


def decode_finalists(driver: Driver, allotment: Allotment, stop_asked: Callable[[], bool], say: Callable[[str], None]) -> bool:
    """Search on the best checkpoints how they decode best, until every race is over, or a person wants an end.

    Args:
        driver: says which, and takes what comes of each setting.
        allotment: what each race has.
        stop_asked: whether a person wants an end.
        say: told that it begins.

    Returns:
        Whether nothing is left to do.

    Raises:
        SurroundingsFailure: disk or cluster gave way.
    """
    over: set[str] = set()
    lost: Counter[str] = Counter()
    while races := {trial_id: race for trial_id, race in driver.races().items() if trial_id not in over}:
        if stop_asked():
            return False
        if not over and not lost:
            say(f"Decoding the best checkpoints with other settings: {', '.join(races)}")
        threads = max(1, int(allotment.cpus))
        work = {trial_id: (replace(asked, threads=threads),) for trial_id, asked in races.items()}
        for trial_id, result in streamed(race, work, allotment, stop_asked):
            if result is None:
                over.add(trial_id)
            elif isinstance(result, Tried):
                driver.decoded(trial_id, result)
            elif result.cause == LOST and lost[trial_id] < RETRIES:
                lost[trial_id] += 1
            else:
                over.add(trial_id)
                _failed(driver, trial_id, result, "decoded with other settings, and keeps its best so far")
    return True


def _failed(driver: Driver, trial_id: str, failure: TrialFailure, what: str) -> None:
    if failure.cause == SURROUNDINGS:
        raise SurroundingsFailure(f"{failure.message} Nothing recorded is lost; `summtune resume` goes on.")
    driver.note(trial_id, f"{trial_id} could not be {what} ({failure.cause}): {failure.message}")


def _take(driver: Driver, trial_id: str, result: Refereed | TrialFailure) -> None:
    if isinstance(result, Refereed):
        driver.scored(trial_id, result)
    else:
        _failed(driver, trial_id, result, "evaluated in full, and can't be the best")


def _score(folder: str, settings: dict[str, object], objective: str, threads: int) -> Refereed:
    """Executed on the cluster."""
    return score_in_full(Path(folder), Settings.model_validate(settings), objective, cache_dir(), threads)
