"""Opens a run, or one that was left, and drives it to its end.

Everything that can be wrong is found before the run directory is made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ray.tune import Callback

from summtune import durable
from summtune.config.budget import raised
from summtune.config.description import resolved_lines
from summtune.config.experiment import Experiment
from summtune.config.metrics import LOSS
from summtune.config.stages import DecodeStage
from summtune.corpus.check import CorpusFacts, check_corpus
from summtune.errors import CheckpointMistake, Interrupted, Problem, RunMistake, SummtuneError, SurroundingsFailure
from summtune.events.fold import RunState
from summtune.events.kinds import DecodeOpened, RunClosed, RunOpened, RunResumed
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.families._checkpoints import check_available
from summtune.paths import RunPaths, create_run, folder_name, point_newest
from summtune.tuning import engine, failures, lock, mirror, own_metrics, resources, stop_request
from summtune.tuning.driver import Driver, Watcher
from summtune.tuning.environment import describe_environment
from summtune.tuning.finals import Finals
from summtune.tuning.session import Session, open_session
from summtune.tuning.trainable import Allotment


@dataclass(frozen=True)
class Opened:
    """What is known of a run when it begins or goes on; for whoever prints it.

    Attributes:
        concurrency: trials at once.
        dashboard: Ray's, or empty.
        notices: what was decided for the person, once each.
    """

    run: RunPaths
    experiment: Experiment
    state: RunState
    allotment: Allotment
    concurrency: int
    dashboard: str
    notices: tuple[str, ...]
    resumed: str = ""


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


def start(experiment: Experiment, output_dir: str, command: Sequence[str], witness: Witness) -> RunPaths:
    """Run a search space from its beginning.

    Raises:
        DataMistake: the data can't be used.
        MetricMistake: a metric of the person's own doesn't work.
        CheckpointMistake: the model can't be had.
        SettingsMistake: a trial doesn't fit the machine.
        RunMistake: the results folder can't be written.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    check_writable(Path(output_dir))
    facts = check_corpus(experiment.widest_data())
    experiment = experiment.with_rows(facts.splits["train"].rows)
    own_metrics.try_out(experiment)
    _check_models(experiment)
    with _surroundings(output_dir), engine.connected(None) as cluster:
        allotment = _fitting(experiment, cluster, experiment.budget)
        run = create_run(Path(output_dir).resolve(), experiment.name, datetime.now())
        run.logs.mkdir()
        run.trials.mkdir()
        durable.write_text(run.space, experiment.source)
        durable.write_text(run.settings, "\n".join(resolved_lines(experiment.base)) + "\n")
        durable.write_json(run.environment, describe_environment(experiment.file, facts, cluster.nodes(), command))
        metrics = own_metrics.copy_in(run, experiment)
        record = experiment.to_record()
        opened = RunOpened(run.folder.name, experiment.name, record, output_dir, list(command), str(run.folder), metrics)
        with lock.held(run.lock) as check:
            log = EventLog(run.events, check=check)
            state = RunState()
            state.apply(log.append(opened))
            linked = point_newest(run, experiment.name)
            taken = () if linked else (f"sweep_{folder_name(experiment.name)} is a folder already, and was not made to mean this run.",)
            _drive(run, experiment, log, state, cluster, allotment, witness, resumed="", warnings=taken)
    return run


def resume(
    run: RunPaths, command: Sequence[str], witness: Witness, *, more: int = 0, failed: bool = False, budget: Sequence[str] = ()
) -> RunPaths:
    """Go on with a run that was left, to the number that was asked for, or to `more` above it. A finished one is left as it is.

    Args:
        run: its directory.
        command: the command line.
        witness: who is told what happens.
        more: trials beyond the number that was asked for.
        failed: run the trials that failed again, too.
        budget: other limits, as `hours=2`.

    Raises:
        SettingsMistake: a budget is none.
        RunMistake: it is being driven by another process, its event log doesn't say what it was asked to do, or a used-up budget forbids
            what is asked for.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    with _surroundings(str(run.folder)), lock.held(run.lock) as check:
        stop_request.clear(run)
        state, warnings = mended_run(run)
        assert state.opened is not None
        limits = raised(state.budget, budget) if budget else None
        again, anew = failures.to_run_again(state) if failed else ([], [])
        if failed and not again and not anew:
            witness.note("No trial of the run has failed: there is none to run again.")
        if state.status == "finished" and not more and not again and not anew and limits is None:
            if not failed:
                ended = f" It ended since {state.search_ended.reason}: {state.search_ended.remedy}." if state.search_ended else ""
                witness.note(f"The run is finished: there is nothing to go on with (`--count N` adds trials).{ended}")
            return run
        finished_and_asked_for_more = state.status == "finished" and (bool(more) or limits is not None)
        if finished_and_asked_for_more or again or anew:
            _check_budget(state, limits)
        experiment = Experiment.from_record(state.opened.experiment)
        changed = _check_data_again(run, check_corpus(experiment.widest_data()))
        own_metrics.check_copies(run, state)
        _check_models(experiment)
        count = state.count + more
        with engine.connected(run.logs / "ray.log") as cluster:
            allotment = _fitting(experiment, cluster, state.budget if limits is None else limits)
            # Ray Tune can't be asked for more trials once it has finished, or was told that there are no more, and starts new trials
            # of a run that was moved in its old place. It takes a failed trial for one that is over, and knows those that a log has lost.
            done_with = state.status == "finished" or bool(state.stop)
            other = more or limits is not None or again or anew
            rebuilt = done_with or other or state.lost or state.folder != str(run.folder)
            restorable = not rebuilt and engine.restorable(run)
            way = "restore" if restorable else "rebuild"
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(count, way, list(command), str(run.folder), again, anew, limits)))
            _drive(run, experiment, log, state, cluster, allotment, witness, resumed=way, warnings=(*warnings, *changed))
    return run


def decode(run: RunPaths, stage: DecodeStage, command: Sequence[str], witness: Witness) -> RunPaths:
    """Search how the best checkpoints of a finished run decode best; nothing is trained.

    Raises:
        RunMistake: it is being driven by another process, was left unfinished, or its event log is damaged.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    with _surroundings(str(run.folder)), lock.held(run.lock) as check:
        stop_request.clear(run)
        state, warnings = mended_run(run)
        if state.opened is None or state.status != "finished":
            raise RunMistake(Problem("the run is not finished.", f"Finish it first: `summtune resume {run.folder.name}`."))
        experiment = replace(Experiment.from_record(state.opened.experiment), decode=stage)
        if experiment.objective.name == LOSS:
            raise RunMistake(Problem(f"decoding doesn't change the {LOSS}, which the run searched for.", "Decode a model's folder."))
        changed = _check_data_again(run, check_corpus(experiment.widest_data()))
        own_metrics.check_copies(run, state)
        with engine.connected(run.logs / "ray.log") as cluster:
            allotment = _fitting(experiment, cluster)
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(state.count, "decode", list(command), str(run.folder))))
            state.apply(log.append(DecodeOpened(stage.to_record())))
            _drive(run, experiment, log, state, cluster, allotment, witness, resumed="decode", warnings=(*warnings, *changed))
    return run


def _check_budget(state: RunState, limits: dict[str, float] | None) -> None:
    """Refuse to go on with a run only to find that nothing more may be trained.

    Raises:
        RunMistake: a budget is used up all the same.
    """
    for name, limit in (state.budget if limits is None else limits).items():
        if (used := state.spent.of(name)) >= limit:
            reason = f"{used:.3g} of {limit:g} {name.replace('_', ' ')} are used up, so that no trial would be begun."
            raise RunMistake(Problem(reason, f"Raise it: `--budget {name}=N`, what has been used up included.", key=f"budget.{name}"))


def _check_data_again(run: RunPaths, facts: CorpusFacts) -> list[str]:
    """What to say where the data are not those that the run began with: its scores could then not be compared."""
    try:
        before = json.loads(run.environment.read_text(encoding="utf-8"))["data"] if run.environment.exists() else {}
    except (ValueError, KeyError):
        before = {}
    now = facts.to_record()
    return [
        f"{split} data have changed since the run began ({now[split]['file']}): scores from before and after can't be compared."
        for split in before
        if split in now and before[split].get("fingerprint") != now[split]["fingerprint"]
    ]


def _check_models(experiment: Experiment) -> None:
    """Make sure that the base's model, and every model that may be drawn, can be had.

    Raises:
        CheckpointMistake: with all of those that can't.
    """
    problems: list[Problem] = []
    for resolved in (experiment.base, *(one for _, one in experiment.models)):
        try:
            check_available(resolved.settings)
        except CheckpointMistake as mistake:
            problems += [problem for problem in mistake.problems if problem not in problems]
    if problems:
        raise CheckpointMistake(problems)


@contextmanager
def _surroundings(place: str) -> Iterator[None]:
    """Call an error of the file system what it is: not the person's mistake, and not ours.

    Raises:
        SurroundingsFailure: there was one.
    """
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}: {error.filename or place}."
        raise SurroundingsFailure(f"{reason} Nothing recorded is lost; `summtune resume` goes on.") from error


def _hand_over(run: RunPaths, allotment: Allotment, callbacks: list[Callback], session: Session, *, restore: bool) -> None:
    """Let Ray Tune work. A fault of a hook is raised as it was, not as what Ray Tune made of it."""
    try:
        engine.run_tune(run, allotment, callbacks, restore=restore)
    except SummtuneError:
        if session.fault is None:
            raise
    if session.fault is not None:
        raise session.fault


def check_writable(output_dir: Path) -> None:
    """Refuse a results folder that can't be written, before anything is spent.

    Raises:
        RunMistake: it can't.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        probe = output_dir / f".writable-{os.getpid()}"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        remedy = "Give another with `--set general.output_dir=FOLDER`."
        raise RunMistake(Problem(f"{output_dir} can't be written: {error.strerror}.", remedy, key="general.output_dir")) from error


def _fitting(experiment: Experiment, cluster: engine.Cluster, budget: Iterable[str] = ()) -> Allotment:
    nodes = cluster.nodes()
    allotment = resources.allot(experiment, nodes)
    resources.check_fit(allotment, nodes, wants_cuda=experiment.base.settings.general.device == "cuda")
    resources.check_gpu_hours(allotment, "gpu_hours" in budget)
    return allotment


def _drive(
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
) -> None:
    """Hand the run to Ray Tune until it is complete, interrupted, or something gives way."""
    engine.quiet(run.logs / "ray.log")

    def room() -> int:
        return resources.concurrency(allotment, cluster.nodes(), experiment.resources.max_concurrent_trials)

    mirrored = mirror.wandb_mirror(experiment, run)
    notices = (*warnings, *experiment.notices, *mirrored.notices)
    interrupted = False

    def note_interruption() -> None:
        nonlocal interrupted
        interrupted = True
        witness.stopping()

    try:
        driver = Driver(run, experiment, log, state, witness.event, gpus=allotment.gpus)
        session = Session(driver, room, engine.stop_tune, witness.note, lambda: interrupted)
        if resumed in ("restore", "rebuild") and (end := state.search_ended) is not None:
            notices = (*notices, f"no more trials are begun: {end.reason}; {end.remedy}.")
        witness.opened(Opened(run, experiment, state, allotment, room(), cluster.dashboard, notices, resumed))
        open_session(session)
        with engine.interruptible(note_interruption):
            finals = Finals(driver, allotment, lambda: interrupted or driver.hear() == "now", witness.note)
            if not driver.complete:
                _hand_over(run, allotment, mirrored.callbacks, session, restore=resumed == "restore")
            done = (driver.complete or state.stop == "finishing") and finals.work_off() and driver.complete
        if done:
            driver.close("finished")
        elif interrupted or state.stop:
            driver.close("interrupted", "stopped by a person" if interrupted else "stopped by `summtune stop`")
        else:
            driver.close("failed", "Ray Tune ended before all trials had")
            raise SurroundingsFailure(f"Ray Tune ended before all trials had; see {run.logs / 'ray.log'}. `summtune resume` goes on.")
    except KeyboardInterrupt:
        interrupted = True
        state.apply(log.append(RunClosed("interrupted", "stopped by a person, at once")))
    finally:
        open_session(None)
        log.close()
        stop_request.clear(run)
    if (interrupted or state.stop) and state.status == "interrupted":
        raise Interrupted("stopped; nothing is lost")
