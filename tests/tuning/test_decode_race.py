"""The search for a decoding on one trained model: real training, real decoding, no Ray."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from summtune.config.experiment import load_experiment
from summtune.config.settings import Settings
from summtune.config.stages import DecodeStage
from summtune.corpus.dialogues import read_split
from summtune.decoding.cleaning import cleaner
from summtune.decoding.steps import seed_of
from summtune.events.kinds import Decoded
from summtune.events.limits import Limit
from summtune.families import causal
from summtune.training.best_model import SETTINGS_FILE, adopt_decoding
from summtune.training.referee import score_in_full
from summtune.training.reopened import stored_settings
from summtune.training.train import train
from summtune.tuning.decode_folder import DECODINGS, decode_folder
from summtune.tuning.decode_race import Race, Tried, race
from tests.small_training import Reports, job, small_settings

OBJECTIVE = "rouge_combined_f1"
SPACE = """
parameters:
  num_beams: {values: [1, 2, 3]}
  length_penalty: {min: 0.2, max: 2.0, when: {num_beams: [2, 3]}}
  no_repeat_ngram_size: {values: [0, 2, 3]}
  max_length: {values: [8, 12, 16, 24, 40]}
decode: {run_cap: 10}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    folder = tmp_path_factory.mktemp("decode")
    training = {"num_train_epochs": 4, "learning_rate": 1e-2}
    settings = small_settings(
        folder,
        train_rows=48,
        dev_rows=40,
        training=training,
        generation={"max_length": 10},  # too short, so that there is something to find
        evaluation={"metrics": ["rouge", "length_ratio"]},
    )
    asked = job(folder, settings)
    reports = Reports()
    train(asked, reports)
    best = max(reports.metrics, key=lambda line: (line[OBJECTIVE], -line["iteration"]))
    return asked.attempt.best_model(int(best["iteration"])), settings


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DecodeStage:
    file = tmp_path_factory.mktemp("space") / "space.yaml"
    file.write_text(SPACE, encoding="utf-8")
    found = load_experiment(file, environ={}).decode
    assert found is not None
    return found


def race_on(folder: Path, settings: Settings, stage: DecodeStage, cache: Path) -> Race:
    own = score_in_full(folder, settings, OBJECTIVE, cache, 1)
    return Race(
        trial="0000",
        folder=str(folder),
        settings=settings.model_dump(mode="json"),
        stage=stage.to_record(),
        objective=OBJECTIVE,
        maximize=True,
        own_metrics=own.metrics,
        best_scores=[float(row[OBJECTIVE]) for row in own.rows],
        threads=1,
    )


@pytest.fixture(scope="module")
def asked(trained: tuple[Path, Settings], stage: DecodeStage, tmp_path_factory: pytest.TempPathFactory) -> Race:
    return race_on(*trained, stage, tmp_path_factory.mktemp("cache"))


def events(tried: list[Tried]) -> list[Decoded]:
    return [one.decoded for one in tried if one.decoded is not None]


def lasting(tried: list[Tried]) -> list[Decoded]:
    """Without what measures time, and scores as predictions.csv has them."""
    return [replace(one, seconds=0.0, score=round(one.score, 5)) for one in events(tried)]


@pytest.fixture(scope="module")
def outcome(asked: Race) -> list[Tried]:
    return list(race(asked))


@pytest.fixture(scope="module")
def winner(outcome: list[Tried]) -> tuple[Tried, Decoded]:
    """The best setting, and the event of it."""
    return [(one, one.decoded) for one in outcome if one.decoded is not None and one.decoded.best][-1]


def test_settings_race_against_the_best_so_far(asked: Race, outcome: list[Tried]) -> None:
    decoded = events(outcome)
    assert [one.setting for one in decoded] == list(range(1, 11))
    assert len({json.dumps(one.point, sort_keys=True) for one in decoded}) == 10
    best = asked.own_metrics[OBJECTIVE]
    for tried, one in zip(outcome, decoded, strict=True):
        assert one.dropped == (one.dialogues < 40)
        assert one.dropped == (not one.metrics)
        assert one.best == (not one.dropped and one.score > best + 1e-6)
        assert bool(tried.rows) == bool(tried.generation_config) == one.best
        best = one.score if one.best else best
    assert any(one.best for one in decoded)
    assert any(one.dropped for one in decoded)
    assert all(set(one.metrics) == set(asked.own_metrics) for one in decoded if not one.dropped)


def test_what_was_scored_is_what_the_full_evaluation_finds(asked: Race, winner: tuple[Tried, Decoded], tmp_path: Path) -> None:
    """The encoder's remembered outputs and the order of dialogues change nothing."""
    tried, best = winner
    settings = Settings.model_validate(asked.settings)
    generation = {**settings.generation.model_dump(), **{key.partition(".")[2]: value for key, value in best.point.items()}}
    decoded = settings.model_copy(update={"generation": settings.generation.model_validate(generation)})
    found = score_in_full(Path(asked.folder), decoded, OBJECTIVE, tmp_path, 1)
    assert found.metrics == pytest.approx(best.metrics, rel=1e-5)
    assert [row["summary"] for row in found.rows] == [row["summary"] for row in tried.rows]


def test_an_interrupted_race_goes_on_as_if_nothing_had_happened(asked: Race, outcome: list[Tried]) -> None:
    begun = list(islice(race(asked), 4))
    assert lasting(begun) == lasting(outcome[:4])
    best = next((one for one in reversed(begun) if one.rows), None)
    assert best is not None, "else this test shows less than it says"
    kept = [float(row[OBJECTIVE]) for row in best.rows]
    assert best.decoded is not None
    left = replace(asked, past=tuple(events(begun)), best_point=best.decoded.point)
    assert lasting(list(race(replace(left, best_scores=kept)))) == lasting(outcome[4:])
    (again,) = islice(race(replace(left, best_scores=None)), 1)
    assert (again.decoded, again.rows) == (None, best.rows), "where its summaries are gone the best is decoded again"
    over = replace(left, stage={**asked.stage, "count": len(left.past)}, best_scores=None)
    assert list(race(over)) == [again], "also where no setting is left to try"


def test_settings_of_a_later_stage_are_numbered_on(asked: Race) -> None:
    assert [one.setting for one in events(list(islice(race(replace(asked, before=10)), 2)))] == [11, 12]


def test_a_setting_beyond_a_limit_is_never_the_best(asked: Race, winner: tuple[Tried, Decoded]) -> None:
    bound = winner[1].metrics["length_ratio"] - 0.01
    limited = events(list(race(replace(asked, limits=(Limit("length_ratio", "<=", bound),), best_is_feasible=False))))
    assert limited[0].excesses.keys() == {f"length_ratio <= {bound:g}"}, "there is no feasible one yet that it could lose to"
    for one in limited:
        assert not (one.best and one.metrics["length_ratio"] > bound)


def test_from_pretrained_and_generate_give_what_was_scored(asked: Race, winner: tuple[Tried, Decoded], tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tried, best = winner
    folder = tmp_path / "model"
    shutil.copytree(asked.folder, folder)
    adopt_decoding(folder, tried.generation, tried.generation_config, best.metrics)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    settings = Settings.model_validate(asked.settings)
    assert settings.data.dev is not None
    with settings.data.dev.open(encoding="utf-8", newline="") as stream:
        rows: list[dict[str, Any]] = list(csv.DictReader(stream))
    for row, scored in list(zip(rows, tried.rows, strict=True))[:8]:
        tokens = model.generate(**tokenizer(row["dialogue"], return_tensors="pt"))[0]
        text = "".join(tokenizer.decode(tokens).split())
        for special in (tokenizer.pad_token, tokenizer.eos_token, tokenizer.bos_token):
            text = text.replace(special, "")
        assert text == "".join(scored["summary"].split())
    kept = stored_settings(folder).generation
    assert {key: getattr(kept, key.partition(".")[2]) for key in best.point} == best.point
    record = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    assert record["settings"]["generation"] == tried.generation
    assert record["full_metrics"] == best.metrics


def test_a_folder_by_itself(asked: Race, stage: DecodeStage, outcome: list[Tried], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(asked.folder, folder)
    told: list[Decoded] = []
    found = decode_folder(folder, stage, OBJECTIVE, maximize=True, told=told.append)
    assert [one.point for one in told] == [one.point for one in events(outcome)]
    assert found.own == pytest.approx(asked.own_metrics[OBJECTIVE])
    assert found.best is not None
    assert found.best.score == max(one.score for one in told if one.best)
    assert len((folder / DECODINGS).read_text(encoding="utf-8").splitlines()) == found.tried == 10
    assert (
        json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))["max_length"]
        == found.best.point["generation.max_length"]
    )
    again = decode_folder(folder, stage, OBJECTIVE, maximize=True, told=told.append)
    assert again.own == pytest.approx(found.best.score), "it begins from what the folder decodes by now"


def test_a_second_search_over_other_keys_keeps_what_the_first_one_found(trained: tuple[Path, Settings], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained[0], folder)
    for key, values in (("max_length", [24, 40]), ("repetition_penalty", [0.9, 1.3, 1.6])):
        file = tmp_path / "space.yaml"
        file.write_text(f"decode: {{run_cap: 3, parameters: {{{key}: {{values: {values}}}}}}}\n", encoding="utf-8")
        found = load_experiment(file, environ={}).decode
        assert found is not None
        best = decode_folder(folder, found, "rouge1_recall", maximize=True, told=lambda one: None).best
        assert best is not None, "else this test shows less than it says"
        again = score_in_full(folder, stored_settings(folder), "rouge1_recall", tmp_path, 1)
        assert again.metrics["rouge1_recall"] == pytest.approx(best.score)
    config = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert config["max_length"] == stored_settings(folder).generation.max_length > 10


def test_a_folder_keeps_the_best_so_far_when_a_person_ends_it(asked: Race, stage: DecodeStage, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(asked.folder, folder)

    def told(one: Decoded) -> None:
        if one.best:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_folder(folder, stage, OBJECTIVE, maximize=True, told=told)
    last = json.loads((folder / DECODINGS).read_text(encoding="utf-8").splitlines()[-1])
    assert last["best"]
    assert last["setting"] < 10, "else this test shows less than it says"
    kept = stored_settings(folder).generation
    assert {key: getattr(kept, key.partition(".")[2]) for key in last["point"]} == last["point"]
    config = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert config["max_length"] == last["point"]["generation.max_length"]


GPT2 = {"architecture": "gpt2", "config_overrides": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256}}


@pytest.mark.parametrize(
    ("generation", "parameters"),
    [
        ("{do_sample: true, num_beams: 1}", "{temperature: {min: 0.5, max: 1.5}, top_p: {values: [0.8, 1.0]}}"),
        ("{num_beams: 3, no_repeat_ngram_size: 3}", "{length_penalty: {min: 0.5, max: 1.5}, num_beams: {values: [1, 2]}}"),
    ],
)
def test_a_causal_model_s_generate_gives_what_was_scored(tmp_path: Path, generation: str, parameters: str) -> None:
    """temperature, top_p, rules against repetition; drawn or searched. The same summaries each time, and for whoever loads the model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    given = {**yaml.safe_load(generation), "max_length": 12}
    settings = small_settings(
        tmp_path,
        train_rows=24,
        dev_rows=12,
        model=GPT2,
        training={"learning_rate": 1e-2},
        generation=given,
    )
    asked_job = job(tmp_path, settings)
    train(asked_job, Reports())
    folder = next(asked_job.attempt.models.iterdir())
    file = tmp_path / "space.yaml"
    file.write_text(
        f"base: tiny-kogpt2\nsettings: {{generation: {generation}}}\n"
        f"decode: {{run_cap: 4, parameters: {{repetition_penalty: {{min: 1.0, max: 1.5}}, {parameters[1:]}}}\n",
        encoding="utf-8",
    )
    stage = load_experiment(file, environ={}).decode
    assert stage is not None
    asked = race_on(folder, settings, stage, tmp_path / "cache")
    asked = replace(asked, best_scores=[-1.0] * 12)  # so that the first setting is better
    first, second = list(race(asked)), list(race(asked))
    assert lasting(first) == lasting(second)
    assert len(first) == 4
    found = next(one for one in first if one.rows)
    assert found.decoded is not None
    adopt_decoding(folder, found.generation, found.generation_config, found.decoded.metrics)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    assert model.generation_config.repetition_penalty == found.decoded.point["generation.repetition_penalty"]
    texts = [one.dialogue for one in read_split(settings.data, "dev").dialogues]
    prompts = causal.encode(tokenizer, texts, None, settings)["input_ids"]
    clean = cleaner(tokenizer, settings.inference.remove_tokens)
    for prompt, row in zip(prompts, found.rows, strict=True):
        with torch.random.fork_rng():
            torch.manual_seed(seed_of(prompt))
            tokens = model.generate(torch.tensor([prompt]))
        assert clean(tokens[:, len(prompt) :]) == [row["summary"]]
    assert any(row["summary"] for row in found.rows)
