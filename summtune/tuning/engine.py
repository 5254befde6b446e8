"""Puts a session under Ray Tune: starts Ray, makes or restores the Tuner, runs it to its end or to an interruption."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from ray import tune
from ray._private import ray_constants
from ray.exceptions import RayError
from ray.job_config import JobConfig
from ray.tune import TuneError

import summtune
from summtune.config.labels import selects
from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.paths import RunPaths
from summtune.tuning import autoscaling, session
from summtune.tuning.allotment import Allotment
from summtune.tuning.head_watch import HeadWatch
from summtune.tuning.observer import Observer
from summtune.tuning.placement import Placement
from summtune.tuning.scheduler import RememberingASHAScheduler
from summtune.tuning.searcher import RememberingOptunaSearch
from summtune.tuning.snapshot import Slimming
from summtune.tuning.trainable import Work, train_trial, training

ENVIRONMENT = {
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # one report without a metric would abort the whole run; the driver judges reports itself
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # CSV, JSON and TensorBoard copies of what the event log holds
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the first Ctrl-C is ours: see `interruptible`
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",  # Ray Tune would start one actor at a time; the driver bounds what is drawn
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # Ray Tune would try such a trial again by itself, without a limit and without telling
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how late it is noticed that a group of workers has ended; 2 s otherwise
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process for each group of workers, that says earlier what is answered in the same way
    "TUNE_FORCE_TRIAL_CLEANUP_S": "30",  # an ended trial's actor that does not react would keep its slot for ten minutes
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # actors without GPUs see none, which is Ray's coming default
    "TOKENIZERS_PARALLELISM": "false",  # tokenizers warns after a fork otherwise
}


SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""The variable that Ray gives a submitted job's command, with the job's metadata."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Attributes:
        head: looks after its head.
        dashboard: its address, or empty.
        job: this process's job there, as the dashboard's pages are called.
        started_here: whether this process started it, rather than joined it.
        grows: whether it has an autoscaler, which brings nodes as they are asked for.
        passed_over: the address of another that `ray start` began on this machine, which nobody said to use; or empty.
        shunned: ids of the nodes that are not to be given trials.
    """

    head: HeadWatch
    dashboard: str
    job: str
    started_here: bool
    grows: bool = False
    passed_over: str = ""
    shunned: set[str] = field(default_factory=set)

    def nodes(self, selector: Mapping[str, str] | None = None) -> list[Mapping[str, float]]:
        """Resources, in total, of each node that can be given trials: it lives, is not being drained or shunned, and is one that is meant.

        Args:
            selector: which nodes are meant, by their labels; all by default.
        """
        return [node["Resources"] for node in self.usable(selector)]

    def labels(self) -> list[Mapping[str, str]]:
        """Labels of each node that can be given trials."""
        return [node["Labels"] for node in self.usable()]

    def draining(self) -> set[str]:
        """Addresses of the nodes that live, and are to be gone soon. Ray places nothing on them any more."""
        leaving = _draining()
        return {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"] and node["NodeID"] in leaving} if leaving else set()

    def usable(self, selector: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """As `nodes`, with all that Ray tells of each."""
        leaving, meant = {*_draining(), *self.shunned}, selector or {}
        return [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in leaving and selects(meant, node["Labels"])]


def _draining() -> dict[str, int]:
    """Ids of the nodes that are to be gone soon, and when."""
    return dict(ray._private.state.state.get_draining_nodes())


def prepare_environment() -> None:
    """Set what Ray reads from the environment; must come before Ray starts, since workers inherit it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def connected(name: str, log_file: Path | None) -> Iterator[Cluster]:
    """Be connected to Ray: to RAY_ADDRESS's cluster, to one this process has already, or to a local one that ends with this block.

    Ray by itself would also join whatever `ray start` began last on this machine, be it somebody else's, or gone without a word.

    Args:
        name: what Ray's dashboard calls this process's job, where it has no name yet.
        log_file: where what Ray has to say in this process goes; None keeps it quiet.

    Raises:
        RunMistake: RAY_ADDRESS is a job server's.
        SurroundingsFailure: Ray can't be started or reached.
    """
    prepare_environment()
    quiet(log_file)
    connected_here, address, passed_over = not ray.is_initialized(), os.environ.get("RAY_ADDRESS"), ""
    if connected_here:
        _check_joinable(address)
        passed_over = "" if address else _other_cluster()
        try:
            with nullcontext() if address else on_loopback():
                ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, job_config=_described(name))
        except (ConnectionError, OSError, RuntimeError, ValueError, RayError) as error:
            raise SurroundingsFailure(f"Ray can't be started: {error}. Look into /tmp/ray/session_latest/logs.") from error
        quiet(log_file)
    context = ray.get_runtime_context()
    head = HeadWatch(context.gcs_address)
    head.begin()
    try:
        job = _submitted() or context.get_job_id()
        yield Cluster(head, _dashboard_url(), job, connected_here and not address, grows=autoscaling.is_there(), passed_over=passed_over)
    finally:
        if not head.gone and head.answers():  # else leaving the cluster hangs, until the watch ends the process
            if connected_here:
                ray.shutdown()
            head.over()
        quiet(None)


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let a Ray that is started here, for this machine alone, listen on loopback: its ports ask for a token, those of its metrics don't.

    Ray does so by itself on macOS and Windows, by the same constant; elsewhere it listens on all addresses, in case other nodes come.
    Its variable, where a person has set it, decides.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    if ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR not in os.environ:
        ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _check_joinable(address: str | None) -> None:
    """Refuse the address of a job server, which people have in RAY_ADDRESS for `ray job submit`.

    Raises:
        RunMistake: it is one.
    """
    if address and address.startswith(("http://", "https://")):
        reason = f"{address} is a cluster's job server, through which jobs are submitted; a process that drives a run can't join there."
        remedy = "`summtune submit` lets the cluster run it; `env -u RAY_ADDRESS summtune …` uses this machine."
        raise RunMistake(Problem(reason, remedy, key="RAY_ADDRESS"))


def _described(name: str) -> JobConfig | None:
    """What this process's job is known by (`job_name` is the dashboard's own word); a submitted one has its metadata already."""
    return None if SUBMITTED in os.environ else JobConfig(metadata={"job_name": name, "summtune": summtune.__version__})


def _submitted() -> str:
    """The submission id of the job that this process is; empty where it was not submitted."""
    metadata = json.loads(os.environ.get(SUBMITTED) or "{}").get("metadata", {})
    return str(metadata.get("job_submission_id", ""))


def _other_cluster() -> str:
    """The address of the cluster that `ray start` began last on this machine, if it still runs."""
    from ray._private.services import find_bootstrap_address, find_gcs_addresses

    address = find_bootstrap_address(None)
    return address if address in find_gcs_addresses() else ""


def _dashboard_url() -> str:
    from ray._private.worker import get_dashboard_url

    url = get_dashboard_url()
    return f"http://{url}" if url else ""


def quiet(log_file: Path | None) -> None:
    """Send Ray's log messages in this process to a file instead of the screen."""
    handler: logging.Handler = logging.FileHandler(log_file, encoding="utf-8", delay=True) if log_file else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        logger.propagate = False
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)


def trainable(run: RunPaths, allotment: Allotment, work: Work) -> Any:
    """The function that actors execute, with what a trial's actor is given.

    Ray's dashboard calls actors and their tasks by the function's name, which is the run's; `Tuner.restore` asks for the same one.
    """
    function = partial(train_trial, run_folder=str(run.folder.resolve()), allotment=allotment, work=work)
    function.__name__ = run.folder.name  # type: ignore[attr-defined]  # a partial has no name of its own

    return tune.with_resources(function, Placement(allotment).factory())


def reuses_actors(allotment: Allotment) -> bool:
    """Whether a trial is given the actor of one before: not with several workers; the end of an actor is what ends a stopped group."""
    return allotment.workers == 1


def _new_tuner(run: RunPaths, allotment: Allotment, callbacks: list[tune.Callback], work: Work) -> tune.Tuner:
    """A Tuner for a run that Ray Tune knows nothing of."""
    return tune.Tuner(
        trainable(run, allotment, work),
        tune_config=tune.TuneConfig(
            search_alg=RememberingOptunaSearch(),
            scheduler=RememberingASHAScheduler(),
            num_samples=-1,  # the driver says when it is enough, so that a run can be extended
            reuse_actors=reuses_actors(allotment),
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=run.tune.name,
            storage_path=str(run.folder.resolve()),
            callbacks=[Observer(), *callbacks, Slimming(("iteration", session.current().driver.state.objective))],
            verbose=0,
        ),
    )


def restorable(run: RunPaths) -> bool:
    """Whether Ray Tune left enough behind for `Tuner.restore`.

    Without a snapshot of the trials it would log an error and start over.
    """
    return run.tune.is_dir() and bool(tune.Tuner.can_restore(str(run.tune.resolve()))) and any(run.tune.glob("experiment_state-*.json"))


def make_room(run: RunPaths) -> None:
    """Delete a folder of Ray Tune's that is not restored: the event log has all that a new one needs.

    It is moved aside first, so that one which a kill, or NFS, leaves half deleted is never taken for whole; that goes the next time.
    """
    if run.tune.exists():
        run.tune.rename(run.retired_tune())
    for retired in run.retired_tunes():
        shutil.rmtree(retired, ignore_errors=True)


def run_tune(run: RunPaths, allotment: Allotment, callbacks: list[tune.Callback], *, restore: bool, work: Work = training) -> None:
    """Let Ray Tune work until the driver has no more trials, or the loop is asked to end.

    Raises:
        SurroundingsFailure: Ray gave up.

    Args:
        restore: go on by `Tuner.restore`. Its folder holds pickles: resume a run of somebody you don't trust without its `tune/` folder.
        work: what a trial does.
    """
    tuner = _restored_tuner(run, allotment, work) if restore else None
    if tuner is None:
        make_room(run)
        tuner = _new_tuner(run, allotment, callbacks, work)
    try:
        tuner.fit()
    except (TuneError, RayError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[-1]
        raise SurroundingsFailure(f"Ray Tune gave up: {reason}. See {run.logs / 'ray.log'}.") from error


def _restored_tuner(run: RunPaths, allotment: Allotment, work: Work) -> tune.Tuner | None:
    try:
        return tune.Tuner.restore(str(run.tune.resolve()), trainable=trainable(run, allotment, work), resume_unfinished=True)
    except Exception as error:  # whatever pickle and Ray raise on damaged files; the event log has all that is needed
        logging.getLogger("ray.tune").warning("Tuner.restore failed; rebuilding from the event log", exc_info=error)
        return None


def _trial_name(trial: Any) -> str:
    return str(trial.config["trial"])


@contextmanager
def interruptible(on_first: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end Ray Tune's loop in good order, and a second one at once.

    Ray Tune ends its loop on SIGUSR1 as on SIGINT, after a last snapshot; its trials stay resumable.
    """
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked or not _tune_listens():
            raise KeyboardInterrupt
        asked = True
        stop_tune()
        on_first()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    # Ray Tune leaves its handler behind; only one that it puts there from now on means that it listens.
    before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_tune() -> None:
    """Ask Ray Tune's loop in this process to end."""
    if _tune_listens():
        os.kill(os.getpid(), signal.SIGUSR1)


def _tune_listens() -> bool:
    """Whether Ray Tune has its handler in place; without it SIGUSR1 would end the process."""
    return callable(signal.getsignal(signal.SIGUSR1))
