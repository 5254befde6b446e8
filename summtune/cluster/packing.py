"""Packs what a submitted run needs into one archive, and says what is in it.

    summtune/ data/ search_spaces/   the code, where it travels: what is here may differ from what the cluster has
    files/<whole path here>          the person's files (`contents`)
    summtune-package.json            where the person stood (`unpacking.Manifest`)
    summtune-pad                     half of the secrets (`sealing`)

An archive of our own and not a folder for Ray to pack: Ray would leave out what .gitignore and its own list of excludes name.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import summtune
from summtune import paths
from summtune.cluster.sealing import PAD
from summtune.cluster.unpacking import FILES, MANIFEST, Manifest
from summtune.errors import Problem, RunMistake

Code = Literal["here", "installed"]
DEFAULT_LIMIT_MB = 100.0
"""Ray refuses packages above 512 MiB; far below that its head node, which keeps them in memory, already suffers."""

_CODE = ("**/*.py", "presets/*.yaml", "reporting/templates/*.j2", "shipped/data/*.csv", "shipped/search_spaces/*.yaml")
_BESIDE = {"data": "*.csv", "search_spaces": "*.yaml"}
_MANY = 5


@dataclass(frozen=True)
class Member:
    """One file: where it lies here, and its name in the package."""

    source: Path
    name: str
    size: int


@dataclass(frozen=True)
class Package:
    """What is to travel.

    Attributes:
        members: its files.
        manifest: what it says of itself.
    """

    members: tuple[Member, ...]
    manifest: Manifest

    @property
    def size(self) -> int:
        """Bytes, before they are compressed."""
        return sum(member.size for member in self.members)

    def lines(self) -> list[str]:
        """What is packed and how large it is, for a person."""
        code = [member for member in self.members if not member.name.startswith(f"{FILES}/")]
        own = [member for member in self.members if member.name.startswith(f"{FILES}/")]
        said = [f"code: summtune {self.manifest.version} as it is here, {len(code)} files, {megabytes(_size(code))}"] if code else []
        if not code:
            said.append(f"code: none; the cluster has to have summtune {self.manifest.version} installed")
        largest = sorted(own, key=lambda member: -member.size)
        said += [f"{member.source}, {megabytes(member.size)}" for member in largest[:_MANY]]
        rest = largest[_MANY:]
        return [*said, *([f"and {len(rest)} more files, {megabytes(_size(rest))}"] if rest else [])]

    def check_size(self, limit_mb: float) -> None:
        """Refuse what is too large to travel by way of Ray's head node.

        Raises:
            RunMistake: with the largest files.
        """
        if self.size <= limit_mb * 1e6:
            return
        largest = sorted(self.members, key=lambda member: -member.size)[:_MANY]
        culprits = "; ".join(f"{member.source} {megabytes(member.size)}" for member in largest)
        reason = f"the package has {megabytes(self.size)}, and {limit_mb:g} MB are the limit. The largest: {culprits}."
        remedy = "Put them where the cluster sees them and say `--on-cluster FOLDER`, name a model on the hub, or raise `--limit-mb`."
        raise RunMistake(Problem(reason, remedy))

    @property
    def holds_code(self) -> bool:
        """Whether the code travels."""
        return any(member.name.startswith("summtune/") for member in self.members)

    def write(self, archive: Path, pad: bytes) -> Path:
        """Write it as a zip archive, together with a pad if there is one."""
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for member in self.members:
                packed.writestr(_entry(member.name), member.source.read_bytes())
            packed.writestr(_entry(MANIFEST), self.manifest.to_json())
            if pad:
                packed.writestr(_entry(PAD), pad)
        return archive


def pack(files: Iterable[Path], code: Code) -> Package:
    """Choose what travels: these files, and the code if it does."""
    own = sorted((_member(file, FILES + str(file)) for file in files), key=lambda member: member.name)
    members = (*(sorted(_code(), key=lambda member: member.name) if code == "here" else ()), *own)
    return Package(members, Manifest(summtune.__version__, _digest(own), str(Path.cwd()), str(Path.home())))


def pack_module(name: str) -> Package:
    """One module alone, with the packages that it lies in; for what has to work where nothing is installed."""
    package = Path(summtune.__file__).resolve().parent
    file = package.parent / Path(*name.split(".")).with_suffix(".py")
    above = [folder / "__init__.py" for folder in file.parents if folder.is_relative_to(package)]
    members = tuple(_member(one, str(one.relative_to(package.parent))) for one in (file, *above))
    return Package(members, Manifest(summtune.__version__, "", str(Path.cwd()), str(Path.home())))


def in_checkout() -> bool:
    """Whether this summtune is a checkout that its person may have changed, and not an installed version."""
    return not (Path(summtune.__file__).parent / "shipped").is_dir()


def megabytes(size: int) -> str:
    """A size for a person."""
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.1f} kB"


def _code() -> Iterator[Member]:
    package = Path(summtune.__file__).resolve().parent
    for pattern in _CODE:
        for file in package.glob(pattern):
            yield _member(file, f"summtune/{file.relative_to(package)}")
    if in_checkout():
        for kind, pattern in _BESIDE.items():
            for file in paths.shipped(kind).glob(pattern):
                yield _member(file, f"{kind}/{file.name}")


def _member(file: Path, name: str) -> Member:
    return Member(file, name, file.stat().st_size)


def _digest(members: Sequence[Member]) -> str:
    """Of names and contents; empty without any."""
    digest = hashlib.sha256()
    for member in members:
        for part in (member.name.encode(), member.source.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16] if members else ""


def _entry(name: str) -> zipfile.ZipInfo:
    """With the same date always: the same contents make the same archive, which Ray uploads once."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _size(members: Iterable[Member]) -> int:
    return sum(member.size for member in members)
