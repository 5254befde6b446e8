"""Paths among the settings: made absolute by whoever knows what they are relative to, so that a trial may run in any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from summtune.space.naming import Unfit

_PATH_KEYS = ("data.train", "data.dev", "data.test", "general.data_path")
_CHECKPOINT_KEYS = ("model.checkpoint", "general.model_name")


def resolved_path(value: str, folder: Path) -> str:
    """A path in a file, absolute; `~` is the home folder.

    Raises:
        Unfit: it begins with the home of someone who isn't there, or holds what no path may.
    """
    try:
        return str((folder / Path(value).expanduser()).absolute())
    except (RuntimeError, ValueError) as error:
        raise Unfit(f"{value!r} is no path: {error}.", "Check it.") from None


def placed(key: str, value: Any, folder: Path | None) -> Any:
    """A checked value; where it is a path, absolute.

    Raises:
        Unfit: it can't be a path.
    """
    if folder is None or not isinstance(value, str):
        return value
    if key in _PATH_KEYS:
        return resolved_path(value, folder)
    return resolved_checkpoint(value, folder) if key in _CHECKPOINT_KEYS else value


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
