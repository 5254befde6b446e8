"""`summtune doctor`: what this machine offers, and what stands in the way; with an address, what a cluster does (`doctor_cluster`)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from summtune.cli.cluster_options import CodeOption, Plaintext
from summtune.cluster.probe import HUB, PACKAGES, reachable
from summtune.errors import Problem, RunMistake, SettingsMistake


def doctor(
    address: Annotated[
        str | None,
        typer.Option(help="Job server of a cluster (its dashboard) that is to be looked at in place of this machine.", metavar="URL"),
    ] = None,
    code: CodeOption = None,
    plaintext: Plaintext = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Say what this machine offers: versions, GPUs, model hub, W&B, disk. With --address, whether that cluster is fit for runs."""
    if address is not None:
        from summtune.cli.doctor_cluster import doctor_cluster

        return doctor_cluster(address, code, plaintext=plaintext, as_json=as_json)
    if code is not None or plaintext:
        raise RunMistake(Problem("options of a cluster mean nothing without a cluster.", "Add `--address URL`."))
    checks = {
        "python": _python(),
        "packages": _packages(),
        "cpus": _cpus(),
        "gpus": _gpus(),
        "korean": _korean(),
        "hub": _hub(),
        "wandb": _wandb(),
        "disk": _disk(),
        "cache": _cache(),
    }
    if as_json:
        typer.echo(json.dumps(checks, ensure_ascii=False, indent=2))
    else:
        for name, check in checks.items():
            typer.echo(f"{'ok ' if check['ok'] else '-- '} {name:9} {check['says']}")
    return 0 if checks["packages"]["ok"] and checks["disk"]["ok"] else 3


def _python() -> dict[str, Any]:
    import platform
    import sys

    return {"ok": sys.version_info >= (3, 11), "says": f"{platform.python_version()} on {platform.platform()}"}


def _packages() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    missing = [name for name, installed in found.items() if installed == "missing"]
    return {"ok": not missing, "says": ", ".join(f"{name} {installed}" for name, installed in found.items()), "versions": found}


def _cpus() -> dict[str, Any]:
    import os

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"ok": True, "says": f"{len(os.sched_getaffinity(0))} CPUs, {memory:.0f} GiB of memory", "cpus": len(os.sched_getaffinity(0))}


def _gpus() -> dict[str, Any]:
    from summtune.training.devices import cuda_devices

    try:
        names = cuda_devices()
    except ImportError as error:
        return {"ok": False, "says": f"torch can't be loaded: {error}", "gpus": []}
    return {"ok": bool(names), "says": ", ".join(names) or "none that CUDA sees: trials run on CPUs, one each", "gpus": names}


def _korean() -> dict[str, Any]:
    from summtune.metrics._words import words

    try:
        cut = words("호킨스 의사는 매년 검진을 권장합니다.", "mecab")
    except ImportError as error:
        return {"ok": False, "says": f"morphemes can't be had: {error}"}
    except SettingsMistake as mistake:  # it says what to install
        problem = mistake.problems[0]
        return {"ok": False, "says": f"morphemes can't be had: {problem.reason} {problem.remedy}"}
    return {"ok": len(cut) > 6, "says": "morphemes: " + " ".join(cut)}


def _hub() -> dict[str, Any]:
    import os

    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return {"ok": False, "says": "offline by HF_HUB_OFFLINE: give local folders as model.checkpoint, or use tiny-kobart"}
    variable, usual = HUB
    address = os.environ.get(variable) or usual
    if fault := reachable(address):
        return {"ok": False, "says": f"{address} can't be reached ({fault}): give local folders as model.checkpoint, or use tiny-kobart"}
    return {"ok": True, "says": f"{address} answers"}


def _wandb() -> dict[str, Any]:
    import os

    from summtune.tuning.mirror import has_key

    mode = os.environ.get("WANDB_MODE")
    if mode:
        return {"ok": mode != "disabled", "says": f"WANDB_MODE={mode}"}
    return {
        "ok": has_key(),
        "says": "has an API key" if has_key() else "no API key: runs are not mirrored (wandb login, or wandb.mode: offline)",
    }


def _disk() -> dict[str, Any]:
    import shutil
    from pathlib import Path

    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return {"ok": free > 2, "says": f"{free:.0f} GiB free here", "free_gib": round(free, 1)}


def _cache() -> dict[str, Any]:
    import os

    from summtune.paths import cache_dir

    folder = cache_dir()
    there = folder if folder.exists() else folder.parent
    while not there.exists():
        there = there.parent
    writable = os.access(there, os.W_OK)
    return {"ok": writable, "says": f"{folder}{'' if writable else ' can not be written: set SUMMTUNE_CACHE'}"}
