"""What Ray Tune sees of the search: its OptunaSearch, with the decisions replaced by the driver's.

Overridden, and why:
- `_setup_study`: the study is the run's own, rebuilt from the event log; OptunaSearch would make a fresh one.
- `suggest`: asks the driver, which records the point before it is trained, and says nothing while the cluster is full, or has no
  node at all and there is no end to be told of.
- `on_trial_result`: does nothing; the scheduler has already handed the result to the driver, also where it stops the trial.
- `on_trial_complete`: a trial that a rung stopped is told as PRUNED; OptunaSearch tells COMPLETE with a truncated value.
- `save`, `restore`: nothing to save; OptunaSearch pickles the study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from summtune.tuning import session
from summtune.tuning.driver import NoMore, NotYet

TRIAL_KEY = "trial"


class RememberingOptunaSearch(OptunaSearch):  # type: ignore[misc]  # Ray ships no types
    """OptunaSearch that asks and tells the run's own study through its driver."""

    def __init__(self) -> None:
        state = session.current().driver.state
        # OptunaSearch wants a space before it sets up a study; which one does not matter, since `suggest` is ours.
        super().__init__(space={TRIAL_KEY: None}, metric=state.objective, mode="max" if state.maximize else "min")

    def __reduce__(self) -> tuple[type[RememberingOptunaSearch], tuple[()]]:
        return RememberingOptunaSearch, ()

    def _setup_study(self, mode: str | list[str]) -> None:
        self._ot_study = session.current().driver.study

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        live = session.current()
        with live:
            live.look_up()  # here, too: Ray Tune asks in a loop of its own while nothing runs that it knows of
            if live.fault is not None or not (live.has_room() or live.may_end):
                return None
            # Ray Tune waits in a loop of its own while nothing else runs; a person who wants an end shall not wait for a pause to pass.
            trial = live.driver.next_trial(at_once=live.stop_asked())
            if isinstance(trial, NotYet):
                return None
            if isinstance(trial, NoMore):
                # Once it is told so Ray Tune never asks again; a trial that still runs may have to be tried again.
                return None if live.may_go_on else str(Searcher.FINISHED)
            live.bind(trial_id, trial.id)
            live.take(trial_id)
            return {TRIAL_KEY: trial.id, **trial.point}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler heard it first."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        live = session.current()
        if live.fault is not None:
            return  # Ray Tune calls again, with error=True, after a hook has raised: the trial is not to blame
        with live:
            if not live.in_hand(trial_id):
                return
            if error:
                live.failed(trial_id)
            else:
                live.over(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Ray Tune wants a file; the event log is what counts."""
        Path(checkpoint_path).write_text("the event log remembers\n", encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""
