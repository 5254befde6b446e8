"""Hands an open run to Ray Tune, and says how it was left: complete, interrupted, or since something gave way.

It must not know what may be asked of a run, nor whether that can be done (`launch` does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ray.tune import Callback

from summtune.config.experiment import Experiment
from summtune.errors import Interrupted, SummtuneError, SurroundingsFailure
from summtune.events.fold import RunState
from summtune.events.kinds import Event, RunClosed
from summtune.events.log import EventLog
from summtune.objects import ObjectStore
from summtune.paths import RunPaths
from summtune.tuning import engine, lock, mirror, mirrored_scores, resources, stop_request
from summtune.tuning.allotment import Allotment
from summtune.tuning.driver import Driver, Watcher
from summtune.tuning.finals import Finals
from summtune.tuning.gauges import Gauges
from summtune.tuning.head_watch import GOES_ON, HEAD_GONE
from summtune.tuning.placement import Placement
from summtune.tuning.session import Session, open_session
from summtune.tuning.storage import Storage
from summtune.tuning.trainable import Work, training


@dataclass(frozen=True)
class Opened:
    """What is known of a run when it begins or goes on; for whoever prints it.

    Attributes:
        concurrency: trials at once.
        dashboard: Ray's, or empty.
        notices: what was decided for the person, once each.
        storage: where in an object store the run's copy is kept, or empty.
    """

    run: RunPaths
    experiment: Experiment
    state: RunState
    allotment: Allotment
    concurrency: int
    dashboard: str
    notices: tuple[str, ...]
    resumed: str = ""
    storage: str = ""


@dataclass(frozen=True)
class Witness:
    """Who is told what happens.

    Attributes:
        opened: called once, when the run has been made or reopened.
        event: called after every event.
        stopping: called when a person asked it to stop.
        note: called with a sentence that a person should read.
    """

    opened: Callable[[Opened], None]
    event: Watcher
    stopping: Callable[[], None]
    note: Callable[[str], None]


def drive(
    run: RunPaths,
    experiment: Experiment,
    log: EventLog,
    state: RunState,
    cluster: engine.Cluster,
    allotment: Allotment,
    witness: Witness,
    *,
    resumed: str,
    warnings: tuple[str, ...] = (),
    store: ObjectStore | None = None,
    work: Work = training,
) -> None:
    """Hand the run to Ray Tune until it is complete, interrupted, or something gives way.

    Args:
        store: the run's folder in an object store, where its copy is kept.
        work: what its trials do.
    """
    engine.quiet(run.ray_log)
    lock.tell(run.lock, cluster.dashboard, cluster.job)

    def room(share: Allotment = allotment) -> int:
        nodes = cluster.nodes(allotment.label_selector)
        return resources.concurrency(share, nodes, experiment.resources.max_concurrent_trials, grows=cluster.grows)

    mirrored = mirror.wandb_mirror(experiment, run)
    notices = (*warnings, *experiment.notices, *mirrored.notices)
    if cluster.passed_over:
        other = f"a Ray cluster runs on this machine ({cluster.passed_over}), and this run has a Ray of its own"
        notices = (f"{other}; `RAY_ADDRESS=auto summtune …` uses that one.", *notices)
    interrupted = False
    storage = Storage(run, store, state, keep_checkpoints=experiment.base.settings.training.keep_checkpoint) if store is not None else None

    def note_interruption() -> None:
        nonlocal interrupted
        interrupted = True
        witness.stopping()

    def close_without_head() -> None:
        if state.status == "running":
            if not log.busy:
                log.append(RunClosed("failed", HEAD_GONE))
            witness.note(f"{HEAD_GONE} {GOES_ON}")

    try:
        assert state.opened is not None
        exported = Gauges(state.opened.run_id, state)

        def watch(event: Event, state: RunState) -> None:
            witness.event(event, state)
            exported(event, state)
            if storage is not None:
                storage.heard(event)
                for text in storage.said():
                    witness.note(text)

        driver = Driver(run, experiment, log, state, watch, gpus=allotment.gpus, storage=storage)
        placement = Placement(allotment, cluster.shunned)
        reuses_actors = engine.reuses_actors(allotment)
        session = Session(
            driver,
            room,
            engine.stop_tune,
            witness.note,
            lambda: interrupted,
            draining=cluster.draining,
            reuses_actors=reuses_actors,
            placement=placement,
        )
        if resumed in ("restore", "rebuild") and (end := state.search_ended) is not None:
            notices = (*notices, f"no more trials are begun: {end.reason}; {end.remedy}.")
        witness.opened(Opened(run, experiment, state, allotment, room(), cluster.dashboard, notices, resumed, store.url if store else ""))
        open_session(session)
        with engine.interruptible(note_interruption), cluster.head.telling(engine.stop_tune, close_without_head):
            finals = Finals(
                driver,
                placement,
                lambda: room(allotment.of_a_worker),
                lambda: interrupted or cluster.head.gone or driver.hear() == "now",
                witness.note,
            )
            if not driver.complete:
                _hand_over(run, allotment, mirrored.callbacks, session, restore=resumed == "restore", work=work)
            done = (driver.complete or state.stop == "finishing") and finals.work_off() and driver.complete
        if cluster.head.gone:
            raise _closed(driver, HEAD_GONE)
        if done:
            if mirrored.init is not None and (fault := mirrored_scores.send(state, mirrored.init)):
                witness.note(fault)
            driver.close("finished")
        elif finals.undone and not (interrupted or state.stop):
            raise _closed(driver, " ".join(finals.undone), "Nothing recorded is lost; `summtune resume` tries it again.")
        elif interrupted or state.stop:
            driver.close("interrupted", "stopped by a person" if interrupted else "stopped by `summtune stop`")
        else:
            driver.close("failed", "Ray Tune ended before all trials had")
            raise SurroundingsFailure(f"Ray Tune ended before all trials had; see {run.ray_log}. `summtune resume` goes on.")
    except KeyboardInterrupt:
        interrupted = True
        state.apply(log.append(RunClosed("interrupted", "stopped by a person, at once")))
    finally:
        open_session(None)
        log.close()
        stop_request.clear(run)
        if storage is not None:
            for text in storage.close():
                witness.note(text)
    if (interrupted or state.stop) and state.status == "interrupted":
        raise Interrupted("stopped; nothing is lost")


def _closed(driver: Driver, reason: str, so: str = GOES_ON) -> SurroundingsFailure:
    """Record that the surroundings gave way; the failure that is to be raised."""
    driver.close("failed", reason)
    return SurroundingsFailure(f"{reason} {so}")


def _hand_over(run: RunPaths, allotment: Allotment, callbacks: list[Callback], session: Session, *, restore: bool, work: Work) -> None:
    """Let Ray Tune work. A fault of a hook is raised as it was, not as what Ray Tune made of it."""
    try:
        engine.run_tune(run, allotment, callbacks, restore=restore, work=work)
    except SummtuneError:
        if session.fault is None:
            raise
    if session.fault is not None:
        raise session.fault


@contextmanager
def surroundings(place: str) -> Iterator[None]:
    """Call an error of the file system what it is: not the person's mistake, and not ours.

    Raises:
        SurroundingsFailure: there was one.
    """
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}: {error.filename or place}."
        raise SurroundingsFailure(f"{reason} Nothing recorded is lost; `summtune resume` goes on.") from error
