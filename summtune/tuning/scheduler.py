"""What Ray Tune sees of the rungs: its ASHAScheduler, with the verdicts replaced by the driver's.

Overridden, and why:
- `on_trial_add`: also hears of trials that `Tuner.restore` brings back; those that the event log says are over, or pause, are not run
  again, and of two that are the same trial of ours (it was tried again, and Tune's snapshot doesn't know that the first had failed) one is.
  Here a trial is also kept from nodes that are shunned.
- `on_trial_result`: the driver records the report, then judges. ASHAScheduler keeps its rungs in memory, and a restore forgets them.
- `on_trial_complete`, `on_trial_remove`: nothing to forget; the searcher tells the driver that a trial is over.
- Where a trial ends (`on_trial_result`, `on_trial_complete`) Ray Tune keeps its actor for the next one, also on a node that is drained,
  which Ray itself would give nothing any more; so it is told whether to (`_reuse_actors`, which it reads right after).
- `on_trial_error`: keeps the error for the searcher.
- `choose_trial_to_run`: none in particular. FIFOScheduler names the first that waits for an actor, at each turn of the loop; Ray Tune then
  gives that one the actor of a trial that has ended, and ends the one that is being started for it. Where trials end more often than an
  actor takes to start, none would ever come up on the rest of the cluster. By itself Ray Tune gives it to the next trial that is drawn.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from summtune.events.kinds import Reported
from summtune.tuning import session
from summtune.tuning.assignment import ATTEMPT_KEY, CHECKPOINT_KEY, NOTICES_KEY, WORKERS_KEY
from summtune.tuning.searcher import TRIAL_KEY


class RememberingASHAScheduler(ASHAScheduler):  # type: ignore[misc]  # Ray ships no types
    """ASHAScheduler whose rungs are the event log's."""

    def __init__(self) -> None:
        state = session.current().driver.state
        super().__init__(time_attr="iteration", metric=state.objective, mode="max" if state.maximize else "min")

    def __reduce__(self) -> tuple[type[RememberingASHAScheduler], tuple[()]]:
        return RememberingASHAScheduler, ()

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        live = session.current()
        with live:
            trial_id = trial.config[TRIAL_KEY]
            live.bind(trial.trial_id, trial_id)
            known = live.driver.state.trials[trial_id]
            if known.over or known.paused:  # one that goes on after a pause is handed out anew
                trial.set_status(Trial.TERMINATED)
            elif not trial.is_finished():  # one in state ERROR is of an attempt that failed: the driver hands its trial out again
                if not live.take(trial.trial_id):
                    trial.set_status(Trial.TERMINATED)
                    return
                live.driver.brought_back(trial_id)
                live.watchdog.heed(trial)
                if live.placement is not None and live.placement.shunned:
                    trial.update_resources(live.placement.factory())

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        live = session.current()
        if live.fault is not None:
            return str(TrialScheduler.CONTINUE)
        with live:
            metrics = {
                name: value
                for name, value in result.items()
                if name in result["reported"] and isinstance(value, (int, float)) and math.isfinite(value)
            }
            report = Reported(
                trial=trial.config[TRIAL_KEY],
                attempt=result[ATTEMPT_KEY],
                iteration=int(result["iteration"]),
                metrics=metrics,
                checkpoint=result[CHECKPOINT_KEY],
                node=result["node_ip"],
                pid=result["pid"],
                workers=list(result.get(WORKERS_KEY, ())),
            )
            for text in result[NOTICES_KEY]:
                live.driver.note(report.trial, text)
            live.watchdog.heard(trial.trial_id, live)
            goes_on = live.driver.report(report)
            tune_controller._reuse_actors = live.may_reuse_actor(report.node)
            return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """See the head of this file."""
        live = session.current()
        with live:
            tune_controller._reuse_actors = live.may_reuse_actor(result.get("node_ip", ""))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """See the head of this file."""
        return None

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Keep what Ray hands on; the searcher, which is asked next, is only told that there was an error.

        `Trial.get_pickled_error` looks where Ray Tune's files are copied to later.
        """
        file = trial.pickled_error_file
        try:
            session.current().errors[trial.trial_id] = cloudpickle.loads(Path(file).read_bytes()) if file else None
        except Exception:  # there is none, or an exception that can't be made again from its pickle
            session.current().errors[trial.trial_id] = None

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Nothing: see the head of this file."""

    def debug_string(self) -> str:
        return "summtune: rungs of the event log"
