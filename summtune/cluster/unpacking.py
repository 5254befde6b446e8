"""Inside a submitted job: puts what came along where it belongs, and makes the job stand where the person stood.

The package holds the person's files under `files/`, each at its whole path on the machine that submitted. They are copied into the
cluster's storage, into a folder named by their content: every node sees them there, a resume finds them again, and ten runs with
the same data share one copy. That folder then stands for `/`: relative paths are right as they are, absolute ones are found below it
(`config.places`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import summtune
from summtune.cluster.inside import Job, current_job, in_job
from summtune.cluster.sealing import open_here
from summtune.config.places import PACKED_ROOT
from summtune.errors import Problem, RunMistake, SurroundingsFailure

FILES = "files"
MANIFEST = "summtune-package.json"
_PACKAGES = ".packages"


@dataclass(frozen=True)
class Manifest:
    """What a package says of itself.

    Attributes:
        version: of the summtune that made it.
        digest: of the files under `files/`, names and contents; empty where there are none.
        folder: where the person stood.
        home: the person's home folder, which `~` means in their files.
    """

    version: str
    digest: str
    folder: str
    home: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def entered(environ: MutableMapping[str, str]) -> Job | None:
    """The job that this process runs in, with all that came along in its place; None where it runs in none.

    Raises:
        RunMistake: the cluster doesn't say where results lie, or another version of summtune made the package.
        SurroundingsFailure: the storage can't be written.
    """
    if in_job(environ):
        open_here(environ)  # which may say where results lie
    job = current_job(environ)
    if job is not None:
        _unpack(job, environ)
    return job


def _unpack(job: Job, environ: MutableMapping[str, str]) -> None:
    """Unpack the files, if this job's folder is a package of ours; a job of `ray job submit` stays where it is."""
    try:
        record = json.loads(Path(MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    manifest = Manifest(**record)
    if manifest.version != summtune.__version__:
        reason = f"the cluster has summtune {summtune.__version__}, and {manifest.version} submitted this."
        raise RunMistake(Problem(reason, "Install the same version on both, or submit with `--code here`."))
    if not manifest.digest:
        return
    try:
        root = _kept(Path(FILES), job.storage / _PACKAGES / manifest.digest, home=manifest.home)
    except OSError as error:
        raise SurroundingsFailure(
            f"{error.strerror or error}: {error.filename or job.storage}. The files can't be unpacked there."
        ) from error
    environ[PACKED_ROOT] = str(root)
    folder = root / manifest.folder.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)


def _kept(files: Path, place: Path, *, home: str) -> Path:
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
        shutil.copytree(files, temporary)
        try:
            temporary.rename(place)
        except OSError:  # another job with the same files was quicker
            shutil.rmtree(temporary, ignore_errors=True)
            if not place.is_dir():
                raise
    ours, theirs = place / str(Path.home()).lstrip("/"), place / home.lstrip("/")
    if theirs.is_dir() and not ours.exists():  # `~` in the files means their home folder, not that of whoever executes jobs
        ours.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            ours.symlink_to(os.path.relpath(theirs, ours.parent), target_is_directory=True)
    return place
