"""Paths among the settings: made absolute by whoever knows what they are relative to, so that a trial may run in any folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from summtune.config.metric_file import is_own
from summtune.space.bundle import Bundle
from summtune.space.naming import Unfit
from summtune.space.parameters import Choice, Constant, Parameter

_PATH_KEYS = ("data.train", "data.dev", "data.test", "general.data_path", "training.deepspeed")
_CHECKPOINT_KEYS = ("model.checkpoint", "general.model_name")

PACKED_ROOT = "SUMMTUNE_PACKED_ROOT"
"""The variable that names the folder which stands for `/` where the files of a submitted run were unpacked (`cluster.unpacking`)."""


def resolved_path(value: str, folder: Path) -> str:
    """A path in a file, absolute; `~` is the home folder.

    Raises:
        Unfit: it begins with the home of someone who isn't there, or holds what no path may.
    """
    try:
        return str(_unpacked((folder / Path(value).expanduser()).absolute()))
    except (RuntimeError, ValueError) as error:
        raise Unfit(f"{value!r} is no path: {error}.", "Check it.") from None


def _unpacked(path: Path) -> Path:
    """Where an absolute path of the machine that submitted this run lies here; the path itself where it did not come along."""
    root = os.environ.get(PACKED_ROOT)
    if not root:
        return path
    here = Path(root) / path.relative_to("/")
    return here if is_there(here) else path


def path_values(key: str, value: Any) -> list[str]:
    """The paths that a placed value of a setting holds: of files, and of a checkpoint that is no name on the hub."""
    if key == "evaluation.metrics" and isinstance(value, (list, tuple)):
        return [name for name in value if isinstance(name, str) and is_own(name)]
    if not isinstance(value, str):
        return []
    return [value] if key in _PATH_KEYS or (key in _CHECKPOINT_KEYS and value.startswith("/")) else []


def placed(key: str, value: Any, folder: Path | None) -> Any:
    """A checked value; where it is a path, absolute.

    Raises:
        Unfit: it can't be a path.
    """
    if folder is None:
        return value
    if key == "evaluation.metrics" and isinstance(value, (list, tuple)):
        return type(value)(resolved_path(name, folder) if isinstance(name, str) and is_own(name) else name for name in value)
    if not isinstance(value, str):
        return value
    if key in _PATH_KEYS:
        return resolved_path(value, folder)
    return resolved_checkpoint(value, folder) if key in _CHECKPOINT_KEYS else value


def placed_parameter(parameter: Parameter, folder: Path) -> Parameter:
    """A parameter whose values that are paths are absolute.

    Raises:
        Unfit: one of them can't be a path.
    """
    if isinstance(parameter, Constant):
        return replace(parameter, value=placed(parameter.key, parameter.value, folder))
    if isinstance(parameter, Choice):
        return replace(parameter, values=tuple(placed(parameter.key, value, folder) for value in parameter.values))
    if isinstance(parameter, Bundle):
        options = tuple(
            (label, tuple((key, placed(key, value, folder)) for key, value in settings)) for label, settings in parameter.options
        )
        return replace(parameter, options=options)
    return parameter


def is_there(path: Path) -> bool:
    """Whether there is a file or a folder; a name that no file system takes isn't one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def resolved_checkpoint(value: str, folder: Path) -> str:
    """A checkpoint's local folder, absolute, where there is one or a path is plainly meant; otherwise a name on the hub."""
    plainly = value.startswith((".", "/", "~"))
    return resolved_path(value, folder) if plainly or is_there(folder / value) else value
