"""What a run, or a training by itself, ran on, for `environment.json`: versions, commit, hardware, data fingerprints, command line."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import summtune
from summtune.corpus.check import CorpusFacts

PACKAGES = (
    *("ray", "optuna", "transformers", "torch", "datasets", "accelerate", "evaluate", "wandb"),
    *("rouge-score", "rouge-score-rs", "python-mecab-ko", "kiwipiepy"),
)


def describe_environment(file: str, facts: CorpusFacts, nodes: Sequence[Mapping[str, float]], command: Sequence[str]) -> dict[str, Any]:
    """All of it, as JSON-able values. No environment variables: they may hold secrets.

    Args:
        file: what was asked for, whose checkout's commit is told; empty where it is no file.
        facts: of the data.
        nodes: what each node of the cluster has; empty without one.
        command: the command line.
    """
    return {
        "summtune": summtune.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "git_commit": git_commit(Path(file).parent if file else Path.cwd()),
        "cpus": os.cpu_count(),
        "nodes": [{name: amount for name, amount in node.items() if not name.startswith("node:")} for node in nodes],
        "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "data": facts.to_record(),
        "command": list(command),
        "folder": os.getcwd(),
        "executable": sys.executable,
    }


def package_versions() -> dict[str, str | None]:
    """Installed versions, None for what isn't."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def git_commit(folder: Path) -> str | None:
    """The commit that the folder's checkout is at, marked where files were changed; None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit} (with changes)" if changed else commit
