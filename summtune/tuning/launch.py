"""Opens a run, or one that was left, and drives it to its end.

Everything that can be wrong is found before the run directory is made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from summtune import durable
from summtune.config.budget import raised
from summtune.config.description import resolved_lines
from summtune.config.experiment import Experiment
from summtune.config.metrics import LOSS
from summtune.config.named_paths import named_paths
from summtune.config.stages import DecodeStage
from summtune.corpus.check import CorpusFacts, check_corpus
from summtune.errors import CheckpointMistake, Problem, RunMistake, SettingsMistake
from summtune.events.fold import RunState
from summtune.events.kinds import DecodeOpened, RunOpened, RunResumed, Taught
from summtune.events.log import EventLog
from summtune.events.mending import mended_run
from summtune.families._checkpoints import check_available
from summtune.objects import ObjectStore
from summtune.paths import RunPaths, create_run, folder_name, point_newest
from summtune.search import warm_start
from summtune.search.ending import reaches_target
from summtune.training.checkpoints import sealed_checkpoints
from summtune.tuning import autoscaling, engine, failures, lock, own_metrics, reach, resources, stop_request, verdicts
from summtune.tuning.allotment import Allotment
from summtune.tuning.autoscaling import Outlook
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
    check_writable(place)
    facts = check_corpus(experiment.widest_data())
    experiment = experiment.with_rows(facts.splits["train"].rows)
    own_metrics.try_out(experiment)
    _check_models(experiment)
    lessons = warm_start.lessons(experiment, facts.fingerprints)
    with surroundings(str(place)), engine.connected(experiment.name, None) as cluster:
        allotment, awaited = _fitting(experiment, cluster, experiment.budget)
        root_store = _store(experiment)
        reach.check(place, root_store, cluster, allotment, _read_by_trials(experiment))
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
            drive(
                run,
                experiment,
                log,
                state,
                cluster,
                allotment,
                witness,
                resumed="",
                warnings=(*taken, *learned, *awaited),
                store=store,
                work=work,
            )
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
        failed: run the trials that failed again, too.
        budget: other limits, as `hours=2`.
        store: the run's folder in an object store, if it was brought from there; else its settings say which, if any.

    Raises:
        SettingsMistake: a budget is none.
        RunMistake: it is being driven by another process, its event log doesn't say what it was asked to do, or a used-up budget forbids
            what is asked for.
        Interrupted: a person stopped it.
        SurroundingsFailure: disk or cluster gave way.
    """
    with surroundings(str(run.folder)), lock.held(run.lock) as check:
        stop_request.clear(run)
        state, warnings = mended_run(run)
        assert state.opened is not None
        limits = raised(state.budget, budget) if budget else None
        again, anew = failures.to_run_again(state) if failed else ([], [])
        if failed and not again and not anew:
            witness.note("No trial of the run has failed: there is none to run again.")
        if state.status == "finished" and not more and not again and not anew and limits is None:
            if not failed:
                how = f"It ended since {end.reason}: {end.remedy}." if (end := state.search_ended) else "`--count N` adds trials."
                witness.note(f"The run is finished: there is nothing to go on with. {how}")
            for told in _stored(run, state, store):
                witness.note(told)
            return run
        finished_and_asked_for_more = state.status == "finished" and (bool(more) or limits is not None)
        if finished_and_asked_for_more or again or anew:
            _check_budget(state, limits)
        experiment = Experiment.from_record(state.opened.experiment)
        facts = check_corpus(experiment.widest_data())
        changed = _check_data_again(run, facts)
        own_metrics.check_copies(run, state)
        _check_models(experiment)
        # Only a run that was killed before it had begun a trial can still be taught; what a damaged log has lost is lost.
        untaught = not state.trials and not state.lost and len(state.taught) < len(experiment.warm_start)
        lessons = warm_start.lessons(experiment, facts.fingerprints) if untaught else []
        count = state.count + more
        waiting = _to_wait_again(run, state) if finished_and_asked_for_more else []
        reached = bool(more) and reaches_target(state) is not None
        beyond = ["the target is reached already: it ends this run no more."] if reached and not state.past_target else []
        beyond += [f"{', '.join(waiting)} had paused to the end, and may go on now."] if waiting else []
        with engine.connected(run.folder.name, run.logs / "ray.log") as cluster:
            allotment, awaited = _fitting(experiment, cluster, state.budget if limits is None else limits)
            store = store or _store(experiment, state.opened.run_id)
            reach.check(run.folder, store, cluster, allotment, _read_by_trials(experiment))
            # Ray Tune can't be asked for more trials once it has finished, or was told that there are no more, and starts new trials
            # of a run that was moved in its old place. It takes a failed trial for one that is over, and knows those that a log has lost.
            done_with = state.status == "finished" or bool(state.stop)
            other = more or limits is not None or again or anew
            rebuilt = done_with or other or state.lost or state.folder != str(run.folder)
            restorable = not rebuilt and engine.restorable(run)
            way = "restore" if restorable else "rebuild"
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(count, way, list(command), str(run.folder), again, anew, limits, reached, waiting)))
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
    with surroundings(str(run.folder)), lock.held(run.lock) as check:
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
        changed = _check_data_again(run, check_corpus(experiment.widest_data()))
        own_metrics.check_copies(run, state)
        with engine.connected(run.folder.name, run.logs / "ray.log") as cluster:
            allotment, awaited = _fitting(experiment, cluster)
            store = _store(experiment, state.opened.run_id)
            reach.check(run.folder, store, cluster, allotment, _read_by_trials(experiment))
            log = EventLog(run.events, check=check)
            state.apply(log.append(RunResumed(state.count, "decode", list(command), str(run.folder))))
            state.apply(log.append(DecodeOpened(stage.to_record())))
            drive(
                run,
                experiment,
                log,
                state,
                cluster,
                allotment,
                witness,
                resumed="decode",
                warnings=(*warnings, *changed, *awaited),
                store=store,
            )
    return run


def _to_wait_again(run: RunPaths, state: RunState) -> list[str]:
    """The trials that ended while they paused, and can go on: without a checkpoint they would begin anew."""
    return [trial_id for trial_id in verdicts.paused_to_the_end(state) if sealed_checkpoints(run.trial(trial_id).checkpoints)]


def _read_by_trials(experiment: Experiment) -> dict[str, str]:
    """The files and folders that a trial may read, and whose settings name them; metrics of people's own lie in the run's folder."""
    return {path: key for key, path in named_paths(experiment) if key != "evaluation.metrics"}


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


def _fitting(experiment: Experiment, cluster: engine.Cluster, budget: Iterable[str] = ()) -> tuple[Allotment, list[str]]:
    """A trial's share, and what to say where it fits no node yet."""
    selector = experiment.resources.label_selector
    nodes = cluster.nodes(selector)
    gpus_may_come = cluster.grows and resources.leaves_gpus_open(experiment, nodes) and _could_come({"CPU": 1, "GPU": 1}, selector)
    allotment = resources.allot(experiment, nodes, gpus_may_come=gpus_may_come)
    resources.check_sharding(experiment, allotment)
    resources.check_gpu_hours(allotment, "gpu_hours" in budget)
    try:
        resources.check_labels(selector, cluster.labels())
        resources.check_fit(allotment, nodes, wants_cuda=experiment.base.settings.general.device == "cuda")
    except SettingsMistake as mistake:
        return allotment, [_will_come(allotment, mistake)]
    return allotment, []


def _could_come(bundle: Mapping[str, float], selector: Mapping[str, str]) -> bool:
    return autoscaling.outlook([bundle], selector) is Outlook.COULD_COME


def _will_come(allotment: Allotment, mistake: SettingsMistake) -> str:
    """What to say where no node suits yet, and an autoscaler may bring one.

    Raises:
        SettingsMistake: none would ever come.
    """
    outlook = autoscaling.outlook([allotment.bundle] * allotment.workers, allotment.label_selector)
    if outlook is Outlook.NONE:
        raise mistake
    if outlook is Outlook.CAN_NOT_COME:
        told = [replace(one, reason=f"{one.reason} The cluster's autoscaler can't bring such a node either.") for one in mistake.problems]
        raise SettingsMistake(told) from mistake
    doubt = "" if outlook is Outlook.COULD_COME else ", which does not say whether it can"
    missing = " ".join(f"{one.key}: {one.reason}" for one in mistake.problems)
    return f"no node suits yet: the run waits for the cluster's autoscaler to bring one{doubt} ({missing.rstrip('.')})."
