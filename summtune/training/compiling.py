"""`training.torch_compile`: whether this node can, and that a compiled training leaves nothing behind.

It must not know what is compiled.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from summtune.config.settings import Training
from summtune.errors import Problem, SettingsMistake

_DYNAMIC = "ACCELERATE_DYNAMO_USE_DYNAMIC"


def prepare_compiling(training: Training, device: Literal["cpu", "cuda"]) -> None:
    """Make sure that what a compiled training needs is there; without `torch_compile` nothing is needed.

    Raises:
        SettingsMistake: something is missing.
    """
    asked: dict[str, Any] = training.model_extra or {}
    if not any(asked.get(key) for key in ("torch_compile", "torch_compile_backend", "torch_compile_mode")):
        return
    if asked.get("torch_compile_backend") in (None, "inductor") and (missing := _missing(device)):
        reason = f"compiling needs {' and '.join(missing)}, which this node lacks."
        raise SettingsMistake(Problem(reason, "Install it, or leave torch_compile out.", key="training.torch_compile"))
    # Batches have many lengths: each would be compiled for itself, up to torch's limit of eight, and the rest not at all.
    os.environ.setdefault(_DYNAMIC, "true")


def forget_compiled() -> None:
    """Drop what was compiled: torch counts it against a limit per function, which the next training's model would reach."""
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()


def _missing(device: Literal["cpu", "cuda"]) -> list[str]:
    """What torch's own compiler backend, inductor, would call and not find."""
    missing = []
    if device == "cpu" and not _program("CXX", "g++", "clang++"):
        missing.append("a C++ compiler (g++ or clang++)")
    if device == "cuda" and not _program("CC", "gcc", "clang"):
        missing.append("a C compiler (gcc or clang)")
    if device == "cuda" and find_spec("triton") is None:
        missing.append("the package triton")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing.append("Python's header files (Python.h; python3-dev on Debian)")
    return missing


def _program(variable: str, *usual: str) -> bool:
    named = os.environ.get(variable)
    return any(shutil.which(name) for name in ([named] if named else usual))
