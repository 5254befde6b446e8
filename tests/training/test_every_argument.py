"""Each of transformers' own arguments has been decided upon: it acts, or it is said that it doesn't, or it is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from summtune.config.effects import BETWEEN_WORKERS, HOUSEKEEPING, NOTHING
from summtune.config.needs import KEYS
from summtune.config.settings import Training
from summtune.config.training_arguments import DROPPED, free_arguments
from tests.small_models import Fitted, fit

SURE = {"dropout_rate": 0.0}
EPOCHS: dict[str, Any] = {"num_train_epochs": 2}

ACTS: dict[str, dict[str, Any]] = {
    "adam_beta1": {"adam_beta1": 0.5},
    "adam_beta2": {"adam_beta2": 0.5},
    "adam_epsilon": {"adam_epsilon": 0.1},
    "data_seed": {"data_seed": 3},
    "dataloader_drop_last": {"dataloader_drop_last": True},
    "lr_scheduler_kwargs": {"lr_scheduler_kwargs": {"num_cycles": 1.5}},
    "neftune_noise_alpha": {"neftune_noise_alpha": 5.0},
    "optim_args": {"optim": "sgd", "optim_args": "momentum=0.9"},
    "train_sampling_strategy": {"train_sampling_strategy": "random"},
    "warmup_steps": {"warmup_steps": 3},
    "accelerator_config": {"train_sampling_strategy": "random", "accelerator_config": {"use_seedable_sampler": False}},
}
"""Arguments that change what is learnt, with values that do; a second key in one is what it needs to act."""

NO_DIFFERENCE: dict[str, dict[str, Any]] = {
    "eval_accumulation_steps": {"eval_accumulation_steps": 1},
    "eval_do_concat_batches": {"eval_do_concat_batches": False},
    "eval_use_gather_object": {"eval_use_gather_object": True},
    "batch_eval_metrics": {"batch_eval_metrics": True},
    "include_for_metrics": {"include_for_metrics": ["inputs", "loss"]},
    "bf16_full_eval": {"bf16_full_eval": True},
    "fp16_full_eval": {"fp16_full_eval": True},
    "log_on_each_node": {"log_on_each_node": False},
    "save_on_each_node": {"save_on_each_node": True},
    "average_tokens_across_devices": {"average_tokens_across_devices": False},
    "ddp_timeout": {"ddp_timeout": 60},
    "ddp_bucket_cap_mb": {"ddp_bucket_cap_mb": 5},
    "ddp_find_unused_parameters": {"ddp_find_unused_parameters": True},
    "ddp_broadcast_buffers": {"ddp_broadcast_buffers": True},
    "ddp_static_graph": {"ddp_static_graph": True},
    "fsdp_config": {"fsdp_config": {"min_num_params": 5}},
    "trackio_space_id": {"trackio_space_id": "a"},
    "trackio_bucket_id": {"trackio_bucket_id": "a"},
    "trackio_static_space_id": {"trackio_static_space_id": "a"},
    "length_column_name": {"length_column_name": "cut"},
    "use_cache": {"use_cache": True},
    "logging_nan_inf_filter": {"logging_nan_inf_filter": True},
    "activation_checkpointing": {"activation_checkpointing": True},
    "activation_checkpointing_kwargs": {"activation_checkpointing": True, "activation_checkpointing_kwargs": {"use_reentrant": True}},
    "gradient_checkpointing_kwargs": {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    "dataloader_pin_memory": {"dataloader_pin_memory": False},
    "dataloader_persistent_workers": {"dataloader_num_workers": 1, "dataloader_persistent_workers": True},
    "dataloader_prefetch_factor": {"dataloader_num_workers": 1, "dataloader_prefetch_factor": 3},
    "dataloader_multiprocessing_context": {"dataloader_num_workers": 1, "dataloader_multiprocessing_context": "fork"},
    "dataloader_in_order": {"dataloader_num_workers": 1, "dataloader_in_order": False},
    "torch_empty_cache_steps": {"torch_empty_cache_steps": 1},
    "skip_memory_metrics": {"skip_memory_metrics": False},
    "logging_steps": {"logging_steps": 1},
    "logging_first_step": {"logging_first_step": True},
    "include_num_input_tokens_seen": {"include_num_input_tokens_seen": "all"},
    "ignore_data_skip": {"ignore_data_skip": True},
    "restore_callback_states_from_checkpoint": {"restore_callback_states_from_checkpoint": True},
    "full_determinism": {"full_determinism": True},
}
"""Arguments that leave the history as it was, bit for bit: those of the tables, and those that act beside it."""

ELSEWHERE = {
    **dict.fromkeys(("torch_compile", "torch_compile_backend", "torch_compile_mode"), "the test of torch.compile, below"),
    **dict.fromkeys(("tf32",), "needs a GPU"),
    **dict.fromkeys(("deepspeed", "use_liger_kernel", "liger_kernel_config"), "need a package"),
    "optim_target_modules": "needs an optimiser that needs a package",
    "fsdp": "needs several GPUs",
    "sortish_sampler": "dropped",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arguments")


@pytest.fixture(scope="module")
def plain(shared: Path) -> dict[str, Fitted]:
    """What each argument is compared with: the same training without it."""
    pairs = {
        "": EPOCHS,
        "optim_args": {**EPOCHS, "optim": "sgd"},
        "accelerator_config": {**EPOCHS, "train_sampling_strategy": "random"},
    }
    return {name: fit(shared, model=SURE, train_rows=18, training=training) for name, training in pairs.items()}


def test_each_argument_of_the_installed_transformers_has_been_decided_upon() -> None:
    free = {name for name in free_arguments() if name not in Training.model_fields}
    assert free == {*ACTS, *NO_DIFFERENCE, *ELSEWHERE}
    assert {f"training.{name}" for name in NO_DIFFERENCE} >= set(NOTHING)
    said = {key.removeprefix("training.") for key in (*HOUSEKEEPING, *NOTHING)}
    assert not said & set(ACTS), "what acts isn't said to change nothing"
    assert set(NO_DIFFERENCE) - said == {"full_determinism"}, "it makes no difference on a CPU"
    assert "training.fsdp" in BETWEEN_WORKERS
    assert {"training.deepspeed", "training.use_liger_kernel"} <= set(KEYS)
    assert "sortish_sampler" in DROPPED


@pytest.mark.parametrize("name", ACTS)
def test_it_acts(name: str, shared: Path, plain: dict[str, Fitted]) -> None:
    fitted = fit(shared, model=SURE, train_rows=18, training={**EPOCHS, **ACTS[name]})
    assert fitted.losses != plain.get(name, plain[""]).losses


@pytest.mark.parametrize("name", NO_DIFFERENCE)
def test_it_makes_no_difference_to_the_history(name: str, shared: Path, plain: dict[str, Fitted]) -> None:
    fitted = fit(shared, model=SURE, train_rows=18, training={**EPOCHS, **NO_DIFFERENCE[name]})
    assert fitted.reports.lasting() == plain[""].reports.lasting()


def test_what_the_log_s_arguments_add_to_it(shared: Path) -> None:
    steps = fit(shared, training={"max_steps": 6, "logging_steps": 2}).logged("learning_rate")
    assert len(steps) == 3
    first = fit(shared, training={"max_steps": 6, "logging_steps": 4, "logging_first_step": True}).logged("learning_rate")
    assert len(first) == 2
    fitted = fit(shared, training={"max_steps": 4, "logging_steps": 1, "include_num_input_tokens_seen": "non_padding"})
    seen = fitted.logged("num_input_tokens_seen")
    assert seen == sorted(seen)
    assert "train_mem_cpu" in (fit(shared, training={"max_steps": 1, "skip_memory_metrics": False}).folder / "training.log").read_text()


def test_rows_come_in_the_order_that_is_asked_for(shared: Path) -> None:
    """Tokens seen after each row, one row a batch: padded to eight, but the longest go first, or the file's own order is kept."""

    def lengths(strategy: str) -> list[int]:
        training = {"train_sampling_strategy": strategy, "per_device_train_batch_size": 1, "num_train_epochs": 1, "logging_steps": 1}
        seen = fit(shared, training={**training, "include_num_input_tokens_seen": "non_padding"}).logged("num_input_tokens_seen")
        return [int(after - before) for before, after in zip([0, *seen], seen, strict=False)]

    in_order = lengths("sequential")
    assert sorted(lengths("random")) == sorted(lengths("group_by_length")) == sorted(in_order)
    assert lengths("random") != in_order
    assert lengths("group_by_length")[0] == max(in_order)
    longer = [length for length in in_order[:4] if length > in_order[0]]
    assert in_order[:4] == sorted(in_order[:4]), "each row of the small data has a turn more than the one before"
    assert longer


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bart", "gpt2"])
def test_a_compiled_model_learns_the_same(kind: str, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain, compiled = (fit(shared, kind, model=SURE, training={**EPOCHS, "torch_compile": switch}) for switch in (False, True))
    assert compiled.losses == pytest.approx(plain.losses, abs=1e-3)
    assert compiled.weights.keys() == plain.weights.keys()
    assert capfd.readouterr().out == ""


def test_gradient_checkpointing_computes_each_layer_twice(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.bart.modeling_bart import BartAttention

    calls = []
    forward = BartAttention.forward

    def counted(self: Any, *given: Any, **named: Any) -> Any:
        calls.append(self.training)
        return forward(self, *given, **named)

    monkeypatch.setattr(BartAttention, "forward", counted)
    fit(shared, training={"max_steps": 3})
    once = sum(calls)
    calls.clear()
    fit(shared, training={"max_steps": 3, "gradient_checkpointing": True})
    assert sum(calls) == 2 * once > 0


def test_the_evaluation_s_batch_size(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from summtune.families import seq2seq

    sizes = []
    generate = seq2seq.new_tokens

    def counted(model: Any, batch: Any, config: Any, **how: Any) -> Any:
        sizes.append(len(batch["input_ids"]))
        return generate(model, batch, config, **how)

    monkeypatch.setattr(seq2seq, "new_tokens", counted)
    fit(shared, training={"max_steps": 1, "per_device_eval_batch_size": 4})
    assert sizes == [4, 2]


@pytest.mark.parametrize("keep", [1, 3])
def test_checkpoints_kept(keep: int, shared: Path) -> None:
    fitted = fit(shared, training={"num_train_epochs": 4, "save_total_limit": keep})
    assert len(list((fitted.folder / "checkpoints").iterdir())) == keep


def test_with_deepspeed_one_process_learns_the_same(shared: Path) -> None:
    pytest.importorskip("deepspeed", reason="deepspeed is not installed")
    given = dict.fromkeys(("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping"), "auto")
    training = {**EPOCHS, "deepspeed": {**given, "zero_optimization": {"stage": 1}}}
    plain = fit(shared, training=EPOCHS)
    first = fit(shared, training=training, stop_after=1)
    rest = fit(shared, training=training, job_={"resume_from": first.reports.checkpoints[-1]})
    assert first.losses + rest.losses == pytest.approx(plain.losses, abs=1e-5)
    assert fit(shared, training=EPOCHS).losses == plain.losses, "a training without it is none the wiser"
