"""What fails in a trial is on record with its cause, and costs no other trial anything; what can be known before is refused before."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.errors import NothingUsable
from summtune.events.fold import RunState
from summtune.events.kinds import Ended, Event
from summtune.paths import RunPaths
from summtune.reporting.views import write_views
from tests.integration.conftest import CommandLine, Heard, state_of
from tests.small_training import rows, write_csv

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

LEAP: dict[str, Any] = {"optim": "sgd", "learning_rate": 0.99, "max_grad_norm": 0.0, "warmup_ratio": 0.0}
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "diverging": ({**LEAP, "model.config_overrides.init_std": 1e18}, "diverged", "loss became"),
    "slow": ({"timeout_s": 1, "num_train_epochs": 10_000}, "timeout", "longer than training.timeout_s"),
    "short": ({"model.config_overrides.max_position_embeddings": 32}, "bad_model", "64 tokens are more than the model's 32 positions"),
    "fine": ({"learning_rate": 1e-3}, "", ""),
    "broken": ({"optim": "sgd", "optim_args": "momentum=nonsense"}, "error", "nonsense"),
}
"""Label: what is drawn, the cause on record (none: it finishes), words of the message."""


def test_each_trial_that_fails_has_its_cause_on_record_and_the_others_go_on(tune_here: Tune, space_file: SpaceFile) -> None:
    bundle = {label: settings for label, (settings, _, _) in CASES.items()}
    settings = {"training": {"num_train_epochs": 1}}
    file = space_file(parameters={"case": {"bundle": bundle}}, baseline=False, resources={"max_concurrent_trials": 2}, settings=settings)
    run, _ = tune_here(file)
    state = state_of(run)
    assert state.status == "finished"
    assert "RecursionError" not in run.ray_log.read_text(encoding="utf-8"), "what each trial raised came through as it was"
    write_views(run, state)
    recorded = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    by_label = {_label(row["sweep_params"]): row for row in recorded}
    assert by_label.keys() == CASES.keys()
    for label, (_, cause, words) in CASES.items():
        row = by_label[label]
        assert (row["status"], row["cause"]) == (("failed", cause) if cause else ("finished", None)), row
        trial = state.trials[row["run_id"]]
        assert words in trial.message, label
        written = json.loads(run.trial(trial.id).results.read_text(encoding="utf-8"))
        assert written["cause"] == (cause or None)
        assert run.trial(trial.id).log.stat().st_size > 0


def _label(drawn: dict[str, Any]) -> str:
    """Whose settings were drawn; a bundle's are recorded one by one, under their whole names."""
    named = {key.rpartition(".")[2]: value for key, value in drawn.items() if value is not None}
    return next(label for label, (given, _, _) in CASES.items() if {key.rpartition(".")[2]: value for key, value in given.items()} == named)


def test_data_that_change_under_a_run_fail_the_trials_that_come_after(tune_here: Tune, space_file: SpaceFile, tmp_path: Path) -> None:
    train, dev = write_csv(tmp_path / "train.csv", rows(16)), write_csv(tmp_path / "dev.csv", rows(4, start=100))

    def spoil(event: Event, state: RunState) -> None:
        if isinstance(event, Ended) and event.trial == "0001":
            with train.open("a", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerow(["row_x", "#Person1#: 네.", ""])

    file = space_file(data={"train": str(train), "dev": str(dev)}, baseline=False, resources={"max_concurrent_trials": 1}, run_cap=2)
    run, _ = tune_here(file, Heard(hook=spoil))
    state = state_of(run)
    assert [trial.status for trial in state.searched] == ["finished", "failed"]
    assert state.trials["0002"].cause == "bad_data"
    assert "summary: is empty" in state.trials["0002"].message


def test_where_every_trial_fails_nothing_usable_came_out(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    assert NothingUsable.exit_code == 1
    bundle = {label: CASES[label][0] for label in ("short", "broken")}
    code, output = summtune_on_cluster("run", space_file(parameters={"case": {"bundle": bundle}}, baseline=False))
    assert code == 1, output
    assert "No trial of tiny has a score" in output
    assert "bad_model" in output
    assert "momentum" in output or "nonsense" in output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": {"train": "bad.csv", "dev": "other.csv"}}, ("bad.csv:5: summary: is empty", "other.csv", "summary")),
        ({"settings": {"tokenizer": {"encoder_max_len": 4096}}}, ("4096 is beyond the model's",)),
        ({"settings": {"training": {"optim": "lomo"}}}, ("lomo needs the package lomo_optim, which is not installed.",)),
        ({"settings": {"training": {"fsdp": "full_shard"}}}, ("it shards a model over several workers, and a trial has one.",)),
        ({"settings": {"training": {"lr_scheduler_type": "warmup_stable_decay"}}}, ("needs num_decay_steps in lr_scheduler_kwargs",)),
    ],
)
def test_what_can_be_known_is_refused_before_a_run_directory_is_made(
    changes: dict[str, Any], words: tuple[str, ...], summtune: CommandLine, space_file: SpaceFile, tmp_path: Path
) -> None:
    bad = rows(3)
    bad[1]["summary"] = ""
    write_csv(tmp_path / "bad.csv", bad)
    write_csv(tmp_path / "other.csv", [{"fname": row["fname"], "dialogue": row["dialogue"]} for row in rows(3)])
    code, output = summtune("run", space_file(**changes), timeout_s=120)
    assert code == 2, output
    flat = " ".join(output.split())
    assert all(word in flat for word in words), output
    assert "Traceback" not in output
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())
