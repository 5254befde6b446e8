"""What doesn't fit into memory is trained in smaller parts of the same steps: found out before training, or by an error later."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from summtune.config.settings import Settings
from summtune.decoding.room import is_out_of_memory
from summtune.errors import TrialFailure
from summtune.families import causal, seq2seq
from summtune.metrics._scoring import Scoring
from summtune.training.memory import Parts
from summtune.training.rehearsal import longest_rows
from summtune.training.train import train
from tests.simulated_memory import SimulatedMemory, SimulatedMemoryForEvaluating
from tests.small_training import Reports, job, small_settings

PLENTY = 10**9


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("memory")


def settings_of(shared: Path, family: str, **training: Any) -> Settings:
    """Without dropout, so that parts of a step come to the same as the whole."""
    training = {"per_device_train_batch_size": 8, "num_train_epochs": 3, "learning_rate": 3e-3, **training}
    plain = small_settings(shared)
    if family == "causal":
        sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.1}
        model: dict[str, Any] = {"architecture": "kogpt2", "config_overrides": sizes, "dropout_rate": 0.0}
    else:
        model = {"config_overrides": plain.model.config_overrides, "dropout_rate": 0.0}
    return small_settings(shared, model=model, training=training)


def lasting(reports: Reports) -> list[dict[str, float | int]]:
    parted = ("micro_batch_size", "padding_share")
    return [{name: value for name, value in line.items() if name not in parted} for line in reports.lasting()]


def close_to(reports: Reports) -> list[Any]:
    return [pytest.approx(line, rel=1e-5, abs=1e-6) for line in lasting(reports)]


def results(asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked.attempt.results.read_text())
    return found


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        (Parts(32, 32), [(32, 1), (16, 2), (8, 4), (4, 8), (2, 16), (1, 32)]),
        (Parts(6, 6), [(6, 1), (3, 2), (2, 3), (1, 6)]),
        (Parts(3, 12), [(3, 4), (2, 6), (1, 12)]),
        (Parts(7, 7), [(7, 1), (1, 7)]),
        (Parts(1, 5), [(1, 5)]),
        (Parts(2, 5), [(2, 3), (1, 5)]),
        (Parts(5, 9), [(5, 2), (3, 3), (1, 9)]),
    ],
)
def test_smaller_parts_make_the_same_step(parts: Parts, sizes: list[tuple[int, int]]) -> None:
    found = []
    following: Parts | None = parts
    while following is not None:
        found.append((following.rows, following.accumulation))
        following = following.smaller()
    assert found == sizes


def test_the_longest_batch_has_the_longest_source_and_the_longest_target() -> None:
    lengths = [(5, 2), (9, 1), (3, 8), (8, 3), (2, 2)]
    rows = {"input_ids": [[0] * source for source, _ in lengths], "labels": [[0] * target for _, target in lengths]}
    assert longest_rows(rows, 1) == [2]
    assert longest_rows(rows, 3) == [2, 1, 3]
    assert longest_rows(rows, 9) == [2, 1, 3, 0, 4]


@pytest.mark.parametrize(("family", "positions"), [(seq2seq, 150), (causal, 300)], ids=["seq2seq", "causal"])
def test_what_would_not_fit_is_halved_before_training(shared: Path, family: Any, positions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = family.__name__.rpartition(".")[2]
    settings = settings_of(shared, name)
    whole, parted = Reports(), Reports()
    train(job(shared, settings, f"whole-{name}", baseline=settings), whole)
    memory = SimulatedMemory(monkeypatch, family, positions)
    asked = job(shared, settings, f"parted-{name}", baseline=settings, rehearse=True)
    train(asked, parted)
    assert memory.rows[:3] == [8, 4, 2], "the rehearsal"
    assert set(memory.rows[3:]) == {2}, "the parts of the steps, and before them a rehearsal of the optimiser's step"
    assert lasting(parted) == close_to(whole)
    assert [line["micro_batch_size"] for line in parted.metrics] == [2, 2, 2]
    said = "Memory ran out in a rehearsal with the longest rows: each step of 8 rows is made of 4 times 2 instead of 1 times 8."
    found = results(asked)
    assert [notice for notice in found["notices"] if "emory" in notice] == [said]
    assert found["micro_batch"] == {
        "rows": 2,
        "gradient_accumulation_steps": 4,
        "workers": 1,
        "asked": {"rows": 8, "gradient_accumulation_steps": 1},
    }
    assert found["differs_from_baseline"] == {}, "it is the training that was asked for"
    assert asked.attempt.log.read_text().count(said) == 1


@pytest.mark.parametrize("optim", ["adamw_torch", "adafactor"])
def test_a_rehearsal_leaves_no_trace(shared: Path, optim: str) -> None:
    settings = small_settings(shared, training={"num_train_epochs": 2, "optim": optim})  # with dropout: random numbers count, too
    plain, rehearsed, resumed, resumed_and_rehearsed = Reports(), Reports(), Reports(), Reports()
    train(job(shared, settings, f"plain-{optim}"), plain)
    train(job(shared, settings, f"rehearsed-{optim}", rehearse=True), rehearsed)
    assert rehearsed.lasting() == plain.lasting()
    weights = [(reports.checkpoints[-1] / "model.safetensors").read_bytes() for reports in (plain, rehearsed)]
    assert weights[0] == weights[1]
    optimizers = [torch.load(reports.checkpoints[-1] / "optimizer.pt", weights_only=True) for reports in (plain, rehearsed)]
    assert str(optimizers[0]) == str(optimizers[1])
    # And with an optimiser that has numbers of its own already.
    half = Reports(stop_after=1)
    with pytest.raises(SystemExit):
        train(job(shared, settings, f"half-{optim}"), half)
    train(job(shared, settings, f"rest-{optim}", resume_from=half.checkpoints[0]), resumed)
    train(job(shared, settings, f"rehearsed-rest-{optim}", resume_from=half.checkpoints[0], rehearse=True), resumed_and_rehearsed)
    assert resumed_and_rehearsed.lasting() == resumed.lasting() == plain.lasting()[1:]


def test_memory_that_runs_out_later_goes_on_from_the_last_checkpoint(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(shared, "seq2seq", num_train_epochs=4)
    whole, broken = Reports(), Reports()
    train(job(shared, settings, "unbroken"), whole)
    memory = SimulatedMemory(monkeypatch, seq2seq, PLENTY)
    memory.shrink(5, 300)  # two steps in an epoch: in the third epoch, after two checkpoints
    asked = job(shared, settings, "broken")
    train(asked, broken)
    assert memory.rows == [*[8] * 6, *[4] * 8], "six steps and half of the third epoch's were whole; the third is done again in halves"
    assert [line["iteration"] for line in broken.metrics] == [1, 2, 3, 4]
    assert [line["step"] for line in broken.metrics] == [2, 4, 6, 8]
    assert [line["micro_batch_size"] for line in broken.metrics] == [8, 8, 4, 4]
    assert lasting(broken) == close_to(whole)
    found = results(asked)
    assert found["notices"] == ["Memory ran out in step 6: each step of 8 rows is made of 2 times 4 instead of 1 times 8."]
    history = [json.loads(line) for line in asked.attempt.history.read_text().splitlines()]
    assert history == [{**line, "evaluation": "proxy"} for line in broken.metrics]
    assert (found["best_score"], found["best_iteration"]) == (
        max(line["rouge_combined_f1"] for line in broken.metrics),
        found["best_metrics"]["iteration"],
    )
    assert (asked.attempt.folder / found["model_path"] / "model.safetensors").exists()
    assert "Resuming training from checkpoint with epoch 2 and global step 4" in asked.attempt.log.read_text()


def test_before_the_first_checkpoint_it_begins_again(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(shared, "seq2seq")
    whole, broken = Reports(), Reports()
    train(job(shared, settings, "from-the-start"), whole)
    memory = SimulatedMemory(monkeypatch, seq2seq, PLENTY)
    memory.shrink(1, 150)
    train(job(shared, settings, "again"), broken)
    assert memory.rows[:4] == [8, 8, 4, 2]
    assert lasting(broken) == close_to(whole)
    # An attempt that resumed goes back to where it resumed.
    resumed = Reports()
    memory.positions = PLENTY
    memory.shrink(1, 300)
    train(job(shared, settings, "again-resumed", resume_from=whole.checkpoints[1]), resumed)
    assert lasting(resumed) == close_to(whole)[2:]
    assert memory.rows[-6:] == [8, 8, 4, 4, 4, 4]


def test_where_nothing_fits_the_trial_fails_with_that_cause(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SimulatedMemory(monkeypatch, seq2seq, positions=20)
    for attempt, rehearse in (("nothing-rehearsed", True), ("nothing", False)):
        asked = job(shared, settings_of(shared, "seq2seq"), attempt, rehearse=rehearse)
        when = "in a rehearsal with the longest rows" if rehearse else "in step 1"
        with pytest.raises(TrialFailure) as caught:
            train(asked, Reports())
        assert caught.value.cause == "out_of_memory"
        assert str(caught.value) == (
            f"memory does not suffice for a single row: it ran out {when}. What would help: training.gradient_checkpointing: true, "
            "lengths below encoder_max_len 128 and decoder_max_len 48, LoRA, a smaller model."
        )


def test_evaluating_takes_fewer_at_a_time(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(shared, "seq2seq", per_device_eval_batch_size=4)
    plenty, little = Reports(), Reports()
    train(job(shared, settings, "plenty"), plenty)
    SimulatedMemoryForEvaluating(monkeypatch, seq2seq, rows=1)
    asked = job(shared, settings, "little")
    train(asked, little)
    assert lasting(little) == close_to(plenty)
    assert results(asked)["notices"] == ["Memory does not suffice to summarise 4 dialogues at a time: it is done with 1."]
    predictions = [
        (asked.attempt.folder / results(asked)["model_path"] / "predictions.csv").read_text(),
        (job(shared, settings, "plenty").attempt.folder / results(asked)["model_path"] / "predictions.csv").read_text(),
    ]
    assert predictions[0] == predictions[1]
    SimulatedMemoryForEvaluating(monkeypatch, seq2seq, rows=0)
    with pytest.raises(TrialFailure, match="memory does not suffice to evaluate a single dialogue") as caught:
        train(job(shared, settings, "not-one"), Reports())
    assert caught.value.cause == "out_of_memory"


OF_CUBLAS = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
OF_THE_MACHINE = RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: 9 bytes")


@pytest.mark.parametrize("error", [OF_CUBLAS, OF_THE_MACHINE, MemoryError()], ids=["cublas", "machine", "python"])
def test_memory_that_evaluating_lacks_changes_nothing_of_the_training(
    shared: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    SimulatedMemoryForEvaluating(monkeypatch, seq2seq, rows=2, error=error)
    asked, reports = job(shared, settings_of(shared, "seq2seq", num_train_epochs=1), f"evaluating-{error}"[:20]), Reports()
    train(asked, reports)
    assert [line["micro_batch_size"] for line in reports.metrics] == [8]
    (said,) = results(asked)["notices"]
    assert said.startswith("Memory does not suffice to summarise ")


def test_memory_that_a_metric_lacks_is_not_sought_in_smaller_batches(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(scoring: Any, summaries: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Scoring, "score", score)
    asked = job(shared, settings_of(shared, "seq2seq"), "scoring")
    with pytest.raises(TrialFailure) as caught:
        train(asked, Reports())
    assert caught.value.cause == "out_of_memory"
    assert str(caught.value) == (
        "memory ran out while evaluating, though not over the size of a batch (OutOfMemoryError: CUDA out of memory.). "
        "Metrics without a model of their own take less (evaluation.metrics)."
    )
    assert "Memory ran out" not in asked.attempt.log.read_text(), "in a step"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (OF_CUBLAS, True),
        (OF_THE_MACHINE, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_other_errors_are_not_taken_for_it(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Any, batch: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(seq2seq, "logits_and_targets", broken)
    for attempt, rehearse in (("broken-rehearsal", True), ("broken-step", False)):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            train(job(shared, settings_of(shared, "seq2seq"), attempt, rehearse=rehearse), Reports())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_that_is_too_small(shared: Path) -> None:
    settings = settings_of(shared, "seq2seq", precision="fp32").model_copy(update={"general": Settings().general})
    whole, parted = Reports(), Reports()
    train(job(shared, settings, "gpu"), whole)
    torch.cuda.reset_peak_memory_stats()
    train(job(shared, settings, "gpu-again"), Reports())
    share = 0.9 * torch.cuda.max_memory_reserved() / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(share)
    try:
        asked = job(shared, settings, "gpu-small")
        train(asked, parted)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert results(asked)["micro_batch"]["rows"] < 8
    assert [line["loss"] for line in parted.metrics] == pytest.approx([line["loss"] for line in whole.metrics], rel=1e-3)
