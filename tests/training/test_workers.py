"""Several workers train what one would: the same rows in every step, the same losses, one set of files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Lora, Settings
from summtune.errors import SettingsMistake
from summtune.training.job import Job
from summtune.training.memory import DoesNotFit, smaller_than
from summtune.training.ranks import ranks_of_this_process
from summtune.training.resumption import faults_of
from summtune.training.train import train
from tests.simulated_memory import SimulatedMemory
from tests.small_training import Reports, job, small_settings
from tests.workers import together

CAUSAL: dict[str, Any] = {
    "architecture": "kogpt2",
    "config_overrides": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


def settings_of(shared: Path, family: str, train_rows: int = 41, dropout: float = 0.0, **training: Any) -> Settings:
    """The last step of an epoch has 9 rows of 16: one worker has 5 of them, the other 4."""
    training = {"per_device_train_batch_size": 16, "num_train_epochs": 2, "learning_rate": 3e-3, **training}
    model = {"dropout_rate": dropout, **(CAUSAL if family == "causal" else {})}
    return small_settings(shared, train_rows=train_rows, model=model, training=training)


def trained(asked: Job) -> Reports:
    reports = Reports()
    train(asked, reports)
    return reports


def all_trained(jobs: Sequence[Job]) -> list[Reports]:
    """Executed by each worker."""
    return [trained(asked) for asked in jobs]


def by_two(*jobs: Job) -> list[Reports]:
    """What rank 0 of two workers reports of each."""
    first, second = together(2, all_trained, jobs)
    assert not first.error, first.error
    assert not second.error, second.error
    assert all(reports.metrics == [] for reports in second.value), "rank 0 alone reports"
    found: list[Reports] = first.value
    return found


def assert_the_same(several: Reports, one: Reports) -> None:
    def comparable(reports: Reports) -> list[dict[str, float | int]]:
        parted = ("micro_batch_size", "padding_share")
        return [{name: value for name, value in line.items() if name not in parted} for line in reports.lasting()]

    assert comparable(several) == [pytest.approx(line, rel=1e-4, abs=1e-4) for line in comparable(one)]


@pytest.mark.parametrize("family", ["seq2seq", "causal"])
def test_twice_eight_rows_teach_what_sixteen_do(shared: Path, family: str) -> None:
    """Also where steps come in parts, rows in random order, and a worker has no row in an epoch's last step."""
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "parts": {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
        "random": {"train_sampling_strategy": "random", "train_rows": 33},
    }
    settings = {name: settings_of(shared, family, **change) for name, change in changes.items()}
    # The workers come first, and find an empty cache: whichever of them needs something first has to make it.
    jobs = {name: job(shared, one, f"two-{name}-{family}") for name, one in settings.items()}
    several = dict(zip(jobs, by_two(*jobs.values()), strict=True))
    for name, one in settings.items():
        assert_the_same(several[name], trained(job(shared, one, f"one-{name}-{family}")))
    assert [line["micro_batch_size"] for line in several["plain"].metrics] == [8, 8]
    assert [line["micro_batch_size"] for line in several["parts"].metrics] == [4, 4]
    asked = jobs["plain"]
    found = json.loads(asked.attempt.results.read_text())
    parts = {"rows": 8, "gradient_accumulation_steps": 1}
    assert found["micro_batch"] == {**parts, "workers": 2, "asked": parts}
    (best,) = asked.attempt.models.iterdir()
    assert (best / "model.safetensors").is_file()
    assert len((best / "predictions.csv").read_text().splitlines()) == 7, "the dialogues of both"
    assert asked.attempt.log.read_text().count("iteration 1:") == 1
    assert "iteration 1:" not in asked.attempt.log_of(1).read_text()


def test_a_resumed_training_of_two_equals_one_that_was_not_interrupted(shared: Path) -> None:
    """With dropout: each worker goes on with its own random numbers. Bit for bit; also from between two evaluations."""
    settings = settings_of(shared, "seq2seq", dropout=0.1, num_train_epochs=3, save_steps=2, save_total_limit=9)
    whole = job(shared, settings, "uninterrupted")
    checkpoints = whole.attempt.checkpoints
    from_epoch = job(shared, settings, "from-epoch", resume_from=checkpoints / "checkpoint-3")
    from_between = job(shared, settings, "from-between", resume_from=checkpoints / "checkpoint-4")
    one, two, three = by_two(whole, from_epoch, from_between)
    assert [line["step"] for line in one.metrics] == [3, 6, 9]
    assert two.lasting() == three.lasting() == one.lasting()[1:]
    assert {file.name for file in (checkpoints / "checkpoint-4").glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}


def test_adapters(shared: Path) -> None:
    settings = settings_of(shared, "causal")
    lora = Lora(r=4, dropout=0.0)
    adapting = settings.model_copy(update={"model": settings.model.model_copy(update={"lora": lora})})
    asked = job(shared, adapting, "adapters-two")
    (several,) = by_two(asked)
    assert_the_same(several, trained(job(shared, adapting, "adapters-one")))
    (best,) = asked.attempt.models.iterdir()
    assert (best / "model.safetensors").is_file(), "merged"


def with_little_memory(asked: Job, rank: int, positions: int, after: int) -> Reports:
    """Executed by each worker; only one of them has little memory, once so many micro-batches have been learnt from (0: at once)."""
    from summtune.families import seq2seq

    with ranks_of_this_process() as ranks, pytest.MonkeyPatch.context() as patch:
        plenty = 10**9
        memory = SimulatedMemory(patch, seq2seq, positions if ranks.rank == rank and not after else plenty)
        if ranks.rank == rank and after:
            memory.shrink(after, positions)
        reports = Reports()
        try:
            train(asked, reports)
        except DoesNotFit as problem:
            raise RuntimeError(f"to be begun again with {smaller_than(asked, ranks.size, problem)}") from None
        return reports


def test_a_rehearsal_finds_what_fits_all(shared: Path) -> None:
    settings = settings_of(shared, "seq2seq")
    asked = job(shared, settings, "rehearsed", rehearse=True)
    first, second = together(2, with_little_memory, asked, 1, 300, 0)
    assert not first.error, first.error
    assert not second.error, second.error
    assert [line["micro_batch_size"] for line in first.value.metrics] == [4, 4], "rank 0 would have had room for 8"
    assert_the_same(first.value, trained(job(shared, settings, "unrehearsed")))
    (said,) = json.loads(asked.attempt.results.read_text())["notices"]
    assert said.endswith("each step of 16 rows is dealt out to 2 workers as 2 times 4 instead of 1 times 8.")


def test_memory_that_runs_out_later_is_answered_by_beginning_again_together(shared: Path) -> None:
    settings = settings_of(shared, "seq2seq", num_train_epochs=3)
    asked = job(shared, settings, "broken")
    _, second = together(2, with_little_memory, asked, 1, 300, 4)
    said = "Memory ran out in step 5: each step of 16 rows is dealt out to 2 workers as 2 times 4 instead of 1 times 8."
    assert f"to be begun again with (4, '{said}')" in second.error
    again = job(shared, settings, "broken", micro_batch=4, notices=(said,))
    (several,) = by_two(again)
    whole = trained(job(shared, settings, "unbroken"))
    assert [line["iteration"] for line in several.metrics] == [2, 3], "it went on from its last checkpoint"
    whole.metrics = whole.metrics[1:]
    assert_the_same(several, whole)


def test_a_share_that_does_not_divide_evenly_comes_in_smaller_parts_of_the_same_steps(shared: Path) -> None:
    """Of ten rows each has five: three times two at most, then five times one, and not six times."""
    settings = settings_of(shared, "seq2seq", per_device_train_batch_size=2, gradient_accumulation_steps=5)
    asked, smaller = by_two(job(shared, settings, "five"), job(shared, settings, "five-by-one", micro_batch=1))
    one = trained(job(shared, settings, "ten"))
    assert [line["micro_batch_size"] for line in (*asked.metrics, *smaller.metrics)] == [2, 2, 1, 1]
    assert_the_same(asked, one)
    assert_the_same(smaller, one)


def losing_its_numbers(asked: Job, rank: int) -> Reports:
    """Executed by each worker; what one of them computes is no number."""
    from summtune.families import seq2seq

    with ranks_of_this_process() as ranks, pytest.MonkeyPatch.context() as patch:
        learn = seq2seq.logits_and_targets

        def lost(model: Any, batch: Any) -> Any:
            logits, targets = learn(model, batch)
            return logits * torch.nan, targets

        if ranks.rank == rank:
            patch.setattr(seq2seq, "logits_and_targets", lost)
        return trained(asked)


def test_a_loss_that_is_no_number_in_one_worker_ends_all(shared: Path) -> None:
    _, second = together(2, losing_its_numbers, job(shared, settings_of(shared, "seq2seq"), "diverged"), 1)
    assert "TrialFailure: the training loss became nan at step 1" in second.error


def sharded(jobs: Sequence[Job]) -> list[Reports]:
    """Executed by each worker."""
    from tests.simulated_gpus import shard_without_gpus

    shard_without_gpus()
    return all_trained(jobs)


def test_a_sharded_model_is_trained_evaluated_and_kept_whole(shared: Path) -> None:
    """torch's FSDP2, by accelerate, over gloo. accelerate itself shards on GPUs only, and is told that these are some."""
    changes: dict[str, Any] = {"num_train_epochs": 2, "save_total_limit": 9}
    settings = settings_of(shared, "causal", **changes, fsdp=True)
    asked = job(shared, settings, "sharded")
    resumed = job(shared, settings, "sharded-resumed", resume_from=asked.attempt.checkpoints / "checkpoint-3")
    first, second = together(2, sharded, [asked, resumed])
    assert not first.error, first.error
    assert not second.error, second.error
    several, going_on = first.value
    whole = settings_of(shared, "causal", **changes)
    assert_the_same(several, trained(job(shared, whole, "whole")))
    assert going_on.lasting() == [pytest.approx(line, rel=1e-5) for line in several.lasting()[1:]]
    assert {file.name for file in (asked.attempt.checkpoints / "checkpoint-3").iterdir()} >= {"optimizer.bin", "model.safetensors"}
    assert faults_of(asked.attempt.checkpoints / "checkpoint-3") == []
    from transformers import AutoModelForCausalLM

    (best,) = asked.attempt.models.iterdir()
    model = AutoModelForCausalLM.from_pretrained(best)
    assert not {"optimizer.bin", "pytorch_model_fsdp.bin"} & {file.name for file in best.iterdir()}
    assert sum(parameter.numel() for parameter in model.parameters()) == several.metrics[0]["parameters"]


def test_sharding_without_gpus_is_refused(shared: Path) -> None:
    settings = settings_of(shared, "causal", fsdp=True)
    with pytest.raises(SettingsMistake, match="training.fsdp: accelerate shards models over GPUs only"):
        trained(job(shared, settings, "refused"))


@pytest.mark.gpu
@pytest.mark.parametrize("fsdp", [False, True])
def test_two_gpus_train_what_one_does(shared: Path, fsdp: bool) -> None:
    """Never run so far: needs two GPUs."""
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    sharded: dict[str, Any] = {"fsdp": True} if fsdp else {}
    settings = settings_of(shared, "causal", precision="fp32", **sharded)
    general = settings.general.model_copy(update={"device": "cuda"})
    (several,) = by_two(job(shared, settings.model_copy(update={"general": general}), f"two-gpus-{fsdp}"))
    assert_the_same(several, trained(job(shared, settings_of(shared, "causal", precision="fp32"), f"one-gpu-{fsdp}")))
