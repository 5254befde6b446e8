"""What comes after training, as Ray tasks: the likeliest trials are evaluated in full, so that only full scores name the winner, and the
best of them are decoded with other settings.

It must not decide which trials those are (the driver does), nor how a model is evaluated or decoded (`training.referee`, `decode_race`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.events.trial_state import TrialState
from summtune.paths import cache_dir
from summtune.training.referee import Refereed, score_in_full
from summtune.tuning import afterwards
from summtune.tuning.decode_race import Tried, race
from summtune.tuning.driver import Driver
from summtune.tuning.failures import SURROUNDINGS, WORKER_LOST
from summtune.tuning.placement import Placement
from summtune.tuning.tasks import RETRIES, in_parallel, streamed


@dataclass(frozen=True)
class Finals:
    """What is left to do once no trial is.

    Attributes:
        driver: says which trials, and takes what comes of them.
        placement: of trials; a task has a worker's share.
        at_once: how many tasks may be under way, now.
        stop_asked: whether a person wants an end at once.
        say: told what begins.
    """

    driver: Driver
    placement: Placement
    at_once: Callable[[], int]
    stop_asked: Callable[[], bool]
    say: Callable[[str], None]

    def work_off(self) -> bool:
        """Evaluate what could be the best in full, then decode the best with other settings.

        Returns:
            Whether nothing is left to do; a person may have wanted an end before.

        Raises:
            SurroundingsFailure: disk or cluster gave way.
        """
        return self._score() and self._decode()

    def _score(self) -> bool:
        driver, tried = self.driver, set[str]()
        while trials := [trial for trial in afterwards.to_score(driver) if trial.id not in tried]:
            if self.stop_asked():
                return False
            if not tried:
                self.say(f"Evaluating the likeliest in full: {', '.join(trial.id for trial in trials)}")
            work = {trial.id: (driver.run.trial(trial.id).best_model, *self._how(trial)) for trial in trials}
            name, share = f"{driver.run.folder.name}.score", self.placement.of_a_worker
            for trial_id, result in in_parallel(name, _score, work, share, self.at_once, self.stop_asked):
                tried.add(trial_id)
                if isinstance(result, Refereed):
                    afterwards.scored(driver, trial_id, result)
                else:
                    self._failed(trial_id, result, "evaluated in full, and can't be the best")
        return True

    def _how(self, trial: TrialState) -> tuple[dict[str, Any], str, int]:
        """Settings, objective and threads of a full evaluation."""
        return self.driver.settings_of(trial).model_dump(mode="json"), self.driver.state.objective, self._threads

    def _decode(self) -> bool:
        driver, over, lost = self.driver, set[str](), Counter[str]()
        while races := {trial_id: race for trial_id, race in afterwards.races(driver).items() if trial_id not in over}:
            if self._end_decoding():
                return False
            if not over and not lost:
                self.say(f"Decoding the best checkpoints with other settings: {', '.join(races)}")
            work = {trial_id: (replace(asked, threads=self._threads),) for trial_id, asked in races.items()}
            name, share = f"{driver.run.folder.name}.decode", self.placement.of_a_worker
            for trial_id, result in streamed(name, race, work, share, self.at_once, self._end_decoding):
                if result is None:
                    over.add(trial_id)
                elif isinstance(result, Tried):
                    afterwards.decoded(driver, trial_id, result)
                elif result.cause == WORKER_LOST and lost[trial_id] < RETRIES:
                    lost[trial_id] += 1
                else:
                    over.add(trial_id)
                    self._failed(trial_id, result, "decoded with other settings, and keeps its best so far")
        return True

    def _end_decoding(self) -> bool:
        """Decoding ends with any wish to stop; full evaluations only with one to stop now, since without them there is no best."""
        return self.stop_asked() or bool(self.driver.state.stop)

    @property
    def _threads(self) -> int:
        return self.placement.allotment.threads

    def _failed(self, trial_id: str, failure: TrialFailure, what: str) -> None:
        if failure.cause == SURROUNDINGS:
            raise SurroundingsFailure(f"{failure.message} Nothing recorded is lost; `summtune resume` goes on.")
        self.driver.note(trial_id, f"{trial_id} could not be {what} ({failure.cause}): {failure.message}")


def _score(folder: Path, settings: dict[str, Any], objective: str, threads: int) -> Refereed:
    """Executed on the cluster."""
    return score_in_full(folder, Settings.model_validate(settings), objective, cache_dir(), threads)
