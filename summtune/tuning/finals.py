"""What comes after training, as Ray tasks: the likeliest trials are evaluated in full, so that only full scores name the winner, and the
best of them are decoded with other settings.

It must not decide which trials those are (the driver does), nor how a model is evaluated or decoded (`training.referee`, `decode_race`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.events.trial_state import TrialState
from summtune.paths import cache_dir
from summtune.training.referee import Refereed, score_in_full
from summtune.tuning import afterwards
from summtune.tuning.allotment import Allotment
from summtune.tuning.causes import MENDABLE, OF_THE_NODE, PASSING, SURROUNDINGS
from summtune.tuning.decode_race import Race, Tried, race
from summtune.tuning.driver import Driver
from summtune.tuning.placement import Placement
from summtune.tuning.second_tries import SecondTries
from summtune.tuning.sight import check_gpu, wait_until_seen
from summtune.tuning.tasks import in_parallel, streamed


@dataclass(frozen=True)
class Finals:
    """What is left to do once no trial is.

    Attributes:
        driver: says which trials, and takes what comes of them.
        placement: of trials; a task has a worker's share.
        at_once: how many tasks may be under way, now.
        stop_asked: whether a person wants an end at once.
        say: told what begins.
        undone: what was wanted, and could not be done for causes that can pass by themselves, or that a person can mend: a sentence each.
    """

    driver: Driver
    placement: Placement
    at_once: Callable[[], int]
    stop_asked: Callable[[], bool]
    say: Callable[[str], None]
    undone: list[str] = field(default_factory=list)

    def work_off(self) -> bool:
        """Evaluate what could be the best in full, then decode the best with other settings.

        Returns:
            Whether nothing is left to do; a person may have wanted an end before, or something is `undone`.

        Raises:
            SurroundingsFailure: disk or cluster gave way.
        """
        return self._score() and self._decode() and not self.undone

    def _score(self) -> bool:
        driver, over, tries = self.driver, set[str](), SecondTries()
        said = False
        while trials := [trial for trial in afterwards.to_score(driver) if trial.id not in over]:
            if self.stop_asked():
                return False
            if not said:
                self.say(f"Evaluating the likeliest in full: {', '.join(trial.id for trial in trials)}")
            said = True
            work = {trial.id: (driver.run.folder, driver.run.trial(trial.id).best_model, *self._how(trial)) for trial in trials}
            name = f"{driver.run.folder.name}.score"
            for trial_id, result in in_parallel(name, _score, work, self._share, self.at_once, self.stop_asked):
                if isinstance(result, Refereed):
                    over.add(trial_id)
                    afterwards.scored(driver, trial_id, result)
                elif not self._is_tried_again(tries, trial_id, result):
                    over.add(trial_id)
                    if self._is_for_good(trial_id, result, "evaluated in full"):
                        afterwards.not_scored(driver, trial_id, result)
            tries.pause(self.stop_asked)
        return True

    def _how(self, trial: TrialState) -> tuple[dict[str, Any], str, int]:
        """Settings, objective and threads of a full evaluation."""
        return self.driver.settings_of(trial).model_dump(mode="json"), self.driver.state.objective, self._threads

    def _decode(self) -> bool:
        driver, over, tries = self.driver, set[str](), SecondTries()
        said = False
        while races := {trial_id: race for trial_id, race in afterwards.races(driver).items() if trial_id not in over}:
            if self._end_decoding():
                return False
            if not said:
                self.say(f"Decoding the best checkpoints with other settings: {', '.join(races)}")
            said = True
            work = {trial_id: (driver.run.folder, replace(asked, threads=self._threads)) for trial_id, asked in races.items()}
            name = f"{driver.run.folder.name}.decode"
            for trial_id, result in streamed(name, _race, work, self._share, self.at_once, self._end_decoding):
                if result is None:
                    over.add(trial_id)
                elif isinstance(result, Tried):
                    tries.got_on(trial_id)
                    afterwards.decoded(driver, trial_id, result)
                elif not self._is_tried_again(tries, trial_id, result):
                    over.add(trial_id)
                    if self._is_for_good(trial_id, result, "decoded with other settings"):
                        so = f"keeps its best so far ({result.cause}): {result.message}"
                        driver.note(trial_id, f"{trial_id} could not be decoded with other settings, and {so}")
            tries.pause(self._end_decoding)
        return True

    def _end_decoding(self) -> bool:
        """Decoding ends with any wish to stop; full evaluations only with one to stop now, since without them there is no best."""
        return self.stop_asked() or bool(self.driver.state.stop)

    @property
    def _threads(self) -> int:
        return self.placement.allotment.threads

    def _share(self) -> Allotment:
        return self.placement.of_a_worker

    def _is_tried_again(self, tries: SecondTries, trial_id: str, failure: TrialFailure) -> bool:
        """Whether what failed so is begun again, on another node where its own is to blame."""
        if failure.cause in OF_THE_NODE:
            self.placement.shun(failure, partial(self.driver.note, trial_id), self.at_once)
        return tries.allowed(trial_id, failure)

    def _is_for_good(self, trial_id: str, failure: TrialFailure, what: str) -> bool:
        """Whether what failed so would fail again; else it is left `undone`.

        Raises:
            SurroundingsFailure: disk or cluster gave way.
        """
        if failure.cause == SURROUNDINGS:
            raise SurroundingsFailure(f"{failure.message} Nothing recorded is lost; `summtune resume` goes on.")
        if failure.cause in PASSING or failure.cause in MENDABLE:
            self.undone.append(f"{trial_id} could not be {what} so far ({failure.cause}): {failure.message.rstrip('.')}.")
            return False
        return True


def _score(run_folder: Path, folder: Path, settings: dict[str, Any], objective: str, threads: int) -> Refereed:
    """Executed on the cluster."""
    wait_until_seen(folder, run_folder)
    checked = Settings.model_validate(settings)
    check_gpu(checked)
    return score_in_full(folder, checked, objective, cache_dir(), threads)


def _race(run_folder: Path, asked: Race) -> Iterator[Tried]:
    """Executed on the cluster."""
    wait_until_seen(Path(asked.folder), run_folder)
    check_gpu(Settings.model_validate(asked.settings))
    yield from race(asked)
