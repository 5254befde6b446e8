"""Which files a search space names, and which of them have to come along: those that are here, and that the cluster doesn't see itself.

It is a list of what is wanted, never of what is not: nothing travels because it happens to lie beside something.
It must not know how files travel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from summtune.config.experiment import Experiment
from summtune.config.named_paths import named_paths
from summtune.errors import Problem, SettingsMistake
from summtune.paths import RunPaths

MODEL_SUFFIXES = (".bin", ".gguf", ".jinja", ".json", ".model", ".py", ".safetensors", ".txt")
"""Of files directly in a checkpoint's folder: configuration, tokenizer, weights, code of its own; no states of optimisers, no folders."""

_FOLDERS = {"model.checkpoint": True, "general.model_name": True, "general.data_path": False}
"""Keys that name a folder, and whether its files are wanted: those of a data folder are named one by one, by data.train and its like."""


@dataclass(frozen=True)
class Contents:
    """What a search space names.

    Attributes:
        files: to be packed, each by its absolute path.
        on_cluster: paths that are left as they are, since the cluster sees them.
    """

    files: tuple[Path, ...]
    on_cluster: tuple[str, ...]


def contents(experiment: Experiment, on_cluster: Sequence[str]) -> Contents:
    """The files of an experiment.

    Args:
        experiment: as it was read here.
        on_cluster: folders that the cluster sees under the same path.

    Raises:
        SettingsMistake: a path is neither here nor under one of them.
    """
    prefixes = [os.path.abspath(prefix) for prefix in on_cluster]
    wanted: list[Path] = [_plain(experiment.file), *_bases(experiment)]
    left: list[str] = []
    problems: list[Problem] = []
    for key, value in named_paths(experiment):
        path = _plain(value)
        if any(path.is_relative_to(prefix) for prefix in prefixes):
            left.append(str(path))
        elif path.is_dir() and key in _FOLDERS:
            wanted += _of_folder(path) if _FOLDERS[key] else []
        elif path.is_file():
            wanted.append(path)
        else:
            remedy = f"If the cluster sees it under this path, say so: `--on-cluster {path.parent}`."
            problems.append(Problem(f"there is no {'folder' if key in _FOLDERS else 'file'} {path} here.", remedy, key))
    for earlier in map(RunPaths, map(Path, experiment.warm_start)):
        if earlier.events.is_file():
            wanted += [file for file in (earlier.events, earlier.environment, *earlier.metrics.rglob("*")) if file.is_file()]
        else:
            left.append(str(earlier.folder))  # a run in the cluster's storage, by name
    if problems:
        raise SettingsMistake(list(dict.fromkeys(problems)))
    return Contents(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(left)))


def _plain(path: str | Path) -> Path:
    return Path(os.path.normpath(Path(path).absolute()))


def _bases(experiment: Experiment) -> Iterator[Path]:
    """The base file; its name is kept with every value that it gave."""
    for resolved in experiment.beneath:
        for origin in resolved.origins.values():
            if origin.layer == "base" and origin.file:
                yield _plain(origin.file)


def _of_folder(folder: Path) -> list[Path]:
    """A checkpoint's own files."""
    return sorted(file for file in folder.iterdir() if file.is_file() and file.suffix in MODEL_SUFFIXES and not file.name.startswith("."))
