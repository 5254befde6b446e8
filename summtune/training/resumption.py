"""Finds a checkpoint that a training can go on from: sealed, unchanged, and holding nothing that could run code when it is loaded.

A manifest's checksums tell of damage, not of malice: whoever changes a checkpoint can seal it anew. So what transformers loads by
unpickling is first loaded here in the restricted way (`weights_only`), which gives tensors and numbers or nothing. It must not know
which training asks.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from summtune.errors import Problem, RunMistake
from summtune.training.checkpoints import sealed_checkpoints, verify
from summtune.training.trainer import PROGRESS_FILE

_PICKLES = re.compile(r"(optimizer|scheduler|scaler|rng_state(_\d+)?)\.(pt|pth)|optimizer\.bin|pytorch_model_fsdp\.bin")
"""What transformers and accelerate write by pickling, and torch reads back restrictedly."""
_CODE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".py")


@dataclass(frozen=True)
class Found:
    """What a search for a checkpoint to resume came to.

    Attributes:
        folder: the first that can be resumed; None where none can.
        faults: what is wrong with those before it.
    """

    folder: Path | None
    faults: tuple[str, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """A sentence for the person about each that was passed over."""
        instead = f"training goes on from {self.folder}" if self.folder is not None else "training begins anew"
        return tuple(f"{fault} That checkpoint is passed over: {instead}." for fault in self.faults)


def read_record(checkpoint: Path) -> dict[str, Any]:
    """What our side of a training wrote into a checkpoint: step, standing, history, what was under way, objective, settings, data."""
    record: dict[str, Any] = json.loads((checkpoint / PROGRESS_FILE).read_text(encoding="utf-8"))
    return record


def faults_of(checkpoint: Path) -> list[str]:
    """Why a checkpoint can't be resumed; empty where it can be. Reads all of it."""
    return verify(checkpoint) or [*_record_faults(checkpoint), *_code_in(checkpoint)]


def first_whole(candidates: Iterable[Path]) -> Found:
    """The first of these checkpoints that can be resumed."""
    faults: list[str] = []
    for folder in candidates:
        wrong = faults_of(folder)
        if not wrong:
            return Found(folder, tuple(faults))
        faults += wrong
    return Found(None, tuple(faults))


def whole_checkpoint(asked: Path) -> Found:
    """The checkpoint that was asked for, or, where that can't be resumed, the one before it in the same folder.

    Raises:
        RunMistake: it is no checkpoint, or none there can be resumed; says of each what is wrong.
    """
    key = "--resume-from-checkpoint"
    step = _step(asked)
    if not asked.is_dir() or step is None:
        near = sealed_checkpoints(asked) or sealed_checkpoints(asked / "checkpoints") or sealed_checkpoints(asked.parent)
        what = "is no checkpoint" if asked.exists() else "is not there"
        remedy = f"Give {near[-1]}." if near else "Give a folder checkpoint-<step> of an experiment's checkpoints."
        raise RunMistake(Problem(f"{asked} {what}.", remedy, key=key))
    steps = {number: folder for folder in asked.parent.iterdir() if (number := _step(folder)) is not None and number < step}
    found = first_whole([asked, *(steps[number] for number in sorted(steps, reverse=True))])
    if found.folder is None:
        none = f"no checkpoint of {asked.parent} can be resumed."
        raise RunMistake([*(Problem(fault, key=key) for fault in found.faults), Problem(none, "Begin the training again.", key=key)])
    return found


def _step(folder: Path) -> int | None:
    found = re.fullmatch(r"checkpoint-(\d+)", folder.name)
    return int(found[1]) if found else None


def _record_faults(checkpoint: Path) -> list[str]:
    try:
        record = read_record(checkpoint)
        record["step"], record["standing"]["iteration"], record["history"], record["under_way"]  # all that is asked of it
        record["objective"], record["settings"], record["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{checkpoint / PROGRESS_FILE} is missing or not summtune's: this checkpoint is another program's, or another version's."]
    return []


def _code_in(checkpoint: Path) -> list[str]:
    """Files of a checkpoint that summtune didn't write, or that hold more than tensors and numbers."""
    import torch
    from transformers.trainer_pt_utils import safe_globals

    faults = []
    for file in sorted(checkpoint.iterdir()):
        if _PICKLES.fullmatch(file.name):
            try:
                with safe_globals():  # numpy's random state
                    # Mapped, not read: what is looked for is in the pickle, and the tensors' bytes are left where they are.
                    torch.load(file, map_location="cpu", weights_only=True, mmap=True)
            except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError) as problem:
                reason = "holds more than tensors and numbers, and could run code" if _is_refusal(problem) else "is not as torch writes it"
                faults.append(f"{file} {reason}: it is not loaded.")
        elif file.suffix in _CODE and file.name not in ("zero_to_fp32.py", "zero_to_torch.py"):  # DeepSpeed's, which nobody runs
            faults.append(f"{file} is no file of a summtune checkpoint, and could run code: it is not loaded.")
    return faults


def _is_refusal(problem: Exception) -> bool:
    return isinstance(problem, pickle.UnpicklingError)
