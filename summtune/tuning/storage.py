"""Keeps a copy of the run in an object store (`general.storage`), in the background, and deletes there what has been superseded.

Workers store what they write (`uploads`); the driver all the rest, and what they could not. The event log goes last: what it speaks of is
there by then, as on disk. Only after that is deleted what it no longer needs. A store that gives way costs nothing but lateness: it is
said once, tried again, and at the end it is said what is missing there. It must not know Ray.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from summtune.errors import StorageFailure
from summtune.events.fold import RunState
from summtune.events.kinds import Event, Reported
from summtune.events.trial_state import TrialState
from summtune.objects import ObjectStore
from summtune.paths import RunPaths
from summtune.training.checkpoints import is_sealed, sealed_checkpoints
from summtune.training.stored import delete_folder, fetch_folder, is_the_same, put_folder, read_seals, stored_folders

INTERVAL_S = 1.0
"""Between two rounds at least. What is reported in that time would be trained again if this machine went away for ever."""

MOST_SHARE = 0.2
"""Of the time, what rounds may take: each stores the event log anew, which takes longer with many trials."""

AGAIN_S = 15.0
"""How long a store that gave way is left alone."""

LAST_TRIES, BETWEEN_S = 3, 2.0
"""At the end of a session."""

_AT_ONCE = 8
_OF_WORKERS = ("checkpoints", "models", "train")
"""Folders of an attempt that only named parts of are kept."""

Signature = tuple[tuple[str, int, int], ...]


class Storage:
    """A live run's copy.

    Args:
        run: its directory.
        store: its folder in the store.
        state: what its log says; read here, written by the driver alone.
        keep_checkpoints: whether the last checkpoint of a trial that is over stays, as `promotion.promote` has it.
    """

    def __init__(self, run: RunPaths, store: ObjectStore, state: RunState, *, keep_checkpoints: bool) -> None:
        self.store = store
        self._keep_checkpoints = keep_checkpoints
        self._run = run
        self._state = state
        self._changed: set[str] = set(state.trials)
        self._files: dict[str, tuple[int, int]] = {}
        self._folders: dict[str, Signature] = {}
        self._log_length = -1
        self._says: list[str] = []
        self._lock, self._one_round = threading.Lock(), threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._fault = ""
        self._wake.set()
        self._thread = threading.Thread(target=self._work, name="summtune-storage", daemon=True)
        self._thread.start()

    def heard(self, event: Event) -> None:
        """Something has happened: it is stored soon."""
        with self._lock:
            self._changed.update({trial} if (trial := getattr(event, "trial", None)) else ())
        self._wake.set()

    def said(self) -> list[str]:
        """What a person should be told since this was last asked."""
        with self._lock:
            says, self._says = self._says, []
        return says

    def bring_back(self, trial: TrialState, *, checkpoint: bool) -> list[str]:
        """Fetch a trial's best model where that is gone, and, with `checkpoint`, the newest recorded checkpoint that is stored whole.

        Returns:
            What to tell a person.
        """
        paths = self._run.trial(trial.id)
        told = []
        try:
            for report in reversed(trial.reports if checkpoint else []):
                if report.checkpoint is None:
                    continue
                written = paths.folder / report.checkpoint
                if any(self._fetched(folder, sealed=True) for folder in (written, paths.checkpoints / written.name)):
                    told.append(f"The checkpoint of iteration {report.iteration} of {trial.id} was brought back from {self.store.url}.")
                    break
            best = trial.best
            if best is not None:
                model = paths.attempt(best.attempt).best_model(best.iteration)
                if not model.is_dir() and not paths.best_model.is_dir() and self._fetched(model, sealed=False):
                    told.append(f"The best model of {trial.id} was brought back from {self.store.url}.")
        except StorageFailure as failure:
            told.append(f"Nothing of {trial.id} could be brought back: {failure}.")
        return told

    def close(self) -> list[str]:
        """Store the last of it; what a person should be told."""
        self._ending.set()
        self._wake.set()
        self._thread.join()
        # What was written after the last event of its trial, such as the results of an evaluation in full.
        self._changed |= {name.split("/")[1] for name in self._unstored() if name.startswith("trials/")}
        for left in reversed(range(LAST_TRIES)):
            if self._round(last=True) or not left:
                break
            time.sleep(BETWEEN_S)
        says = self.said()
        if self._fault:
            missing = self._unstored()
            files, size = len(missing), sum(missing.values())
            says.append(
                f"{files} files of the run ({size / 1e6:.1f} MB) could not be uploaded: {self._fault}. They lie in the run directory; "
                f"`summtune resume {self._run.folder.name}` uploads them."
            )
        return says

    def _work(self) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            self._wake.wait()
            if self._ending.is_set():
                return
            self._wake.clear()
            began = time.monotonic()
            if self._round():
                pause = max(INTERVAL_S, (time.monotonic() - began) / MOST_SHARE)
            else:
                pause = AGAIN_S
                self._wake.set()

    def _round(self, *, last: bool = False) -> bool:
        """Store what has changed; whether that succeeded."""
        with self._one_round:
            return self._try_to_store(last=last)

    def _try_to_store(self, *, last: bool) -> bool:
        with self._lock:
            changed, self._changed = self._changed, set()
        try:
            self._store(changed, last=last)
        except FileNotFoundError:  # a promotion moved what was just listed: there is another round soon
            with self._lock:
                self._changed |= changed
            self._wake.set()
            return not last
        except (StorageFailure, OSError) as failure:  # an OSError is the disk's, of which the driver will hear itself
            with self._lock:
                self._changed |= changed
                if not self._fault:
                    self._says.append(f"{failure}. The run goes on; what is missing there is uploaded later.")
            self._fault = str(failure)
            return False
        if self._fault:
            with self._lock:
                self._says.append(f"{self.store.url} answers again, and has all of the run.")
        self._fault = ""
        return True

    def _store(self, changed: set[str], *, last: bool) -> None:
        store = self.store
        # In this order: what is stored now and not here then has been superseded in between, or before.
        stored = {name: size for trial in sorted(changed) for name, size in store.sizes(f"trials/{trial}").items()}
        whole = set(stored_folders(stored))
        needed = [pair for trial in changed for pair in self._needed(trial)]
        folders = {name: folder for trial in sorted(changed) for name, folder in self._folders_here(trial)}
        files = dict(self._files_here(changed, logs=last))
        log = self._run.events.read_bytes()
        for name, folder in folders.items():
            self._store_folder(name, folder, whole)
        self._store_files(files)
        if len(log) != self._log_length:
            store.put_bytes(log, self._run.events.name)
            self._log_length = len(log)
        kept = {promoted for promoted, _, _ in needed}
        kept |= {written for promoted, written, moved in needed if not (moved and promoted in whole)}
        kept |= {name for trial in changed for name in self._unrecorded(trial, whole)}
        for name in whole - folders.keys() - kept:
            delete_folder(store, name)
            self._folders.pop(name, None)
        store.delete(self._surplus(stored, files, whole))

    def _store_folder(self, name: str, folder: Path, whole: set[str]) -> None:
        try:
            signature = _signature(folder)
            if self._folders.get(name) == signature:
                return
            seals = read_seals(self.store, name) if name in whole else None
            if seals is None or not is_the_same(folder, seals):
                trial = "/".join(name.split("/")[:2])
                put_folder(self.store, folder, name, sorted(one for one in whole if one.startswith(f"{trial}/")))
        except FileNotFoundError:  # moved by a promotion meanwhile, or pruned: the next round finds what there is then
            with self._lock:
                self._changed.add(name.split("/")[1])
            return
        whole.add(name)
        self._folders[name] = signature

    def _store_files(self, files: dict[str, Path]) -> None:
        def put(name: str, file: Path) -> None:
            try:
                found = file.stat()
                signature = found.st_size, found.st_mtime_ns
                if self._files.get(name) != signature:
                    self.store.put(file, name)
                    self._files[name] = signature
            except FileNotFoundError:
                return

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [pool.submit(put, name, file) for name, file in files.items()]:
                done.result()

    def _needed(self, trial_id: str) -> Iterator[tuple[str, str, bool]]:
        """Folders that are needed, whether they are here or not: where a promotion moves them, where they were written, whether it has."""
        paths, trial = self._run.trial(trial_id), self._state.trials.get(trial_id)
        if trial is None:
            return
        newest = _newest(trial)
        pairs = []
        done_with = trial.promoted and trial.status != "failed" and not self._keep_checkpoints
        if newest is not None and not done_with:
            written = paths.folder / str(newest.checkpoint)
            pairs.append((paths.checkpoints / written.name, written))
        if (best := trial.best) is not None:
            pairs.append((paths.best_model, paths.attempt(best.attempt).best_model(best.iteration)))
        yield from ((self._name(promoted), self._name(written), trial.promoted) for promoted, written in pairs)

    def _unrecorded(self, trial_id: str, whole: set[str]) -> Iterator[str]:
        """Stored folders that are newer than all that is recorded of a trial under way.

        A report may be about to name them, or the next attempt begins with them. Those that are here stay, and the newest in any case:
        a shared folder may show it later than the store does.
        """
        paths, trial = self._run.trial(trial_id), self._state.trials.get(trial_id)
        if trial is None or trial.over:
            return
        newest, first = _newest(trial), trial.reports[-1].attempt if trial.reports else 1
        step = _number(str(newest.checkpoint)) if newest is not None else 0
        for attempt in (paths.attempt(number) for number in range(first, trial.attempts + 1)):
            for folder, recorded in ((attempt.checkpoints, step), (attempt.models, trial.iteration)):
                inside = f"{self._name(folder)}/"
                newer = sorted((name for name in whole if name.startswith(inside) and _number(name) > recorded), key=_number)
                yield from (name for name in newer if name == newer[-1] or (self._run.folder / name).is_dir())

    def _folders_here(self, trial_id: str) -> Iterator[tuple[str, Path]]:
        """Whole folders of a trial that are needed: promoted ones, and of its attempts those that have been reported."""
        paths, trial = self._run.trial(trial_id), self._state.trials.get(trial_id)
        found = sealed_checkpoints(paths.checkpoints)
        found += [paths.best_model] if paths.best_model.is_dir() else []
        newest = _newest(trial) if trial else None
        if newest is not None and is_sealed(written := paths.folder / str(newest.checkpoint)) and written not in found:
            found.append(written)
        if trial is not None and (best := trial.best) is not None:
            model = paths.attempt(best.attempt).best_model(best.iteration)
            found += [model] if model.is_dir() else []
        return ((self._name(folder), folder) for folder in found)

    def _files_here(self, trials: set[str], *, logs: bool) -> Iterator[tuple[str, Path]]:
        """All else that is kept of the run's own and of these trials."""
        run = self._run
        folders = [run.metrics, *([run.logs] if logs else [])]
        found = [file for file in run.folder.iterdir() if file.is_file() and file != run.events]
        found += [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        for trial in sorted(trials):
            found += _outside(run.trial(trial).folder, _OF_WORKERS)
        return ((self._name(file), file) for file in found if not file.name.startswith("."))

    def _surplus(self, stored: dict[str, int], files: dict[str, Path], whole: set[str]) -> list[str]:
        """Stored files that are no longer here. In a folder that isn't whole they may be on their way, until their trial is over."""
        surplus = []
        for name in stored.keys() - files.keys():
            trial = self._state.trials.get(name.split("/")[1])
            of_workers = any(part in _OF_WORKERS for part in name.split("/")[2:-1])
            inside = any(name.startswith(f"{folder}/") for folder in whole) if of_workers else False
            if not inside and (not of_workers or (trial is not None and trial.promoted)):
                surplus.append(name)
        return surplus

    def _fetched(self, folder: Path, *, sealed: bool) -> bool:
        return not fetch_folder(self.store, self._name(folder), folder, sealed=sealed)

    def _unstored(self) -> dict[str, int]:
        """Bytes of each file that is not stored, or has changed since."""
        sizes, events = {}, self._run.events
        for name, file in self._files_here(set(self._state.trials), logs=True):
            with suppress(FileNotFoundError):  # a worker that is just ending may still tidy up
                size, time_ns = _of(file)
                if self._files.get(name) != (size, time_ns):
                    sizes[name] = size
        for trial in self._state.trials:
            with suppress(FileNotFoundError):
                for name, folder in self._folders_here(trial):
                    if (signature := _signature(folder)) != self._folders.get(name):
                        sizes |= {f"{name}/{file}": size for file, size, _ in signature}
        return sizes | ({self._name(events): events.stat().st_size} if events.stat().st_size != self._log_length else {})

    def _name(self, path: Path) -> str:
        return path.relative_to(self._run.folder).as_posix()


def _newest(trial: TrialState) -> Reported | None:
    """The last recorded evaluation that left a checkpoint."""
    return next((report for report in reversed(trial.reports) if report.checkpoint is not None), None)


def _number(name: str) -> int:
    """Of a checkpoint its step, of a best model its iteration."""
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _outside(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Files below a folder, but for folders of these names."""
    found: list[Path] = []
    try:
        for entry in folder.iterdir():
            if entry.is_file():
                found.append(entry)
            elif entry.is_dir() and entry.name not in names and not entry.name.startswith("."):
                found += _outside(entry, names)
    except FileNotFoundError:
        pass
    return found


def _of(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _signature(folder: Path) -> Signature:
    """What tells whether a folder's files have changed."""
    return tuple(sorted((file.relative_to(folder).as_posix(), *_of(file)) for file in folder.rglob("*") if file.is_file()))
