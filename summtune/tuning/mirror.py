"""The mirror in Weights & Biases: Ray's WandbLoggerCallback, kept from ever holding up a run or failing it.

Overridden, and why:
- `log_trial_start`: each attempt gets a W&B run of its own, grouped under the search; after a restore Ray would open the same run again
  and overwrite it.
- every hook: a fault of the mirror is said once, and the run goes on unmirrored.
- `__reduce__`: a restored run makes its mirror anew, for the folder and the environment that it finds itself in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.air.integrations.wandb import WandbLoggerCallback
from ray.tune import Callback
from ray.tune.experiment import Trial

from summtune.config.experiment import Experiment
from summtune.config.logins import wandb_key
from summtune.paths import RunPaths
from summtune.tuning import session
from summtune.tuning.searcher import TRIAL_KEY
from summtune.tuning.wandb_page import DEFAULT_PROJECT

UPLOAD_TIMEOUT_S = 10
"""How long the end of a run waits for what is still being uploaded."""


@dataclass(frozen=True)
class Mirror:
    """What mirrors a run: Tune callbacks, what is to be said about it, and what all W&B runs share (None where there are none)."""

    callbacks: list[Callback]
    notices: tuple[str, ...]
    init: dict[str, Any] | None = None


def wandb_mirror(experiment: Experiment, run: RunPaths) -> Mirror:
    """The mirror that the settings, the environment and the machine's W&B login make for."""
    wanted = experiment.base.settings.wandb
    mode = wanted.mode or os.environ.get("WANDB_MODE") or ("online" if has_key() else None)
    if mode is None:
        return _no_mirror("W&B: not mirrored, since there is no API key (`wandb login`, WANDB_API_KEY, or `wandb.mode: offline`).")
    if mode == "disabled":
        return _no_mirror("W&B: not mirrored (disabled).")
    if mode == "online" and not has_key():
        return _no_mirror("W&B: not mirrored: mode is online, and there is no API key (`wandb login`, or `wandb.mode: offline`).")
    # Ray's callback asks for a key unless the environment itself says that none is needed.
    os.environ["WANDB_MODE"] = mode
    os.environ.setdefault("WANDB_SILENT", "true")
    run.wandb.mkdir(exist_ok=True)
    project = wanted.project or DEFAULT_PROJECT
    init = {
        "project": project,
        "group": wanted.group or run.folder.name,
        "mode": mode,
        "entity": wanted.entity,
        "tags": list(wanted.tags) or None,
        "notes": wanted.notes or None,
        "dir": str(run.wandb),
    }
    callback = QuietWandbLoggerCallback(
        **init,
        upload_timeout=UPLOAD_TIMEOUT_S,
        job_type=wanted.job_type,
        excludes=["reported", "checkpoint_folder", "notices"],
    )
    where = f"in {run.wandb} (`wandb sync` uploads it)" if mode == "offline" else f"to project {project}"
    return Mirror([callback], (f"W&B: mirrored {mode}, {where}.",), {**init, "name": wanted.name})


def _no_mirror(notice: str) -> Mirror:
    return Mirror([NoMirror()], (notice,))


def has_key() -> bool:
    """Whether W&B could log in from here without asking."""
    return wandb_key(os.environ) is not None


class NoMirror(Callback):  # type: ignore[misc]  # Ray ships no types
    """Keeps the place of a mirror, for a run that is resumed where there is one."""

    def __reduce__(self) -> tuple[Callable[[], Callback], tuple[()]]:
        return _for_session, ()


class QuietWandbLoggerCallback(WandbLoggerCallback):  # type: ignore[misc]  # Ray ships no types
    """WandbLoggerCallback that a run never waits on and never fails with."""

    def __init__(self, **kwargs: Any) -> None:
        self._broken = False
        super().__init__(**kwargs)

    def __reduce__(self) -> tuple[Callable[[], Callback], tuple[()]]:
        return _for_session, ()

    def setup(self, *args: Any, **kwargs: Any) -> None:
        self._try(super().setup, *args, **kwargs)

    def log_trial_start(self, trial: Trial) -> None:
        live = session.current().driver
        trial_id = trial.config[TRIAL_KEY]
        name = f"{trial_id}-{live.state.trials[trial_id].attempts}"
        assert live.state.opened is not None
        wanted = live.experiment.base.settings.wandb.name
        self.kwargs.update(id=f"{live.state.opened.run_id}-{name}", name=f"{wanted}-{name}" if wanted else name)
        self._try(super().log_trial_start, trial)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        self._try(self._check_process, trial)
        self._try(super().log_trial_result, iteration, trial, result)

    def _check_process(self, trial: Trial) -> None:
        """Ray's callback does not notice when a trial's logging process has ended; it would fill its queue for nobody."""
        future = self._trial_logging_futures.get(trial)
        if future is not None and ray.wait([future], timeout=0)[0]:
            ray.get(future)  # raises what ended it
            raise RuntimeError("the logging process ended by itself")

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        if trial in self._trial_queues:
            self._try(super().log_trial_end, trial, failed)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        self._try(self._give_up_uploads)

    def _give_up_uploads(self) -> None:
        """Ray's callback would wait for half an hour where W&B can't be reached, and not say what it left behind."""
        futures = list(self._trial_logging_futures.values())
        left = ray.wait(futures, num_returns=len(futures), timeout=UPLOAD_TIMEOUT_S)[1] if futures else []
        if left:
            session.current().note(f"W&B: {len(left)} trials were not uploaded whole within {UPLOAD_TIMEOUT_S} s, and are left so.")
        self._cleanup_logging_actors(timeout=0, kill_on_timeout=True)

    def _try(self, hook: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if self._broken:
            return
        try:
            hook(*args, **kwargs)
        except Exception as error:  # the mirror's own boundary: wandb and Ray raise all kinds, and none may reach the run
            self._broken = True
            logging.getLogger("ray.tune").warning("the mirror in W&B broke", exc_info=error)
            session.current().note(
                f"W&B: the mirror broke and is off from here on ({type(error).__name__}; see logs/ray.log). The run goes on."
            )


def _for_session() -> Callback:
    """The open session's mirror."""
    driver = session.current().driver
    return wandb_mirror(driver.experiment, driver.run).callbacks[0]
