"""How many workers a trial has, and what they can't do with its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from summtune.config.workers import workers_of

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

TWO = "resources: {workers_per_trial: 2}\n"


@pytest.mark.parametrize(
    ("workers", "gpus", "found"), [(None, None, 1), (None, 0.5, 1), (None, 1, 1), (None, 4, 4), (2, None, 2), (2, 0, 2), (1, 1, 1)]
)
def test_a_worker_for_each_of_several_gpus(workers: int | None, gpus: float | None, found: int) -> None:
    assert workers_of(workers, gpus) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resources: {gpus_per_trial: 1.5}", "1.5 GPUs are neither a fraction of one nor whole ones. Give at most 1, or a whole number."),
        (
            "resources: {workers_per_trial: 2, gpus_per_trial: 1}",
            "2 workers have a GPU each, and 1 are given. Leave it out, or write 2; 0 for workers without GPUs.",
        ),
        (
            "resources: {workers_per_trial: 1, gpus_per_trial: 2}",
            "2 GPUs are for as many workers, and workers_per_trial is 1. Remove one of them.",
        ),
        ("resources: {workers_per_trial: 0}", "resources.workers_per_trial"),
        (
            "settings: {training: {fsdp: full_shard}}",
            "training.fsdp: it shards a model over several workers, and a trial has one. Give resources.workers_per_trial",
        ),
        (
            f"{TWO}settings: {{training: {{fsdp: true}}, general: {{device: cpu}}}}",
            "training.fsdp: accelerate shards models on GPUs only, and general.device is cpu.",
        ),
        (
            "resources: {workers_per_trial: 4}\nsettings: {training: {per_device_train_batch_size: 2}}",
            "a step of 2 rows can't be shared by 4 workers. Give resources.workers_per_trial fewer, or steps more rows.",
        ),
        (
            "resources: {workers_per_trial: 4}\nparameters: {per_device_train_batch_size: {values: [16, 2]}}",
            "a step of 2 rows can't be shared by 4 workers.",
        ),
        (
            "resources: {workers_per_trial: 4}\nparameters: {per_device_train_batch_size: {min: 3, max: 9}}",
            "a step of 3 rows can't be shared by 4 workers.",
        ),
        (
            f"{TWO}settings: {{training: {{train_sampling_strategy: batch_rebalance}}}}",
            "it deals rows out to workers by rules of its own",
        ),
        (f"{TWO}settings: {{training: {{dataloader_drop_last: true}}}}", "which rows are left out would depend on the number of workers."),
        (f"{TWO}settings: {{training: {{accelerator_config: {{split_batches: true}}}}}}", "how rows come to several workers is decided"),
        (
            "resources: {label_selector: {zone: in()}}",
            "label_selector: zone is given as 'in()', which selects nothing. Write `value`, `!value`,",
        ),
        ("resources: {label_selector: {a zone: b}}", "'a zone' can't be a label's name."),
        (f"{TWO}settings: {{training: {{fsdp: true}}}}", "FSDP2 can't shard a model whose encoder and decoder share their embeddings."),
        (
            f"{TWO}base: tiny-kogpt2\nsettings: {{training: {{fsdp: true, fsdp_config: {{state_dict_type: SHARDED_STATE_DICT}}}}}}",
            "training.fsdp_config: checkpoints in shards hold pickles, which summtune doesn't load.",
        ),
        (
            f"{TWO}base: tiny-kogpt2\nsettings: {{training: {{fsdp: true}}, model: {{lora: {{r: 4}}}}}}",
            "adapters and quantised weights can't be put together again for evaluating.",
        ),
    ],
)
def test_what_is_refused(text: str, said: str, refuse: Refuse) -> None:
    found = refuse(f"{text}\n")
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        "resources: {label_selector: {market-type: '!spot', rack: 7}}",
        "resources: {gpus_per_trial: 2}",
        "resources: {workers_per_trial: 2, gpus_per_trial: 2, accelerator_type: A100}",
        f"{TWO}base: tiny-kogpt2\nsettings: {{training: {{fsdp: true, fsdp_config: {{reshard_after_forward: true}}}}}}",
        f"{TWO}settings: {{training: {{fsdp: full_shard, fsdp_config: {{version: 1}}}}}}",
        f"{TWO}settings: {{training: {{dataloader_drop_last: false}}}}",
        f"{TWO}settings: {{training: {{ddp_timeout: 60}}}}",
    ],
)
def test_what_is_not(text: str, load: Load) -> None:
    load(f"{text}\n")


def test_it_is_said_that_a_step_is_shared(load: Load) -> None:
    notices = load(f"{TWO}settings: {{training: {{per_device_train_batch_size: 8, gradient_accumulation_steps: 2}}}}\n").notices
    (said,) = [notice for notice in notices if "workers" in notice]
    assert said == (
        "2 workers share the 16 rows of each optimiser step (per_device_train_batch_size times gradient_accumulation_steps): "
        "what is trained does not depend on how many there are."
    )


def test_settings_of_how_workers_share_are_idle_where_there_is_one(load: Load) -> None:
    assert "training.ddp_timeout has no effect: a trial has one worker." in load("settings: {training: {ddp_timeout: 60}}\n").notices
    assert not any("ddp_timeout" in notice for notice in load(f"{TWO}settings: {{training: {{ddp_timeout: 60}}}}\n").notices)


def test_how_workers_share_is_not_searched(refuse: Refuse) -> None:
    found = refuse(f"{TWO}parameters: {{training.ddp_bucket_cap_mb: {{values: [5, 25]}}}}\n")
    assert any("it changes how workers share a training, not what comes of it" in problem for problem in found), found
