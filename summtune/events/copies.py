"""Copies of runs: a mark in what was pulled here, and what may be brought over what is here already.

A copy has no checkpoints, and says nothing of whether its run is under way where that lives. It must not know how copies are brought.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass

from summtune import durable
from summtune.errors import Problem, RunMistake
from summtune.events.mending import read_run
from summtune.paths import RunPaths


@dataclass(frozen=True)
class Origin:
    """Where a copy came from.

    Attributes:
        place: of the run: a cluster's address, a folder, or a URL in an object store.
        pull: the words that bring it up to date, after `summtune`.
        resume: those that go on with the run where it lives.
    """

    place: str
    pull: tuple[str, ...]
    resume: tuple[str, ...]

    @property
    def how_to_pull(self) -> str:
        """The command that brings the copy up to date."""
        return shlex.join(["summtune", *self.pull])

    @property
    def how_to_resume(self) -> str:
        """The command that goes on with the run where it lives."""
        return shlex.join(["summtune", *self.resume])


def mark(run: RunPaths, origin: Origin) -> None:
    """Say in a run's folder that it is a copy."""
    durable.write_json(run.copied, asdict(origin))


def copied_from(run: RunPaths) -> Origin | None:
    """Where a run was copied from; None where it is no copy, or its mark says nothing."""
    try:
        record = json.loads(run.copied.read_text(encoding="utf-8"))
        return Origin(str(record["place"]), tuple(record["pull"]), tuple(record["resume"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def make_it_a_run(run: RunPaths) -> None:
    """Let a copy of a finished run go on here, as a run of its own. A run that is no copy is left as it is.

    Raises:
        RunMistake: what it is a copy of was not finished: its trials would have to begin anew.
    """
    origin = copied_from(run)
    if origin is None:
        return
    state, _ = read_run(run)
    if state.status != "finished":
        reason = f"{run.folder.name} is a copy that was pulled from {origin.place}, of a run that was not finished: it has no checkpoints."
        remedy = f"`{origin.how_to_resume}` goes on with the run itself, `{origin.how_to_pull}` brings what it has come to."
        raise RunMistake(Problem(reason, remedy))
    run.copied.unlink()


def log_here(run: RunPaths, theirs: bytes, place: str) -> bytes:
    """The event log of a run here, of which one elsewhere is the beginning or the continuation; empty where there is nothing here.

    Raises:
        RunMistake: what is here is no run, or went on otherwise.
    """
    ours = run.events.read_bytes() if run.events.is_file() else b""
    if not ours and run.folder.exists() and any(run.folder.iterdir()):
        raise RunMistake(Problem(f"{run.folder} is there, and is no run.", "Give another folder."))
    if not (theirs.startswith(ours) or ours.startswith(theirs)):
        reason = f"{run.folder} is there, and has gone another way than {place}."
        raise RunMistake(Problem(reason, "Rename it, or give another folder."))
    return ours


def check_behind(run: RunPaths, theirs: bytes, place: str) -> None:
    """Refuse to bring results over those of a run that has gone on here.

    Raises:
        RunMistake: what is here is further, is no run, or went on otherwise.
    """
    if len(log_here(run, theirs, place)) > len(theirs):
        raise RunMistake(Problem(f"{run.folder} is there, and further than {place}.", "Give another folder with `--into FOLDER`."))
