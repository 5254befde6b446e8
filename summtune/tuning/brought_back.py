"""Brings a run from an object store to a folder here: all of it, to go on with, or what is worth reading.

It must not know how it came there (`storage` and `uploads` do).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from summtune.errors import Problem, RunMistake, StorageFailure
from summtune.events import copies, standings
from summtune.events.mending import read_run
from summtune.objects import ObjectStore, unfit
from summtune.paths import RunPaths
from summtune.run_folders import run_title
from summtune.training.stored import fetch_folder, is_the_same, read_seals, stored_folders

_AT_ONCE = 8
_IN_FOLDERS = ("checkpoints", "models")


def stored_run(url: str) -> ObjectStore:
    """The run that a URL means: a run's own folder, or the newest of a name.

    Raises:
        RunMistake: there is none.
        StorageFailure: the store gave way.
    """
    if wrong := unfit(url):
        raise RunMistake(Problem(*wrong))
    store = ObjectStore.at(url)
    events = RunPaths(Path()).events.name
    try:
        return _newest(store, url, events)
    except StorageFailure as failure:
        remedy = "Credentials and endpoint are the environment's (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)."
        raise StorageFailure(f"{failure}. {remedy}", refused=failure.refused) from failure


def _newest(store: ObjectStore, url: str, events: str) -> ObjectStore:
    if store.read(events) is not None:
        return store
    folders = store.parent.folders()
    named = sorted((name for name in folders if run_title(Path(name)) == store.name), key=lambda name: name[-20:])
    for name in reversed(named):
        if store.parent.below(name).read(events) is not None:
            return store.parent.below(name)
    there = ", ".join(dict.fromkeys(run_title(Path(name)) for name in folders))
    raise RunMistake(Problem(f"there is no run {url}.", f"In {store.parent.url} there are: {there}." if there else ""))


def bring_all(store: ObjectStore, folder: Path) -> list[str]:
    """Bring all that a run needs to go on. What is here already stays, and where its log is here and further, nothing is brought.

    Returns:
        What to tell a person.

    Raises:
        RunMistake: what is here is another run, or went on otherwise.
        StorageFailure: the store gave way.
    """
    run = RunPaths(folder)
    theirs = _log(store, run)
    if len(copies.log_here(run, theirs, store.url)) > len(theirs):
        return [f"{folder} is there, and further than {store.url}: the run goes on from there."]
    names = store.sizes()
    told = []
    for name in stored_folders(names):
        here = folder / name
        seals = read_seals(store, name)
        if seals is None or (here.is_dir() and is_the_same(here, seals)):
            continue
        faults = fetch_folder(store, name, here, sealed=here.parent.name == run.trial("").checkpoints.name)
        told += [f"{fault} That folder is passed over." for fault in faults]
    _bring(store, (name for name in names if not _in_a_folder(name)), folder)
    store.get(run.events.name, run.events)
    run.logs.mkdir(exist_ok=True)
    run.copied.unlink(missing_ok=True)  # what was pulled here before is the run itself now
    return told


def bring_results(store: ObjectStore, folder: Path, *, model: bool) -> int:
    """Bring a run's results, report, event log and, with `model`, its best model.

    Returns:
        How many files.

    Raises:
        RunMistake: what is here is another run, or went on otherwise.
        StorageFailure: the store gave way.
    """
    run = RunPaths(folder)
    copies.check_behind(run, _log(store, run), store.url)
    names = store.sizes()
    attempts, logs = run.trial("").attempts.name, run.logs.name
    chosen = [name for name in names if not _in_a_folder(name) and attempts not in name.split("/") and not name.startswith(f"{logs}/")]
    _bring(store, chosen, folder)
    store.get(run.events.name, run.events)
    if not model:
        return len(chosen)
    state, _ = read_run(run)
    whole = set(stored_folders(names))
    for point in standings.contenders(state):
        for trial in (standings.model_of(state, point), point):
            best = run.trial(trial.id).best_model
            name = best.relative_to(folder).as_posix()
            if name in whole and not fetch_folder(store, name, best, sealed=False):
                return len(chosen) + sum(file.is_file() for file in best.rglob("*"))
    return len(chosen)


def _log(store: ObjectStore, run: RunPaths) -> bytes:
    """The stored event log."""
    theirs = store.read(run.events.name)
    if theirs is None:
        raise RunMistake(Problem(f"there is no run {store.url}."))
    return theirs


def _bring(store: ObjectStore, names: Iterable[str], folder: Path) -> None:
    events = RunPaths(folder).events.name
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(store.get, name, _inside(folder, name)) for name in names if name != events]:
            done.result()


def _inside(folder: Path, name: str) -> Path:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise RunMistake(Problem(f"the stored run has a file {name!r}, which would lie outside its folder."))
    return target


def _in_a_folder(name: str) -> bool:
    """Whether a name lies in a checkpoint or a model, which are brought whole or not at all."""
    return any(part in _IN_FOLDERS for part in name.split("/")[2:-1])
