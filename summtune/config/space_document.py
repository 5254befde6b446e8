"""A search space's file, the command line's assignments laid into its top level, and messages that say which of them a value is from."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from summtune import paths
from summtune.config.environment import read_value, split_assignments
from summtune.config.places import is_there
from summtune.config.space_file import SpaceFile
from summtune.documents import Document, KeyPath, read_document
from summtune.errors import Problem, SettingsMistake
from summtune.space.naming import Unfit
from summtune.space.values import brief

# Keys of the search space itself that may be assigned; all others are settings.
ASSIGNABLE = (
    *("name", "description", "base", "method", "count", "run_cap", "budget", "patience_trials", "seeds", "baseline", "metric", "resources"),
    *("early_terminate", "decode", "warm_start"),
)
_SECTIONS = ("data", "wandb", "project", "entity", "settings")  # which are settings, or hold them
_UNASSIGNABLE = tuple(name for name in SpaceFile.model_fields if name not in (*ASSIGNABLE, *_SECTIONS))
_TRIALS = ("count", "run_cap", "budget.trials")
_WORDS = {"early_terminate": "type"}  # `early_terminate: none` says {type: none}
_TEXT = ("name", "description", "base", "method", "metric.name", "metric.goal")


@dataclass
class SpaceDocument:
    """A search space.

    Attributes:
        document: the file, its value with the assignments laid in.
        assigned: paths that an assignment gave.
        settings: the assignments of settings: (key, text).
        problems: assignments that aren't any.
    """

    document: Document
    assigned: set[KeyPath] = field(default_factory=set)
    settings: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def value(self) -> dict[str, Any]:
        """The top level.

        Raises:
            SettingsMistake: the file holds none.
        """
        value = self.document.value
        if not isinstance(value, dict):
            given = "the file says nothing" if value is None else f"this is {'a list' if isinstance(value, list) else 'a single value'}"
            remedy = "Write `parameters:` and below it, indented, what varies."
            raise SettingsMistake(self.document.problem((), f"{given}, and a search space is meant here.", remedy))
        return value

    def problem(self, path: KeyPath, reason: str, remedy: str = "") -> Problem:
        """A problem with the value at a path, wherever it came from."""
        if any(path[:length] in self.assigned for length in range(1, len(path) + 1)):
            return Problem(reason, remedy, f"--set {'.'.join(str(part) for part in path)}")
        return self.document.problem(path, reason, remedy)


def read_space(path: Path, assignments: Sequence[str]) -> SpaceDocument:
    """Read a search space and lay the assignments over its top level.

    Raises:
        SettingsMistake: the file can't be read.
    """
    document = read_document(located(path))
    space = SpaceDocument(replace(document, value=copy.deepcopy(document.value)))
    pairs, unread = split_assignments(assignments)
    space.problems.extend(unread)
    for key, text in pairs:
        if key.partition(".")[0] in ASSIGNABLE:
            _assign(space, key, text)
        elif key.partition(".")[0] in _UNASSIGNABLE or key == "settings":
            reason = "it is a key of the search space that can't be assigned."
            space.problems.append(Problem(reason, "Write it in the file.", f"--set {key}"))
        else:
            space.settings.append((key.removeprefix("settings."), text))
    return space


def says_what_varies(value: Any) -> bool:
    """Whether a file's content is that of a search space, rather than sections of settings."""
    return isinstance(value, dict) and ("parameters" in value or "decode" in value)


def located(path: Path) -> Path:
    """The file that a person means: a path, or the bare name of one in `search_spaces/` or `config/sweep/`, here or shipped."""
    if is_there(path) or path.name != str(path) or path.suffix in (".yaml", ".yml"):
        return path
    for folder in (Path("search_spaces"), Path("config/sweep"), paths.shipped("search_spaces")):
        for suffix in (".yaml", ".yml"):
            if (candidate := folder / f"{path}{suffix}").is_file():
                return candidate
    return path


def _assign(space: SpaceDocument, key: str, text: str) -> None:
    path = tuple(key.split("."))
    try:
        value, _ = read_value(text, key in _TEXT)
    except Unfit as unfit:
        space.problems.append(Problem(unfit.reason, unfit.remedy, f"--set {key}"))
        return
    here = space.value
    for length, part in enumerate(path[:-1], 1):
        there = here.get(part)
        if part in _WORDS and isinstance(there, str):
            here[part] = {_WORDS[part]: there}
        elif there is None:
            here[part] = {}
        elif not isinstance(there, dict):
            whole = ".".join(path[:length])
            reason = f"{whole} is {brief(there)}, which has no {path[length]}."
            space.problems.append(Problem(reason, f"Assign {whole} as a whole first: '{whole}={{…}}'.", f"--set {key}"))
            return
        here = here[part]
    here[path[-1]] = value
    for word in _TRIALS if key in _TRIALS else ():
        if word != key:  # three words for one thing: what is typed counts
            _forget(space, word)
    space.assigned.add(path)


def _forget(space: SpaceDocument, key: str) -> None:
    *outer, last = key.split(".")
    here: Any = space.value
    for part in outer:
        here = here.get(part) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here.pop(last, None)
