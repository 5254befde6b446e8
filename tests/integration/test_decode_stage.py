"""Generation's settings are searched on the best checkpoints of a real run, tied to their trials, and a killed run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summtune.config.stages import DecodeStage
from summtune.events import standings
from summtune.events.kinds import Decoded
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.reporting.views import write_views
from summtune.training.reopened import stored_settings
from tests.integration.conftest import CommandLine, Heard, state_of

Tune = Callable[..., tuple[RunPaths, Heard]]
SpaceFile = Callable[..., Path]

STAGE: dict[str, Any] = {
    "parameters": {"learning_rate": {"values": [1e-2, 1e-3]}, "max_length": {"values": [3, 6, 12, 16]}},
    # Of models that can't say anything yet only the length of what they say varies.
    "metric": {"name": "length_ratio", "goal": "maximize"},
    "settings": {"evaluation": {"metrics": ["rouge", "length_ratio"]}},
    "decode": {"top_k": 2, "run_cap": 5, "parameters": {"no_repeat_ngram_size": {"values": [0, 2]}}},
}


def decoded(run: RunPaths) -> list[tuple[str, int]]:
    return [(event.trial, event.setting) for event in read_events(run.events)[0] if isinstance(event, Decoded)]


def test_the_best_checkpoints_are_decoded_again(tune_here: Tune, space_file: SpaceFile) -> None:
    run, heard = tune_here(space_file(**STAGE))
    state = state_of(run)
    assert state.status == "finished"
    assert state.opened is not None
    stage = DecodeStage.from_record(state.opened.experiment["decode"])
    chosen = [trial.id for trial in standings.to_decode(state, 2)]
    assert sorted(decoded(run)) == sorted((trial, setting) for trial in chosen for setting in range(1, 6))
    assert len(state.searched) == 2, "settings of generation are no trials"
    assert any(note.startswith("Decoding the best checkpoints") for note in heard.notes)
    write_views(run, state)
    rows = {row["run_id"]: row for row in map(json.loads, run.results.read_text(encoding="utf-8").splitlines())}
    for trial_id in chosen:
        trial, paths = state.trials[trial_id], run.trial(trial_id)
        assert set(trial.decoded[0].point) <= set(stage.space.keys)
        assert len(paths.decodings.read_text(encoding="utf-8").splitlines()) == rows[trial_id]["decodings"] == 5
        best = trial.decoding
        assert rows[trial_id]["decoding"] == (best.point if best else None)
        assert json.loads(paths.results.read_text(encoding="utf-8"))["decoding"] == (best.point if best else None)
        if best is not None:
            assert state.full_score(trial) == best.score > (state.own_metrics(trial) or {})["length_ratio"]
            kept = stored_settings(paths.best_model).generation
            assert {f"generation.{name}": getattr(kept, name) for name in ("max_length", "no_repeat_ngram_size")} == best.point
    assert any(state.trials[trial_id].decoding for trial_id in chosen), "else this test shows less than it says"


@pytest.mark.slow
def test_killed_while_decoding_resumed_and_decoded_again_later(summtune_on_cluster: CommandLine, space_file: SpaceFile) -> None:
    many = {**STAGE, "decode": {"top_k": 1, "run_cap": 8, "parameters": {"no_repeat_ngram_size": {"values": [0, 2]}}}}
    summtune_on_cluster.kill_at(r"\d{4}  decoding \d", "run", space_file(**many))
    run = summtune_on_cluster.run_called("tiny")
    before = decoded(run)
    assert before
    code, output = summtune_on_cluster("resume", "tiny")
    assert code == 0, output
    after = decoded(run)
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == 8, "none is tried twice"
    later = summtune_on_cluster.folder / "later.yaml"
    later.write_text("decode: {top_k: 1, parameters: {repetition_penalty: {values: [1.2, 1.5]}}}\n", encoding="utf-8")
    code, output = summtune_on_cluster("decode", "tiny", "--space", later)
    assert code == 0, output
    assert [setting for _, setting in decoded(run)[8:]] == [9, 10]
    state = state_of(run)
    assert state.status == "finished"
    trial = next(trial for trial in state.trials.values() if trial.decoded)
    code, output = summtune_on_cluster(
        "decode", run.trial(trial.id).best_model, "--space", later, "--metric", "length_ratio", "--goal", "maximize", "--json"
    )
    assert code == 0, output
    assert '"settings": 2' in output
    code, output = summtune_on_cluster("decode", "tiny", "--space", space_file(name="none"))
    assert code == 2
    assert "it names nothing of generation that varies" in output
