"""Finds plug-ins: one file of a folder is one plug-in, and the file's name is its name in YAML.

Folders are `families`, `metrics`, `search/methods` and `search/stopping`. The head of a plug-in's file is its declaration, free of torch
and ray, so that whoever validates may look at all of them. Packages of others add theirs under the entry-point
group `summtune.<folder>`, a person a single file by its path. What a declaration holds is its folder's own affair (its `__init__` says it).
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal

Folder = Literal["families", "metrics", "search.methods", "search.stopping"]


@cache
def names(folder: Folder) -> tuple[str, ...]:
    """Names of all plug-ins of a folder, sorted: the files that don't begin with `_`, and entry points."""
    here = Path(__file__).parent.joinpath(*folder.split("."))
    own = {file.stem for file in here.glob("*.py") if not file.stem.startswith("_")}
    return tuple(sorted(own | {point.name for point in entry_points(group=f"summtune.{folder}")}))


@cache
def load(folder: Folder, name: str) -> ModuleType:
    """The plug-in's module.

    Raises:
        KeyError: no such plug-in; the message lists those that there are.
    """
    if name not in names(folder):
        raise KeyError(f"{folder} has no {name!r}; it has {', '.join(names(folder))}")
    for point in entry_points(group=f"summtune.{folder}", name=name):
        module = point.load()
        assert isinstance(module, ModuleType), f"the entry point {point.value} is not a module"
        return module
    return importlib.import_module(f"summtune.{folder}.{name}")


def load_file(path: Path) -> ModuleType:
    """A person's own file as a module; run once per process, and again when its content has changed.

    Raises:
        OSError: it can't be read.
        Exception: whatever running it raises.
    """
    source = path.read_bytes()
    name = f"summtune_own_{hashlib.sha256(source).hexdigest()[:16]}"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module  # dataclasses look their module up there
        try:
            # Not by an import, which would leave a folder of bytecode beside a person's file.
            exec(compile(source, str(path), "exec"), module.__dict__)
        except BaseException:  # Ctrl-C, too, must leave no half-made module to be found by the next caller
            del sys.modules[name]
            raise
    return sys.modules[name]
