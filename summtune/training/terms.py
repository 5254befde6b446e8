"""What may be otherwise when a training goes on: how long it goes on, how fast it learns, how often it is evaluated.

What its weights, steps and scores are stays: its steps so far would count as other ones, its scores be compared with scores of another
kind. A checkpoint says itself what it was trained with. It must not know how training goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from summtune.config import effects
from summtune.config.layers import flatten
from summtune.config.metrics import declared, title
from summtune.config.settings import Settings, Training
from summtune.corpus.check import CorpusFacts
from summtune.errors import Problem, RunMistake
from summtune.space.values import shown
from summtune.training.arguments import WATCHING
from summtune.training.memory import step_rows
from summtune.training.resumption import read_record

_WEIGHTS = ("model.", "tokenizer.", "training.optim", "training.deepspeed", "training.fsdp")
_STEPS = (
    *("general.seed", "training.data_seed", "training.train_sampling_strategy", "training.dataloader_drop_last"),
    *("training.lr_scheduler_type", "training.lr_scheduler_kwargs"),
)
_SCORES = (
    *("generation.", "evaluation.", "data.dialogue", "data.summary", "data.references", "data.clean"),
    "data.topic",
)
_STAYS = (*_WEIGHTS, *_STEPS, *_SCORES)
_BUT_NOT = ("model.preset", "evaluation.every", "evaluation.proxy_top_k", "evaluation.proxy_front_k", "evaluation.sealed")
"""Of those above: keys that neither weights nor scores depend on."""
_BY_WHAT_IT_COMES_TO = (
    *("evaluation.metrics", "data.train", "data.dev", "data.test", "data.max_train_samples", "data.max_val_samples"),
    *("training.per_device_train_batch_size", "training.gradient_accumulation_steps"),
)
_OF_THE_PLACE = (
    *("meta.", "wandb.", "inference.", "data.id", "model.preset"),
    *("general.output_dir", "general.storage", "general.data_path", "general.log_level", "general.device"),
)
_TIDINESS = (
    *("training.save_total_limit", "training.keep_checkpoint", "training.save_steps", "training.timeout_s"),
    "training.per_device_eval_batch_size",
)
_OF_THE_OPTIMIZER = ("training.learning_rate", "training.weight_decay", "training.adam_")

_Changed = Mapping[str, tuple[Any, Any]]


def differences(checkpoint: Path, settings: Settings, facts: CorpusFacts, best_model: Path | None) -> list[str]:
    """What a person should know of how this training differs from the one that the checkpoint belongs to; a sentence each.

    Args:
        checkpoint: what it goes on from.
        settings: of what goes on.
        facts: of its data.
        best_model: of the training that the checkpoint belongs to, where that is there.

    Raises:
        RunMistake: they differ in what must stay.
    """
    record = read_record(checkpoint)
    before = Settings.model_validate(record["settings"])
    mine, theirs = (flatten(one.model_dump(mode="json")) for one in (settings, before))
    differing = [key for key in dict.fromkeys([*theirs, *mine]) if theirs.get(key) != mine.get(key)]
    changed = {
        key: (theirs.get(key), mine.get(key))
        for key in differing
        if not (effects.idle_rules(theirs, key) and effects.idle_rules(mine, key))
    }
    name = checkpoint.name
    problems = [
        *_other_keys(name, changed),
        *_other_rates(changed, before.training),
        *_other_steps(name, settings.training, before.training, facts.splits["train"].rows, record["data"]["train"]["rows"]),
        *_other_scores(name, settings, record, facts),
    ]
    if problems:
        begin = f"--set model.checkpoint={best_model if best_model is not None else 'FOLDER'}"
        begin += "" if settings.model.load_pretrained else " --set model.load_pretrained=true"
        reason = "what stands above stays as it was where a training goes on."
        remedy = f"Resume with the same, or begin a training of its own from its best model: `{begin}`."
        raise RunMistake([*problems, Problem(reason, remedy, key="--resume-from-checkpoint")])
    told = [
        f"{key} {shown(then)} → {shown(now)}"
        for key, (then, now) in changed.items()
        if not key.startswith((*_BY_WHAT_IT_COMES_TO, *_OF_THE_PLACE, *_TIDINESS))
    ]
    said = [f"It goes on with other settings than it began with: {', '.join(told)}."] if told else []
    train = facts.splits["train"]
    if train.content != record["data"]["train"]["content"]:
        said.append(f"{train.file} has other dialogues or summaries than the training began with: it does not go on exactly.")
    return said


def _other_keys(name: str, changed: _Changed) -> Iterator[Problem]:
    for key, (then, now) in changed.items():
        if key.startswith(_STAYS) and key not in (*_BUT_NOT, *_BY_WHAT_IT_COMES_TO):
            yield Problem(f"it is {shown(now)}, and {name} was trained with {shown(then)}.", key=key)


def _other_rates(changed: _Changed, before: Training) -> Iterator[Problem]:
    """Where not the settings, but what came out of the checkpoint says how fast it learns."""
    if (before.model_extra or {}).get("deepspeed"):
        for key in changed:
            if key.startswith(_OF_THE_OPTIMIZER):
                yield Problem("DeepSpeed goes on with the rates of the checkpoint.", key=key)
    elif before.lr_scheduler_type in WATCHING and "training.learning_rate" in changed:
        reason = f"{before.lr_scheduler_type} has set the rate by what it saw, and goes on from there."
        yield Problem(reason, key="training.learning_rate")


def _other_steps(name: str, now: Training, then: Training, rows: int, rows_then: int) -> Iterator[Problem]:
    """A step, and an epoch, of other rows: transformers finds the epoch by the steps of one."""
    if step_rows(now) != step_rows(then):
        reason = f"a step has {step_rows(now)} rows so, and {name} was trained with steps of {step_rows(then)}."
        yield Problem(reason, key="training.per_device_train_batch_size")
    if rows != rows_then:
        yield Problem(f"there are {rows:,} dialogues to train on, and {name} was trained on {rows_then:,}.", key="data.train")


def _other_scores(name: str, settings: Settings, record: Mapping[str, Any], facts: CorpusFacts) -> Iterator[Problem]:
    dev = facts.splits["dev"]
    if dev.content != record["data"]["dev"]["content"]:
        reason = f"the {dev.rows:,} dialogues of {dev.file} and their summaries are not what {name} was scored by."
        yield Problem(reason, key="data.dev")
    metrics, then = settings.evaluation.metrics, record["settings"]["evaluation"]["metrics"]
    if [title(metric) for metric in metrics] != [title(metric) for metric in then]:
        reason = f"they are {', '.join(map(title, metrics))}, and {name} was scored by {', '.join(map(title, then))}."
        yield Problem(reason, key="evaluation.metrics")
        return
    for metric in metrics:
        if declared(metric).sha256 != record["scoring"][title(metric)].get("sha256", ""):
            yield Problem(f"{title(metric)} has changed since {name} was scored by it.", key="evaluation.metrics")
