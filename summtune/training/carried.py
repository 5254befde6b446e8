"""What a training that is resumed in a folder of its own brings along: the best model so far, and how its settings differ.

It looks where the checkpoint lies: in an experiment's folder, a trial's, or an attempt's. It must not know how training goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from summtune.config.description import read_resolved
from summtune.config.layers import flatten
from summtune.config.settings import Settings
from summtune.corpus.check import CorpusFacts
from summtune.errors import Problem, RunMistake, SummtuneError
from summtune.paths import AttemptPaths, ExperimentPaths, TrialPaths
from summtune.space.values import shown
from summtune.training.best_model import SETTINGS_FILE, write_best_model
from summtune.training.resumption import read_record

_FIXED = ("model.", "tokenizer.vocab_size", "tokenizer.special_tokens", "training.optim")
"""What a checkpoint is made of: weights, tokens, the optimiser's state."""
_OF_THE_PLACE = (
    "meta.",
    "wandb.",
    "inference.",
    "general.output_dir",
    "general.storage",
    "general.data_path",
    "general.log_level",
    "general.device",
)
_TIDINESS = (
    *("training.save_total_limit", "training.keep_checkpoint", "training.save_steps", "training.timeout_s"),
    "training.per_device_eval_batch_size",
)


def settings_file(checkpoint: Path) -> Path | None:
    """The settings.yaml of the training that a checkpoint belongs to; None where it was taken out of its folder."""
    return next((TrialPaths(home).settings for home in _homes(checkpoint) if TrialPaths(home).settings.is_file()), None)


def differences(checkpoint: Path, settings: Settings, facts: CorpusFacts) -> list[str]:
    """What a person should know of how this training differs from the one that the checkpoint belongs to; a sentence each.

    Raises:
        RunMistake: they differ in what the checkpoint is made of.
    """
    file = settings_file(checkpoint)
    try:
        before = read_resolved(file.read_text(encoding="utf-8")) if file is not None else None
    except (OSError, ValueError, SummtuneError):
        before = None
    if before is None:
        return [f"Nothing beside {checkpoint.name} says which settings it was trained with: whether these are the same is yours to know."]
    mine, theirs = flatten(settings.model_dump(mode="json")), flatten(before.model_dump(mode="json"))
    changed = {key: (theirs.get(key), mine.get(key)) for key in dict.fromkeys([*theirs, *mine]) if theirs.get(key) != mine.get(key)}
    problems = [
        Problem(f"it is {shown(now)}, and {checkpoint.name} was trained with {shown(then)}.", "Resume with the same.", key=key)
        for key, (then, now) in changed.items()
        if key.startswith(_FIXED) and key != "model.preset"
    ]
    if problems:
        raise RunMistake(problems)
    said = []
    told = [
        f"{key} {shown(then)} → {shown(now)}"
        for key, (then, now) in changed.items()
        if not key.startswith((*_FIXED, *_OF_THE_PLACE, *_TIDINESS))
    ]
    if told:
        said.append(f"It goes on with other settings than it began with: {', '.join(told)}.")
    return said + _changed_data(checkpoint, facts)


def carry_best_model(checkpoint: Path, attempt: AttemptPaths, settings: Settings) -> str:
    """Bring the best model so far into the attempt, by hard links where the file system can.

    Returns:
        A sentence where it can't be had any more, so that the best of what follows has to do; else nothing.
    """
    record = read_record(checkpoint)
    standing = record["standing"]
    iteration = standing["best_iteration"]
    if iteration is None:
        return ""
    target = attempt.best_model(iteration)
    for home in _homes(checkpoint):
        for model in (AttemptPaths(home).best_model(iteration), TrialPaths(home).best_model):
            if _iteration(model) == iteration:
                _link_tree(model, target)
                predictions = TrialPaths(home).predictions
                if predictions.is_file() and not (target / predictions.name).exists():
                    shutil.copyfile(predictions, target / predictions.name)
                return ""
    if iteration == standing["iteration"] and record["predictions"] is not None:
        made = {"iteration": iteration, "metrics": record["history"][-1], "scoring": record["scoring"]}
        write_best_model(target, checkpoint, settings, made, record["predictions"])
        return ""
    return f"The best model so far, that of evaluation {iteration}, is not beside {checkpoint.name}: the best of what follows is kept."


def _homes(checkpoint: Path) -> Iterator[Path]:
    """Folders that a checkpoint may belong to: <home>/checkpoints/<checkpoint>, or <home>/attempts/<n>/checkpoints/<checkpoint>."""
    above = checkpoint.absolute().parents
    if len(above) > 1:  # anything may be given, also what lies right below the root
        yield above[1]
    if len(above) > 3 and above[2] == TrialPaths(above[3]).attempts:
        yield above[3]


def _iteration(model: Path) -> Any:
    try:
        return json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8")).get("iteration")
    except (OSError, ValueError):
        return None


def _link_tree(source: Path, target: Path) -> None:
    def link(here: str, there: str) -> None:
        try:
            os.link(here, there)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(here, there)

    shutil.copytree(source, target, copy_function=link)


def _changed_data(checkpoint: Path, facts: CorpusFacts) -> list[str]:
    """Whether the files have other content than when the training began, where that is known."""
    said = []
    for home in _homes(checkpoint):
        try:
            then = json.loads(ExperimentPaths(home).environment.read_text(encoding="utf-8"))["data"]
        except (OSError, ValueError, KeyError):
            continue
        for name, split in facts.splits.items():
            if name in then and then[name]["file"] == split.file and then[name]["fingerprint"] != split.fingerprint:
                said.append(f"{split.file} has changed since the training began: it does not go on exactly.")
    return said
