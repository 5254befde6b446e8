"""Every tiny search space that is shipped really runs: a few trials of each, cut short, through Ray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from summtune.config.experiment import load_experiment
from summtune.events.fold import fold
from summtune.events.log import read_events
from summtune.paths import RunPaths, shipped
from summtune.reporting.views import write_views
from tests.integration.conftest import Heard

TINY = sorted(file.stem for file in shipped("search_spaces").glob("*.yaml") if file.stem.startswith("tiny_") or file.stem == "lr")
SHORT = (
    "general.device=cpu", "training.num_train_epochs=1", "data.max_train_samples=24", "data.max_val_samples=4",
    "generation.max_length=12", "tokenizer.vocab_size=600",
)  # fmt: skip
QUICK = {"lr"}
TRIALS = {"tiny_model_comparison_sweep": 8}


def run_short(name: str, output_dir: Path) -> RunPaths:
    from summtune.tuning.drive import Witness
    from summtune.tuning.launch import start

    heard = Heard()
    assignments = [*SHORT, f"count={TRIALS.get(name, 2)}", "resources.gpus_per_trial=0"]
    experiment = load_experiment(Path(name), assignments=assignments, environ={})
    return start(experiment, str(output_dir), ["test"], Witness(heard.opened, heard.event, lambda: None, heard.notes.append))


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TINY])
def test_a_shipped_space_runs(name: str, cluster: str, tmp_path: Path) -> None:
    run = run_short(name, tmp_path)
    state = fold(read_events(run.events)[0])
    assert state.status == "finished"
    assert [(trial.id, trial.message) for trial in state.trials.values() if trial.status == "failed"] == []
    write_views(run, state)
    for line in run.results.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        recorded = yaml.safe_load((run.trial(row["run_id"]).settings).read_text(encoding="utf-8"))
        for key, value in row["sweep_params"].items():
            section, _, setting = key.partition(".")
            assert recorded[section][setting] == value, "what is recorded is what was trained"
        assert bool(row["differs_from_baseline"]) != row["baseline"]
    if name == "tiny_model_comparison_sweep":
        drawn = {trial.point["model.preset"] for trial in state.trials.values()}
        assert drawn == {"tiny-kobart", "tiny-kogpt2", "tiny-t5", "tiny-mt5"}
        assert len(state.trials) == 8, "the baseline is one of the eight points, and is trained once"
        kinds = {json.loads((run.trial(trial).best_model / "config.json").read_text())["model_type"] for trial in state.trials}
        assert kinds == {"bart", "gpt2", "t5", "mt5"}
