"""Whole runs on a real Ray cluster with logical GPUs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from summtune.config.experiment import load_experiment
from summtune.errors import SettingsMistake
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Decided, Event, Noted, Reported, TrialStarted
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.reporting.page import write_page
from summtune.reporting.study_view import write_study
from summtune.reporting.views import write_views
from tests.integration.conftest import Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]


def test_a_run_from_end_to_end(tune_here: Tune, space_file: SpaceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU per trial; a weak trial is stopped; what is left behind is what the guide's readers and Ray's and Optuna's tools expect."""
    monkeypatch.chdir(tmp_path)
    file = space_file(
        early_terminate={"type": "asha", "min_iter": 1, "eta": 3},
        settings={"general": {"device": "auto"}},
        resources={"gpus_per_trial": 1, "max_concurrent_trials": 2},
    )
    run, heard = tune_here(file, output_dir="./outputs")
    state = state_of(run)
    write_views(run, state)
    write_study(run, state)
    write_page(run, state)

    assert state.status == "finished"
    assert heard.most_at_once == 2
    assert [trial.id for trial in state.trials.values()] == ["0000", "0001", "0002", "0003"]
    (note,) = state.notes
    assert re.fullmatch(r"Cut to length: .* of train, .* of dev; raise tokenizer.encoder_max_len \(64\) and .* to keep them whole.", note)
    assert [event.text for event in heard.events if isinstance(event, Noted)] == [note], "said by four trials, heard once"
    assert {trial.status for trial in state.trials.values()} <= {"finished", "stopped"}
    assert state.trials["0000"].status == "finished", "rungs never stop the baseline"
    # So small a model scores 0 with any setting, and of equals who was first at the rung goes on: which one, chance decides.
    assert sorted(trial.status for trial in state.searched) == ["finished", "stopped", "stopped"], "of three, one goes on"
    paused = [event.trial for event in heard.events if isinstance(event, Decided) and event.pause]
    assert all(trial.attempts in (1, 2) and trial.attempts <= 1 + (trial.id in paused) for trial in state.searched)
    assert all(trial.attempts == 1 for trial in state.searched if trial.status == "stopped")
    for trial in state.trials.values():
        folder = run.trial(trial.id)
        assert folder.best_model.is_dir()
        assert [path.name for path in folder.checkpoints.iterdir()] == [f"checkpoint-{trial.final['step']}"]
        assert len(folder.history.read_text().splitlines()) == trial.iteration
        assert folder.predictions.read_text(encoding="utf-8").startswith("fname,")
        assert folder.log.stat().st_size > 0
        assert json.loads(folder.results.read_text(encoding="utf-8"))["run_id"] == trial.id

    (snapshot,) = run.tune.glob("experiment_state-*.json")
    for _, remembered in json.loads(snapshot.read_text(encoding="utf-8"))["trial_data"]:
        metrics = set(json.loads(remembered)["metric_analysis"])
        assert json.loads(remembered)["metric_n_steps"] == {}, "the course of a trial that is over"
        assert state.objective in metrics
        assert not metrics & {"loss", "rouge1_f1", "length_ratio"}, "Ray Tune writes all that it remembers into each snapshot"

    # The guide's first snippet, verbatim but for the run's name.
    with open("outputs/sweep_tiny/sweep_summary.json") as f:
        summary = json.load(f)
    lines = [f"Best ROUGE Combined F1: {summary['best_rouge_combined_f1']:.4f}", f"Best Model Path: {summary['best_model_path']}"]
    lines += [f"  {param}: {value}" for param, value in summary["best_params"].items()]
    assert lines[1].startswith("Best Model Path: outputs/tiny-")
    assert summary["total_runs"] == 3
    best = standings.best(state)
    assert best is not None
    assert summary["best_run_id"] == best.id

    # The guide's second snippet, verbatim but for the trial's folder.
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model_path = summary["best_model_path"]
    model = AutoModelForSeq2SeqLM.from_pretrained(model_path)
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    text = "#Person1#: 안녕하세요.\n#Person2#: 네, 안녕하세요."
    inputs = tokenizer(text, return_tensors="pt", max_length=512, truncation=True)
    outputs = model.generate(**inputs, max_length=100, num_beams=4)
    assert isinstance(tokenizer.decode(outputs[0], skip_special_tokens=True), str)

    rows = [json.loads(line) for line in run.results.read_text(encoding="utf-8").splitlines()]
    assert [row["run_id"] for row in rows] == ["0000", "0001", "0002", "0003"]
    assert {"sweep_params", "best_metrics", "final_metrics", "model_path", "experiment_id", "timestamp", "status"} <= set(rows[0])
    assert {"rouge1_f1", "rouge2_f1", "rougeL_f1", "rouge_combined_f1", "loss"} <= set(rows[0]["best_metrics"])
    assert "tiny" in run.report.read_text(encoding="utf-8")

    import optuna

    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(run.study)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert len(study.trials) == 4
    assert all(trial.intermediate_values for trial in study.trials)


def test_a_stopped_trial_is_shown_and_told_as_stopped(tune_here: Tune, space_file: SpaceFile) -> None:
    """One at a time, the best first: what comes after it can't reach it."""
    file = space_file(
        early_terminate={"type": "hyperband", "min_iter": 1, "eta": 3},
        metric={"name": "loss", "goal": "minimize"},
        resources={"max_concurrent_trials": 1},
        baseline=False,
    )
    run, _ = tune_here(file)
    state = state_of(run)
    by_rate = {trial.point["training.learning_rate"]: trial for trial in state.searched}
    assert by_rate[1e-2].status == "finished"
    assert by_rate[1e-7].status == "stopped"
    assert by_rate[1e-7].iteration == 1
    assert by_rate[1e-7].verdict is not None
    assert by_rate[1e-7].verdict.cutoff == by_rate[1e-2].reports[0].metrics["loss"]
    assert run.trial(by_rate[1e-7].id).best_model.is_dir(), "a stopped trial keeps the best that it had"


def test_trials_that_paused_and_were_not_needed_end_as_stopped(tune_here: Tune, space_file: SpaceFile) -> None:
    """One at a time: each pauses at the rung, since there are no three yet; the best goes on from where it was, and nobody else."""
    file = space_file(
        early_terminate={"type": "asha", "min_iter": 1, "eta": 3},
        metric={"name": "loss", "goal": "minimize"},
        resources={"max_concurrent_trials": 1},
        baseline=False,
    )
    run, _ = tune_here(file)
    state = state_of(run)
    by_rate = {trial.point["training.learning_rate"]: trial for trial in state.searched}
    assert {rate: (trial.status, trial.iteration, trial.attempts) for rate, trial in by_rate.items()} == {
        1e-2: ("finished", 2, 2),
        1e-7: ("stopped", 1, 1),
        1e-3: ("stopped", 1, 1),
    }
    events, _ = read_events(run.events)
    (again,) = [event for event in events if isinstance(event, TrialStarted) and event.attempt == 2]
    assert again.iteration == 1, "it went on from its checkpoint"
    assert all(run.trial(trial.id).best_model.is_dir() for trial in state.searched), "a stopped trial keeps the best that it had"


def test_two_trials_share_a_gpu(tune_here: Tune, space_file: SpaceFile) -> None:
    import ray

    file = space_file(
        settings={"general": {"device": "auto"}, "training": {"num_train_epochs": 1}},
        resources={"gpus_per_trial": 0.5, "cpus_per_trial": 0.5, "max_concurrent_trials": 2},
        baseline=False,
        run_cap=2,
    )
    free: list[float] = []

    def look(event: Event, state: RunState) -> None:
        if isinstance(event, Reported):
            free.append(ray.available_resources().get("GPU", 0.0))

    run, heard = tune_here(file, Heard(hook=look))
    assert [trial.status for trial in state_of(run).searched] == ["finished", "finished"]
    assert heard.most_at_once == 2
    assert min(free) == 3.0, "both together hold one of the four"


def test_a_failing_trial_costs_no_other_trial_anything(tune_here: Tune, space_file: SpaceFile) -> None:
    file = space_file(
        parameters={"optim_args": {"values": ["momentum=0.5", "momentum=nonsense"]}},
        resources={"max_concurrent_trials": 1},
        baseline=False,
        settings={"training": {"num_train_epochs": 1, "optim": "sgd"}},
    )
    run, _ = tune_here(file)
    state = state_of(run)
    assert state.status == "finished"
    assert [trial.status for trial in state.searched] == ["finished", "failed"]
    failed = state.trials["0002"]
    assert failed.cause == "error"
    assert "nonsense" in failed.message
    assert "Traceback" in run.trial("0002").log.read_text(encoding="utf-8")


def test_what_fits_no_node_is_refused_before_a_run_directory_is_made(tune_here: Tune, space_file: SpaceFile, tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match="resources.cpus_per_trial: a trial asks for 99 CPUs, and no node has more than 2. Lower it."):
        tune_here(space_file(resources={"cpus_per_trial": 99}))
    assert list((tmp_path / "out").iterdir()) == []


def resident_bytes(pid: int) -> int:
    """Memory that a process holds (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_twenty_trials_in_one_actor_do_not_make_it_grow(tune_here: Tune, space_file: SpaceFile) -> None:
    sizes: dict[str, tuple[int, int]] = {}

    def weigh(event: Event, state: RunState) -> None:
        if isinstance(event, Reported):
            sizes[event.trial] = (event.pid, resident_bytes(event.pid))

    file = space_file(
        method="random",
        parameters={"learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}},
        run_cap=20,
        metric={"name": "loss", "goal": "minimize"},
        early_terminate={"type": "asha", "min_iter": 1},
        resources={"max_concurrent_trials": 1},
        baseline=False,
    )
    run, _ = tune_here(file, Heard(hook=weigh))
    state = state_of(run)
    assert len(state.searched) == 20
    assert {"finished", "stopped"} == {trial.status for trial in state.searched}
    assert len({pid for pid, _ in sizes.values()}) == 1, "one actor served them all"
    weights = [size for _, size in sizes.values()]
    assert max(weights[10:]) - max(weights[2:6]) < 40 * 2**20
    for trial in state.searched:
        assert run.trial(trial.id).log.read_text(encoding="utf-8").count("\n") > 3


def test_wandb_offline_mirrors_each_attempt(tune_here: Tune, space_file: SpaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")  # set again by the run itself; monkeypatch takes it back
    cheap = {"evaluation": {"strategy": "proxy", "proxy_samples": 2}}
    file = space_file(
        wandb={"mode": "offline", "project": "p"}, parameters={"learning_rate": {"values": [1e-2]}}, baseline=False, settings=cheap
    )
    run, heard = tune_here(file)
    assert state_of(run).status == "finished"
    assert any(notice.startswith("W&B: mirrored offline") for notice in heard.notices)
    mirrored = {folder.name.split(f"{run.folder.name}-")[1]: folder for folder in (run.wandb / "wandb").glob("offline-run-*")}
    assert sorted(mirrored) == ["0001-1", "0001-full-0"]
    for folder in mirrored.values():
        assert next(folder.glob("*.wandb")).stat().st_size > 0
    scored = state_of(run).trials["0001"].scored
    assert scored is not None
    full = logged(next(mirrored["0001-full-0"].glob("*.wandb")))
    assert full == {f"full/{key}": pytest.approx(value) for key, value in scored.metrics.items()}
    assert "rouge_combined_f1" in logged(next(mirrored["0001-1"].glob("*.wandb"))), "cheap scores keep their names"


def logged(file: Path) -> dict[str, float]:
    """What a W&B run logged, from its offline file: protocol buffers in LevelDB's log format (chunks in blocks of 32 KiB)."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, whole, found = file.read_bytes(), 7, b"", dict[str, float]()
    while place + 7 <= len(content):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
        size, part = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        whole = (whole if part in (3, 4) else b"") + content[place + 7 : place + 7 + size]
        place += 7 + size
        if part in (1, 4):
            record = Record()
            record.ParseFromString(whole)
            found |= {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
    return {key: value for key, value in found.items() if not key.startswith("_")}


def test_without_a_key_the_run_says_once_that_it_is_not_mirrored(space_file: SpaceFile) -> None:
    from summtune.tuning.mirror import wandb_mirror

    mirror = wandb_mirror(load_experiment(space_file(), environ={}), RunPaths(Path("unused")))
    assert [type(callback).__name__ for callback in mirror.callbacks] == ["NoMirror"]
    assert len(mirror.notices) == 1
    assert "not mirrored, since there is no API key" in mirror.notices[0]
