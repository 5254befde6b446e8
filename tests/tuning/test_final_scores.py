"""Which trials a driver wants evaluated in full, and what it makes of the scores."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from summtune.cli.screen import leaderboard, summary_lines
from summtune.config.experiment import settings_over
from summtune.errors import TrialFailure
from summtune.events import standings
from summtune.events.kinds import Decoded, DecodeOpened, Noted, RunResumed, Scored
from summtune.events.log import EventLog, read_events
from summtune.reporting.faithfulness import faithfulness
from summtune.reporting.leaderboard import figures, rows
from summtune.reporting.page import write_page
from summtune.reporting.views import last_iterations, write_views
from summtune.training.best_model import SETTINGS_FILE
from summtune.training.referee import Refereed
from summtune.tuning import afterwards, causes
from summtune.tuning.decode_race import Tried
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step
from tests.tuning.test_limited_driver import KEY
from tests.tuning.test_limited_driver import trained as trained_within

SPACE = """
name: plain
parameters: {learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}}
run_cap: 4
early_terminate: none
settings: {training: {num_train_epochs: 1}, evaluation: {proxy_top_k: 2}}
"""


def trained(driver: Driver, score: float) -> str:
    trial = drawn(driver)
    step(driver, trial, score)
    driver.over(trial)
    (driver.run.trial(trial).best_model / SETTINGS_FILE).write_text('{"settings": {"generation": {}}, "metrics": {}}', encoding="utf-8")
    return trial


def refereed(score: float) -> Refereed:
    rows = [{"fname": "a", "summary": "#Person1#은 간다.", "reference": "b", "rouge_combined_f1": score}]
    return Refereed({"loss": 1.0, "rouge_combined_f1": score}, rows, {}, 2.5, ("Memory does not suffice.",))


def tried_better(driver: Driver, trial: str, point: dict[str, Any], score: float, config: str, decoded: Decoded | None = None) -> Tried:
    generation = settings_over(driver.settings_of(driver.state.trials[trial]), point).generation
    return Tried(decoded, refereed(score).rows, generation.model_dump(mode="json"), config)


def test_the_likeliest_and_the_baseline_are_scored_in_full(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    assert driver.complete
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0001", "0003"]
    afterwards.scored(driver, "0003", refereed(0.45))
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0001"]
    log.close()

    driver, log = open_driver(tmp_path / "run", SPACE)
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0001"], "what has been scored is not scored again"
    afterwards.scored(driver, "0001", refereed(0.35))
    afterwards.scored(driver, "0000", refereed(0.15))
    assert afterwards.to_score(driver) == []
    driver.close("finished")
    state, run = driver.state, driver.run
    assert [event for event in read_events(run.events)[0] if isinstance(event, Noted)][0].text == "Memory does not suffice."
    assert standings.best(state) is state.trials["0003"]
    assert driver.study.best_value == 0.5, "the search was told cheap scores only"

    paths = run.trial("0003")
    with paths.predictions.open(encoding="utf-8", newline="") as stream:
        assert [row["summary"] for row in csv.DictReader(stream)] == ["#Person1#은 간다."]
    assert json.loads((paths.best_model / SETTINGS_FILE).read_text(encoding="utf-8"))["full_metrics"]["rouge_combined_f1"] == 0.45
    results = json.loads(paths.results.read_text(encoding="utf-8"))
    assert (results["evaluation"], results["best_score"]) == ("full", 0.45)
    assert results["proxy_metrics"]["rouge_combined_f1"] == 0.4

    write_views(run, state)
    write_page(run, state)
    by_id = {row["run_id"]: row for row in map(json.loads, run.results.read_text(encoding="utf-8").splitlines())}
    assert [by_id[trial]["evaluation"] for trial in ("0003", "0002")] == ["full", "proxy"]
    assert (by_id["0003"]["score"], by_id["0003"]["full_score"], by_id["0002"]["full_score"]) == (0.4, 0.45, None)
    assert by_id["0003"]["best_metrics"]["rouge_combined_f1"] == 0.45
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    assert (summary["best_run_id"], summary["best_rouge_combined_f1"], summary["evaluation"]) == ("0003", 0.45, "full")
    assert summary["average_rouge_combined_f1"] == pytest.approx(0.4), "averages are over trials that were evaluated in full"
    assert summary["baseline_rouge_combined_f1"] == 0.15
    assert summary["proxy_faithfulness"]["tau"] == pytest.approx(1 / 3)
    assert [row.trial for row in rows(state)] == ["0003", "0001", "0000", "0002", "0004"]
    assert [row.rank for row in rows(state)] == [1, 2, 3, None, None]
    told = "\n".join(summary_lines(run, state, figures(state, last_iterations(state))))
    assert "Best      rouge_combined_f1 0.4500: trial 0003" in told
    assert "Proxy     3 trials evaluated in full; Kendall's τ of cheap and full scores 0.33 (95 % from" in told
    assert "More evaluation.proxy_samples" not in told, "three trials are no ground for a warning"
    page = run.report.read_text(encoding="utf-8")
    assert "Kendall&#39;s τ" in page
    assert '<th class="n">proxy</th>' in page
    assert 'evaluation": "proxy"' in paths.history.read_text(encoding="utf-8")
    log.close()


DIVERGED = TrialFailure("diverged", "loss is nan.")


def test_a_trial_that_cannot_be_scored_in_full_makes_room_and_is_not_tried_by_itself_again(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    afterwards.not_scored(driver, "0001", DIVERGED)
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0003", "0002"]
    log.close()

    driver, log = open_driver(tmp_path / "run", SPACE)
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0003", "0002"], "nor after a resume"
    best = standings.likeliest(driver.state)
    assert best is not None
    assert best.id == "0003", "it can't be the best"
    for trial in ("0000", "0003", "0002"):
        afterwards.scored(driver, trial, refereed(0.3))
    driver.close("finished")
    write_views(driver.run, driver.state)
    by_id = {row["run_id"]: row for row in map(json.loads, driver.run.results.read_text(encoding="utf-8").splitlines())}
    assert by_id["0001"]["not_scored"] == {"cause": "diverged", "message": "loss is nan."}
    told = "\n".join(summary_lines(driver.run, driver.state, figures(driver.state, last_iterations(driver.state))))
    assert "0001 could not be evaluated in full (diverged): loss is nan." in told

    driver.state.apply(log.append(RunResumed(4, "rebuild", [], str(driver.run.folder), rescored=causes.to_score_again(driver.state))))
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0001"], "a person wants it tried again"
    log.close()


def test_an_error_of_a_full_evaluation_does_not_go_through_all_trials(tmp_path: Path) -> None:
    driver, log = open_driver(tmp_path / "run", SPACE)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    for trial in ("0001", "0003"):
        afterwards.not_scored(driver, trial, TrialFailure("error", "KeyError: 'x'"))
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000"]
    afterwards.not_scored(driver, "0000", TrialFailure("error", "KeyError: 'x'"))
    assert afterwards.to_score(driver) == []
    log.close()


def test_an_error_takes_the_place_of_no_better_trial(tmp_path: Path) -> None:
    """Those that a later session trains, for example."""
    driver, log = open_driver(tmp_path / "run", SPACE)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    for trial in ("0000", "0001", "0003"):
        afterwards.not_scored(driver, trial, TrialFailure("error", "KeyError: 'x'"))
    assert afterwards.to_score(driver) == []
    driver.close("finished")
    log.close()
    log = EventLog(driver.run.events)
    driver.state.apply(log.append(RunResumed(6, "rebuild", [], str(driver.run.folder))))
    driver = Driver(driver.run, driver.experiment, log, driver.state, lambda event, state: None)
    for score in (0.45, 0.9):
        trained(driver, score)
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0006"], "0001 is the second, and can't be scored"
    log.close()


def test_other_decodings_stand_beside_what_was_trained(tmp_path: Path) -> None:
    """A better decoding can win; the baseline, the averages of trust and a column of the table stay with what was trained."""
    driver, log = open_driver(tmp_path / "run", SPACE)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    for trial, score in (("0000", 0.15), ("0001", 0.35), ("0003", 0.30)):
        afterwards.scored(driver, trial, refereed(score))
    before = faithfulness(driver.state)
    metrics = {"loss": 1.0, "rouge_combined_f1": 0.6}
    better = Decoded("0000", 1, {"generation.num_beams": 4}, {}, dialogues=1, score=0.6, best=True, metrics=metrics)
    afterwards.decoded(driver, "0000", tried_better(driver, "0000", better.point, 0.6, "{}", better))
    worse = Decoded("0003", 1, {"generation.num_beams": 2}, {}, dialogues=1, score=0.2, metrics={**metrics, "rouge_combined_f1": 0.2})
    afterwards.decoded(driver, "0003", Tried(worse))
    driver.close("finished")
    state, run = driver.state, driver.run
    assert standings.best(state) is state.trials["0000"]
    assert faithfulness(state) == before, "cheap evaluations are compared with what they stand for"
    found = figures(state, last_iterations(state))
    assert (found.best, found.baseline) == (0.6, 0.15)
    assert [(row.trial, row.own_score, row.full_score) for row in rows(state)][:2] == [("0000", 0.15, 0.6), ("0001", 0.35, 0.35)]
    told = "\n".join(summary_lines(run, state, found))
    assert "Baseline  rouge_combined_f1 0.1500: the best is +0.4500 against it" in told
    assert "Decoding  0000: num_beams 4: 0.6000 instead of 0.1500; 1 setting, 0 dropped early" in told
    assert "Decoding  0003: as trained, 0.3000, is the best; 1 setting" in told
    header = [column.header for column in leaderboard(rows(state), state, {}).columns]
    assert header[:6] == ["", "trial", "status", "epoch", "proxy", "as trained"]
    write_page(run, state)
    page = run.report.read_text(encoding="utf-8")
    assert "<dt>Decoding</dt><dd>0000: num_beams 4: 0.6000 instead of 0.1500; 1 setting, 0 dropped early</dd>" in page
    assert '<th class="n">as trained</th>' in page
    log.close()


def test_a_trial_whose_full_evaluation_is_beyond_a_limit_makes_room(tmp_path: Path) -> None:
    limited = SPACE + "constraints:\n- require_metric: guardrails/invented_speakers <= 0.1\n"
    driver, log = open_driver(tmp_path / "run", limited.replace("proxy_top_k: 2", "proxy_top_k: 1, metrics: [rouge, guardrails]"))
    for score in (0.1, 0.5, 0.3):
        trial = trained_within(driver, score, 0.0)
        (driver.run.trial(trial).best_model / SETTINGS_FILE).write_text('{"settings": {}}', encoding="utf-8")
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0001"]
    found = refereed(0.6)
    afterwards.scored(driver, "0001", Refereed({**found.metrics, KEY: 0.9}, found.rows, {}, 1.0))
    assert [trial.id for trial in afterwards.to_score(driver)] == ["0000", "0002"]
    assert isinstance(driver.state.trials["0001"].scored, Scored)
    log.close()


@pytest.mark.parametrize(
    "torn", [["models"], ["predictions.csv"], ["models", "predictions.csv"], ["decodings.jsonl", "training_results.json"]]
)
@pytest.mark.parametrize("tried", [1, 2])
def test_a_driver_killed_on_the_way_of_a_better_decoding_is_caught_up_with(tmp_path: Path, torn: list[str], tried: int) -> None:
    """What the log says of a model is what its folder decodes: with settings left, and after the last."""
    staged = SPACE + "decode: {run_cap: 2, top_k: 1, parameters: {num_beams: {values: [1, 3, 4]}}}\n"
    driver, log = open_driver(tmp_path / "run", staged)
    for score in (0.1, 0.5, 0.3, 0.4, 0.2):
        trained(driver, score)
    for trial, score in (("0000", 0.15), ("0001", 0.35), ("0003", 0.30)):
        afterwards.scored(driver, trial, refereed(score))
    paths = driver.run.trial("0001")
    assert list(afterwards.races(driver)) == ["0001"]
    before, after = tmp_path / "before", tmp_path / "after"
    points = [{"generation.num_beams": beams} for beams in (3, 4)][:tried]
    metrics = {"loss": 1.0, "rouge_combined_f1": 0.6}
    for number, point in enumerate(points, start=1):
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(paths.folder, before)
        score = 0.5 + number / 10
        metrics = {"loss": 1.0, "rouge_combined_f1": score}
        better = Decoded("0001", number, point, {}, dialogues=1, score=score, best=True, metrics=metrics)
        afterwards.decoded(driver, "0001", tried_better(driver, "0001", point, score, f'{{"num_beams": {number}}}', better))
    shutil.copytree(paths.folder, after)
    log.close()
    for name in torn:
        if (before / name).is_dir():
            shutil.copytree(before / name, paths.folder / name, dirs_exist_ok=True)
        else:
            (paths.folder / name).unlink()
            if (before / name).exists():
                shutil.copyfile(before / name, paths.folder / name)

    driver, log = open_driver(tmp_path / "run", staged)
    races = afterwards.races(driver)
    whole = "decodings.jsonl" in torn
    assert list(races) == (["0001"] if tried < 2 or not whole else [])
    for race in races.values():
        assert (len(race.past), race.best_point, race.best_scores) == (tried, points[-1], [metrics["rouge_combined_f1"]] if whole else None)
    if not whole:
        again = tried_better(driver, "0001", points[-1], metrics["rouge_combined_f1"], f'{{"num_beams": {tried}}}')
        afterwards.decoded(driver, "0001", again)
    assert list(afterwards.races(driver)) == (["0001"] if tried < 2 else [])
    for file in after.rglob("*"):
        if file.is_file():
            assert (paths.folder / file.relative_to(after)).read_bytes() == file.read_bytes(), file
    log.close()


def test_a_decoding_that_its_folder_lacks_is_put_there_whoever_is_decoded_next(tmp_path: Path) -> None:
    """Another stage, with fewer checkpoints, was opened in between: nothing else is tried on this one."""
    staged = SPACE + "decode: {run_cap: 2, top_k: 2, parameters: {num_beams: {values: [1, 3, 4]}}}\n"
    driver, log = open_driver(tmp_path / "run", staged)
    for score in (0.1, 0.5, 0.3):
        trained(driver, score)
    for trial, score in (("0000", 0.15), ("0001", 0.35), ("0002", 0.30)):
        afterwards.scored(driver, trial, refereed(score))
    metrics = {"loss": 1.0, "rouge_combined_f1": 0.6}
    better = Decoded("0002", 1, {"generation.num_beams": 4}, {}, dialogues=1, score=0.6, best=True, metrics=metrics)
    driver.record(better)  # and then it was killed
    assert driver.state.decode is not None
    driver.record(DecodeOpened({**driver.state.decode, "top_k": 1}))
    races = afterwards.races(driver)
    assert {trial: (race.stage["count"], race.best_scores) for trial, race in races.items()} == {"0001": (2, [0.35]), "0002": (0, None)}
    log.close()
