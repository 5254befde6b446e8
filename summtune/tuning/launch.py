"""Opens a run, or one that was left, and drives it to its end.

Everything that can be wrong is found before the run directory is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from summtune import durable
from summtune.config.budget import raised
from summtune.config.description import resolved_lines
from summtune.config.experiment import Experiment
from summtune.config.metrics import LOSS
from summtune.config.stages import DecodeStage
from summtune.corpus.check import check_corpus
from summtune.errors import Problem, RunMistake
from summtune.events.fold import RunState
from summtune.events.kinds import DecodeOpened, RunOpened, RunResumed, Taught
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.objects import ObjectStore
from summtune.paths import RunPaths
from summtune.run_folders import create_run, folder_name, point_newest
from summtune.search import warm_start
from summtune.search.ending import reaches_target
from summtune.training.checkpoints import sealed_checkpoints
from summtune.tuning import causes, engine, lock, own_metrics, preflight, reach, stop_request, verdicts
from summtune.tuning.drive import Witness, drive, surroundings
from summtune.tuning.environment import describe_environment
from summtune.tuning.storage import Storage
from summtune.tuning.trainable import Work, training


def start(
    experiment: Experiment,
    output_dir: str,
    command: Sequence[str],
    witness: Witness,
    *,
    root: Path = Path(),
    suffix: str | None = None,
    work: Work = training,
) -> RunPaths:
    """Run a search space from its beginning.

    Args:
        experiment: what is searched.
        output_dir: folder of run directories, as the person gave it: paths in the result files start from it.
        command: the command line.
        witness: who is told what happens.
        root: what a relative `output_dir` lies under, where that is not the current folder.
        suffix: what the run's folder name is to end with; by default made up.
        work: what a trial does.

    Raises:
        DataMistake: the data can't be used.
        MetricMistake: a metric of the person's own doesn't work.
        CheckpointMistake: the model can't be had.
        SettingsMistake: a trial doesn't fit the machine.
        RunMistake: the results folder can't be written, or an earlier run can't teach this one.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    place = root / output_dir
    preflight.check_writable(place)
    facts = check_corpus(experiment.widest_data())
    experiment = experiment.with_rows(facts.splits["train"].rows)
    own_metrics.try_out(experiment)
    preflight.check_models(experiment)
    lessons = warm_start.lessons(experiment, facts.fingerprints)
    with surroundings(str(place)), engine.connected(experiment.name, None) as cluster:
        root_store = _store(experiment)
        reach.check_store(root_store)
        allotment, awaited = preflight.fitting(experiment, cluster, witness.note, lambda: False, experiment.budget)
        reach.check(place, root_store, cluster, allotment, preflight.read_by_trials(experiment))
        run = create_run(place.resolve(), experiment.name, datetime.now(), suffix)
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
            learned = _teach(log, state, lessons)
            linked = point_newest(run, experiment.name)
            taken = () if linked else (f"sweep_{folder_name(experiment.name)} is a folder already, and was not made to mean this run.",)
            store = root_store.below(run.folder.name) if root_store is not None else None
            said = (*taken, *learned, *awaited)
            drive(run, experiment, log, state, cluster, allotment, witness, resumed="", warnings=said, store=store, work=work)
    return run


def resume(
    run: RunPaths,
    command: Sequence[str],
    witness: Witness,
    *,
    more: int = 0,
    failed: bool = False,
    budget: Sequence[str] = (),
    store: ObjectStore | None = None,
) -> RunPaths:
    """Go on with a run that was left, to the number that was asked for, or to `more` above it. A finished one is left as it is.

    Args:
        run: its directory.
        command: the command line.
        witness: who is told what happens.
        more: trials beyond the number that was asked for.
        failed: run the trials that failed again, too, and evaluate in full again what could not be.
        budget: other limits, as `hours=2`.
        store: the run's folder in an object store, if it was brought from there; else its settings say which, if any.

    Raises:
        SettingsMistake: a budget is none.
        RunMistake: it is being driven by another process, its event log doesn't say what it was asked to do, or a used-up budget forbids
            what is asked for.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    with surroundings(str(run.folder)), lock.held(run.lock, witness.note) as check:
        stop_request.clear(run)
        state, warnings = mended_run(run)
        assert state.opened is not None
        limits = raised(state.budget, budget) if budget else None
        again, anew = causes.to_run_again(state) if failed else ([], [])
        rescored = causes.to_score_again(state) if failed else []
        if failed and not again and not anew and not rescored:
            witness.note("No trial of the run has failed: there is none to run again.")
        if state.status == "finished" and not more and not again and not anew and not rescored and limits is None:
            if not failed:
                how = f"It ended since {end.reason}: {end.remedy}." if (end := state.search_ended) else "`--count N` adds trials."
                witness.note(f"The run is finished: there is nothing to go on with. {how}")
            for told in _stored(run, state, store):
                witness.note(told)
            return run
        finished_and_asked_for_more = state.status == "finished" and (bool(more) or limits is not None)
        if finished_and_asked_for_more or again or anew:
            preflight.check_budget(state, limits)
        experiment = Experiment.from_record(state.opened.experiment)
        facts = check_corpus(experiment.widest_data())
        changed = preflight.changed_data(run, facts)
        own_metrics.check_copies(run, state)
        preflight.check_models(experiment)
        # Only a run that was killed before it had begun a trial can still be taught; what a damaged log has lost is lost.
        untaught = not state.trials and not state.lost and len(state.taught) < len(experiment.warm_start)
        lessons = warm_start.lessons(experiment, facts.fingerprints) if untaught else []
        count = state.count + more
        waiting = _to_wait_again(run, state) if finished_and_asked_for_more else []
        reached = bool(more) and reaches_target(state) is not None
        beyond = ["the target is reached already: it ends this run no more."] if reached and not state.past_target else []
        beyond += [f"{', '.join(waiting)} had paused to the end, and may go on now."] if waiting else []
        with engine.connected(run.folder.name, run.ray_log) as cluster:
            store = store or _store(experiment, state.opened.run_id)
            reach.check_store(store)
            limited = state.budget if limits is None else limits
            allotment, awaited = preflight.fitting(experiment, cluster, witness.note, lambda: stop_request.read(run) is not None, limited)
            reach.check(run.folder, store, cluster, allotment, preflight.read_by_trials(experiment))
            # Ray Tune can't be asked for more trials once it has finished, or was told that there are no more, and starts new trials
            # of a run that was moved in its old place. It takes a failed trial for one that is over, and knows those that a log has lost.
            done_with = state.status == "finished" or bool(state.stop)
            other = more or limits is not None or again or anew
            rebuilt = done_with or other or state.lost or state.folder != str(run.folder)
            restorable = not rebuilt and engine.restorable(run)
            way = "restore" if restorable else "rebuild"
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(count, way, list(command), str(run.folder), again, anew, limits, reached, waiting, rescored)))
            learned = _teach(log, state, lessons)
            said = (*warnings, *changed, *learned, *awaited, *beyond)
            drive(run, experiment, log, state, cluster, allotment, witness, resumed=way, warnings=said, store=store)
    return run


def decode(run: RunPaths, stage: DecodeStage, command: Sequence[str], witness: Witness) -> RunPaths:
    """Search how the best checkpoints of a finished run decode best; nothing is trained.

    Raises:
        RunMistake: it is being driven by another process, was left unfinished, or its event log is damaged.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    with surroundings(str(run.folder)), lock.held(run.lock, witness.note) as check:
        stop_request.clear(run)
        state, warnings = mended_run(run)
        if state.opened is None or state.status != "finished":
            raise RunMistake(Problem("the run is not finished.", f"Finish it first: `summtune resume {run.folder.name}`."))
        experiment = replace(Experiment.from_record(state.opened.experiment), decode=stage)
        if experiment.objective.name == LOSS:
            raise RunMistake(Problem(f"decoding doesn't change the {LOSS}, which the run searched for.", "Decode a model's folder."))
        if experiment.further:
            reason = "it searched for several objectives; decoding is searched by one score, which would take models off the front."
            raise RunMistake(Problem(reason, "Decode a model's folder, by the metric that you name."))
        changed = preflight.changed_data(run, check_corpus(experiment.widest_data()))
        own_metrics.check_copies(run, state)
        with engine.connected(run.folder.name, run.ray_log) as cluster:
            store = _store(experiment, state.opened.run_id)
            reach.check_store(store)
            allotment, awaited = preflight.fitting(experiment, cluster, witness.note, lambda: stop_request.read(run) is not None)
            reach.check(run.folder, store, cluster, allotment, preflight.read_by_trials(experiment))
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(state.count, "decode", list(command), str(run.folder))))
            state.apply(log.append(DecodeOpened(stage.to_record())))
            said = (*warnings, *changed, *awaited)
            drive(run, experiment, log, state, cluster, allotment, witness, resumed="decode", warnings=said, store=store)
    return run


def _to_wait_again(run: RunPaths, state: RunState) -> list[str]:
    """The trials that ended while they paused, and can go on: without a checkpoint they would begin anew."""
    return [trial_id for trial_id in verdicts.paused_to_the_end(state) if sealed_checkpoints(run.trial(trial_id).checkpoints)]


def _store(experiment: Experiment, run_id: str | None = None) -> ObjectStore | None:
    """The object store that the settings name, or a run's folder there."""
    url = experiment.base.settings.general.storage
    if url is None:
        return None
    return ObjectStore.at(url).below(run_id) if run_id is not None else ObjectStore.at(url)


def _stored(run: RunPaths, state: RunState, store: ObjectStore | None) -> list[str]:
    """Store what an earlier session of a run that is finished could not; what to say of it."""
    assert state.opened is not None
    experiment = Experiment.from_record(state.opened.experiment)
    store = store or _store(experiment, state.opened.run_id)
    keep = experiment.base.settings.training.keep_checkpoint
    return Storage(run, store, state, keep_checkpoints=keep).close() if store is not None else []


def _teach(log: EventLog, state: RunState, lessons: Sequence[Taught]) -> list[str]:
    """Put on record what earlier runs teach the search, as far as it isn't; what to say of it."""
    known = {lesson.folder for lesson in state.taught}
    new = [lesson for lesson in lessons if lesson.folder not in known]
    for lesson in new:
        state.apply(log.append(lesson))
    return [f"warm start: {lesson.text}" for lesson in new]
