"""A run's results on their way from the cluster's storage to a person: which files, and how they travel.

Where the storage is seen from here they are copied. Elsewhere Ray's Jobs API offers no way to fetch a file, but a job's log: so a short
job on the cluster prints them, as a compressed archive in base64 with its checksum. That does for results and a small model, not for
gigabytes.
Checkpoints, attempts and Ray Tune's own files stay where they are: what is pulled is to be read, not to be gone on with.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from summtune.errors import Problem, RunMistake, SurroundingsFailure
from summtune.paths import RunPaths

DEFAULT_LIMIT_MB = 64.0
"""Of what goes through a log: the server reads all of a log into memory to answer."""

_BEGIN, _END = "-----BEGIN SUMMTUNE PARCEL ", "-----END SUMMTUNE PARCEL-----"


def chosen(run: RunPaths, model: Path | None) -> list[Path]:
    """The files that are worth having: all of the run's own, each trial's results, and the files of a model."""
    files = [run.space, run.settings, run.environment, run.events, run.info, run.results, run.summary, run.report, run.study]
    files += sorted(run.metrics.rglob("*")) + sorted(run.folder.glob(run.damaged_events().name.replace("1", "*")))
    for folder in sorted(run.trials.glob("*")):
        trial = run.trial(folder.name)
        files += [trial.settings, trial.log, trial.history, trial.predictions, trial.decodings, trial.results, trial.progress]
    if model is not None:
        files += sorted(model.rglob("*"))
    return [file for file in files if file.is_file()]


def size_of(files: Sequence[Path]) -> int:
    """Bytes."""
    return sum(file.stat().st_size for file in files)


def copy(run: RunPaths, files: Sequence[Path], destination: Path) -> int:
    """Copy files of a run into another folder, each to its own place.

    Returns:
        Their number.
    """
    for file in files:
        target = destination / file.relative_to(run.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return len(files)


def send(run: RunPaths, files: Sequence[Path], out: TextIO, limit_mb: float) -> None:
    """Print files of a run, so that `receive` can read them.

    Raises:
        RunMistake: they are too many for a log.
    """
    if (size := size_of(files)) > limit_mb * 1e6:
        largest = max(files, key=lambda file: file.stat().st_size)
        said = f"{size / 1e6:.1f} MB are too much for a job's log (limit {limit_mb:g} MB); the largest is {largest}."
        remedy = f"Add `--no-model`, raise `--limit-mb`, or copy {run.folder} where the storage is seen (`rsync`)."
        raise RunMistake(Problem(said, remedy))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for file in files:
            archive.add(file, arcname=str(file.relative_to(run.folder)), recursive=False)
    content = packed.getvalue()
    out.write(f"{_BEGIN}{hashlib.sha256(content).hexdigest()} {run.folder.name}\n")
    out.write(base64.encodebytes(content).decode("ascii"))
    out.write(f"{_END}\n")
    out.flush()


@dataclass(frozen=True)
class Parcel:
    """What `send` printed, read back.

    Attributes:
        name: of the run's folder there.
        content: the archive.
    """

    name: str
    content: bytes

    def unpack(self, destination: Path) -> int:
        """Unpack the files into a folder.

        Returns:
            Their number.
        """
        destination.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(self.content), mode="r:gz") as archive:
            members = archive.getmembers()
            archive.extractall(destination, filter="data")  # which refuses whatever would lie elsewhere
        return len(members)

    @property
    def events(self) -> bytes:
        """The run's event log as it was there."""
        with tarfile.open(fileobj=io.BytesIO(self.content), mode="r:gz") as archive:
            found = archive.extractfile(RunPaths(Path()).events.name)
            assert found is not None, "a run is known by its event log"
            return found.read()


def received(log: str) -> Parcel:
    """What `send` printed.

    Raises:
        SurroundingsFailure: it isn't there, or not whole.
        RunMistake: it is called as no folder of a run is.
    """
    head, lines = "", []
    for line in _between(log):
        if head:
            lines.append(line)
        else:
            head = line
    digest, _, name = head.partition(" ")
    content = base64.b64decode("".join(lines))
    if not name or hashlib.sha256(content).hexdigest() != digest:
        raise SurroundingsFailure("What the cluster sent is not whole. Try once more; it can do no harm.")
    if Path(name).name != name or name.startswith((".", "-")):  # jobs are the cluster's, and so may be whoever answers
        raise RunMistake(Problem(f"the cluster calls the run {name!r}, which is no name of a folder.", "Nothing was brought."))
    return Parcel(name, content)


def _between(log: str) -> Iterator[str]:
    """Digest and name, then the lines of base64."""
    inside = False
    for line in log.splitlines():
        if line.startswith(_BEGIN):
            inside = True
            yield line.removeprefix(_BEGIN).strip()
        elif line.startswith(_END):
            return
        elif inside:
            yield line.strip()
