"""Earlier runs whose trials teach a search: which of them can be told, what is said of the others, and that the study has them all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState as OptunaState

from summtune import registry
from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import RunMistake, SettingsMistake
from summtune.events import kinds
from summtune.events.fold import RunState, fold
from summtune.events.log import EventLog, read_events
from summtune.events.mending import mended_run
from summtune.paths import RunPaths
from summtune.search.study import Search
from summtune.search.warm_start import lessons
from tests.tuning.playing import LESSON, make_run, play_through, study_digest

DATA = {"train": "train data", "dev": "dev data"}

SPACE = """
name: second
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}
  batch_size: {values: [4, 8]}
run_cap: 5
early_terminate: none
settings: {training: {num_train_epochs: 4}, evaluation: {strategy: full}}
"""

FIRST = SPACE.replace("second", "first")
RATES = (1e-4, 3e-4, 1e-3, 3e-3)


@pytest.fixture(scope="module", autouse=True)
def without_syncing() -> Iterator[None]:
    """Nothing here dies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


Teach = Callable[..., list[kinds.Taught]]


def told_run(
    folder: Path, space: str = FIRST, points: Sequence[dict[str, Any]] | None = None, metrics: dict[str, dict[str, str]] | None = None
) -> RunPaths:
    """An earlier run of these points: one that finished, one that a rung stopped, one that failed, one that was left under way."""
    run = RunPaths(folder)
    folder.mkdir(parents=True)
    run.space.write_text(space, encoding="utf-8")
    run.environment.write_text(json.dumps({"data": {split: {"fingerprint": one} for split, one in DATA.items()}}), encoding="utf-8")
    experiment = load_experiment(run.space, environ={})
    log = EventLog(run.events)
    log.append(kinds.RunOpened(folder.name, "first", experiment.to_record(), "results", [], metrics=metrics or {}))
    log.append(kinds.PointDrawn("0000", 0, experiment.baseline_point(), baseline=True))
    points = points or [{"training.learning_rate": rate, "training.per_device_train_batch_size": 4} for rate in RATES]
    for number, point in enumerate(points, start=1):
        trial = f"{number:04d}"
        log.append(kinds.PointDrawn(trial, number, point, point))
        log.append(kinds.TrialStarted(trial, 1, 0))
        status = ("finished", "stopped", "failed", "")[(number - 1) % 4]
        for iteration, score in enumerate(
            [0.1 * number, 0.2, 0.15][: 0 if status == "failed" else 2 if status == "stopped" else 3], start=1
        ):
            log.append(kinds.Reported(trial, 1, iteration, {"loss": 1.0, "rouge_combined_f1": score}, None))
        if status:
            log.append(kinds.Ended(trial, status, "diverged" if status == "failed" else ""))
    log.close()
    return run


@pytest.fixture
def teach(tmp_path: Path) -> Teach:
    """What a space learns of runs that lie beside it."""

    def learn(space: str = SPACE, runs: str = "[first]", **data: str) -> list[kinds.Taught]:
        return lessons(second(tmp_path, space, runs), {**DATA, **data})

    return learn


def second(tmp_path: Path, space: str = SPACE, runs: str = "[first]") -> Experiment:
    file = tmp_path / "second.yaml"
    file.write_text(f"{space}warm_start: {runs}\n", encoding="utf-8")
    return load_experiment(file, environ={})


def refused(teach: Teach, *given: Any, **data: str) -> list[str]:
    with pytest.raises(RunMistake) as caught:
        teach(*given, **data)
    return [str(problem) for problem in caught.value.problems]


def test_trials_are_told_with_their_evaluations_as_they_ended(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    (lesson,) = teach()
    assert (lesson.run, lesson.folder, lesson.trials) == ("first", str(tmp_path / "first"), 5)
    assert [(one["of"], one["state"], one["value"], one["values"]) for one in lesson.told] == [
        ("0001", "COMPLETE", 0.2, [[1, 0.1], [2, 0.2], [3, 0.15]]),
        ("0002", "PRUNED", 0.2, [[1, 0.2], [2, 0.2]]),
        ("0004", "PRUNED", 0.4, [[1, 0.4], [2, 0.2], [3, 0.15]]),
    ]
    assert lesson.told[0]["params"] == {"training.learning_rate": 1e-4, "training.per_device_train_batch_size": 4}
    assert lesson.text == "3 of 5 trials of first: 1 never evaluated, 1 failed"


def test_what_lies_outside_is_dropped_and_never_moved_inside(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    (lesson,) = teach(SPACE.replace("min: 1e-5, max: 1e-2", "min: 2e-4, max: 5e-3"))
    assert [one["params"]["training.learning_rate"] for one in lesson.told] == [3e-4, 3e-3]
    assert lesson.text == "2 of 5 trials of first: 1 never evaluated, 1 outside the range of learning_rate, 1 failed"


def test_what_varies_there_and_is_fixed_here_must_be_the_same(tmp_path: Path, teach: Teach) -> None:
    points = [{"training.learning_rate": 1e-4 * size, "training.per_device_train_batch_size": size} for size in (4, 8)]
    told_run(tmp_path / "first", points=points)
    (lesson,) = teach(SPACE.replace("batch_size: {values: [4, 8]}", "batch_size: {value: 8}"))
    assert [one["params"] for one in lesson.told] == [{"training.learning_rate": 8e-4}]
    assert lesson.dropped == {"never evaluated": 1, "outside the range of per_device_train_batch_size": 1}
    (lesson,) = teach(
        SPACE.replace("  batch_size: {values: [4, 8]}\n", "").replace("{num_train", "{per_device_train_batch_size: 8, num_train")
    )
    assert [one["of"] for one in lesson.told] == ["0002"]
    assert lesson.dropped == {"never evaluated": 1, "with per_device_train_batch_size 4 (here 8)": 1}


def test_many_values_are_one_reason(tmp_path: Path, teach: Teach) -> None:
    space = FIRST.replace("run_cap", "  weight_decay: {min: 0, max: 0.1}\nrun_cap")
    points = [
        {"training.learning_rate": 1e-3, "training.per_device_train_batch_size": 4, "training.weight_decay": decay}
        for decay in (0.01, 0.02, 0.0, 0.04, 0.05, 0.06)
    ]
    told_run(tmp_path / "first", space, points)
    (lesson,) = teach()
    assert [one["of"] for one in lesson.told] == ["0001"], "0.01 is what the base has"
    assert lesson.dropped == {"with another weight_decay": 4, "never evaluated": 1, "failed": 1}


def test_what_was_fixed_there_and_varies_here_has_its_value_of_then(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    (lesson,) = teach(SPACE.replace("run_cap", "  weight_decay: {min: 0, max: 0.1}\n  adam_beta2: {min: 0.9, max: 0.9999}\nrun_cap"))
    assert lesson.told[0]["params"]["training.weight_decay"] == 0.01
    assert lesson.told[0]["params"]["training.adam_beta2"] == 0.999, "transformers' own default, which no settings name"
    (found,) = refused(teach, SPACE.replace("run_cap", "  weight_decay: {min: 0.05, max: 0.1}\nrun_cap"))
    assert found == (
        "warm_start: first none of its trials can be told: 3 outside the range of weight_decay, 1 never evaluated, 1 failed. "
        "Search, or fix, the settings as that run did, or leave it out."
    )


def test_parameters_that_exist_under_a_condition(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    conditional = "  optim: {values: [adamw_torch, adafactor]}\n  weight_decay: {min: 0, max: 0.1, when: {optim: adafactor}}\nrun_cap"
    (lesson,) = teach(SPACE.replace("run_cap", conditional))
    assert lesson.told[0]["params"]["training.optim"] == "adamw_torch"
    assert "training.weight_decay" not in lesson.told[0]["params"]
    fixed = "  optim: {values: [adamw_torch, adafactor]}\n  weight_decay: {value: 0.07, when: {optim: adamw_torch}}\nrun_cap"
    (found,) = refused(teach, SPACE.replace("run_cap", fixed))
    assert "3 outside the range of weight_decay" in found, "it is 0.07 here, which those trials did not have"


def test_a_rule_that_a_trial_is_against(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    (lesson,) = teach(f"{SPACE}constraints: [{{require: 'learning_rate < 1e-3'}}]\n")
    assert [one["of"] for one in lesson.told] == ["0001", "0002"]
    assert any(reason.startswith("against the rule ") and "learning_rate < 0.001" in reason for reason in lesson.dropped), lesson.dropped


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("num_train_epochs: 4", "num_train_epochs: 8"), "3 with num_train_epochs 4 (here 8)"),
        (("strategy: full", "strategy: proxy"), "3 with strategy full (here proxy)"),
        (("strategy: full", "strategy: full, every: 2"), "3 with every 1 (here 2)"),
        (("strategy: full", "strategy: full, rouge_tokenizer: char"), "3 with rouge_tokenizer auto (here char)"),
        (
            ("strategy: full", "strategy: full, references: mean, combined: sum"),
            "3 with references max (here mean), combined mean (here sum)",
        ),
        (("settings: {", "settings: {generation: {num_beams: 3}, "), "3 with num_beams 1 (here 3), 1 never"),
        (("settings: {", "settings: {model: {config_overrides: {d_model: 16}}, "), "3 with d_model "),
        (("settings: {", "settings: {data: {max_val_samples: 9}, "), "3 with max_val_samples null (here 9)"),
        (
            (
                "settings: {training: {",
                "settings: {training: {weight_decay: 0.2, lr_scheduler_type: linear, optim: adafactor, max_grad_norm: 2, ",
            ),
            ", 1 more",
        ),
    ],
)
def test_other_trainings_and_other_scores_are_refused(tmp_path: Path, teach: Teach, change: tuple[str, str], said: str) -> None:
    told_run(tmp_path / "first")
    (found,) = refused(teach, SPACE.replace(*change))
    assert said in found


@pytest.mark.parametrize(
    "change",
    [
        ("settings: {", "settings: {general: {seed: 7, device: cpu}, "),
        ("settings: {training: {", "settings: {training: {dataloader_num_workers: 2, "),
        ("settings: {", "settings: {data: {train: elsewhere.csv, dev: another.csv, test: another.csv}, "),
        ("settings: {", "settings: {wandb: {mode: offline}, meta: {author: me}, "),
        ("strategy: full", "strategy: full, proxy_samples: 9"),
    ],
)
def test_luck_places_and_housekeeping_make_no_other_training(tmp_path: Path, teach: Teach, change: tuple[str, str]) -> None:
    told_run(tmp_path / "first")
    for name in ("elsewhere.csv", "another.csv"):
        (tmp_path / name).touch()
    assert len(teach(SPACE.replace(*change))[0].told) == 3


def test_runs_whose_scores_do_not_compare_are_all_named_at_once(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "loss", FIRST + "metric: {name: loss}\n")
    told_run(tmp_path / "nodata").environment.unlink()
    told_run(tmp_path / "torn").events.write_bytes(b"")
    shutil.copytree(told_run(tmp_path / "first").folder, tmp_path / "headless")
    log = tmp_path / "headless" / "events.jsonl"
    log.write_bytes(log.read_bytes().partition(b"\n")[2])
    runs = "[loss, nodata, torn, headless, first]"
    found = refused(teach, SPACE, runs, dev="other")
    leave = "Leave it out: its scores don't compare with those that this run will have."
    assert found == [
        f"warm_start: loss searched for minimize loss, and this space for maximize rouge_combined_f1. {leave}",
        f"warm_start: loss had other dev data. {leave}",
        f"warm_start: nodata does not say what train data it had: its environment.json is missing or damaged. {leave}",
        f"warm_start: nodata does not say what dev data it had: its environment.json is missing or damaged. {leave}",
        "warm_start: torn can't be learned from: the run was never opened: its event log is empty. Name another run, or leave it out.",
        "warm_start: headless can't be learned from: the first line of the event log, which says what the run was asked to do, is "
        "damaged or missing. Name another run, or leave it out.",
        f"warm_start: first had other dev data. {leave}",
    ]


def test_limits_are_those_of_the_new_run(tmp_path: Path, teach: Teach) -> None:
    told_run(tmp_path / "first")
    (lesson,) = teach(f"{SPACE}constraints: [{{require_metric: 'loss < 0.5'}}]\n")
    assert lesson.told[0]["excesses"] == {"loss < 0.5": 0.5}
    extra = SPACE.replace("strategy: full", "strategy: full, metrics: [rouge, guardrails]")
    key = registry.load("metrics", "guardrails").KEYS[0]
    (found,) = refused(teach, f"{extra}constraints: [{{require_metric: '{key} < 0.5'}}]\n")
    assert f"3 without {key}, which a limit is on" in found


def test_a_limit_on_what_was_not_scored_is_said_to_be_that(tmp_path: Path, teach: Teach) -> None:
    by_loss = FIRST + "metric: {name: loss}\n"
    told_run(tmp_path / "first", by_loss.replace("strategy: full", "strategy: full, metrics: [length_ratio]"))
    key = registry.load("metrics", "guardrails").KEYS[0]
    extra = by_loss.replace("strategy: full", "strategy: full, metrics: [guardrails]")
    (found,) = refused(teach, f"{extra}constraints: [{{require_metric: '{key} < 0.5'}}]\n")
    assert f"3 without {key}, which a limit is on" in found


OWN = """KEYS = ("mine",)
GOAL = {{"mine": "maximize"}}
UNIT = {{"mine": "share, 0..1"}}


def score(summaries):
    return {{"mine": {0}}}
"""


def test_a_metric_of_one_s_own_must_be_the_same_to_the_letter(tmp_path: Path, teach: Teach) -> None:
    (tmp_path / "mine.py").write_text(OWN.format(0.1), encoding="utf-8")
    scored = FIRST.replace("strategy: full", f"strategy: full, metrics: [rouge, {tmp_path / 'mine.py'}]")
    run = told_run(tmp_path / "first", scored, metrics={str(tmp_path / "mine.py"): {"file": "metrics/mine.py", "sha256": "not looked at"}})
    run.metrics.mkdir()
    shutil.copy(tmp_path / "mine.py", run.metrics)
    here = scored.replace("first", "second")
    limited = f"{here}constraints: [{{require_metric: 'mine > 0'}}]\n"
    assert "without mine, which a limit is on" in refused(teach, limited)[0], "the same file; but the reports don't have it"
    (tmp_path / "mine.py").write_text(OWN.format(0.2), encoding="utf-8")
    assert refused(teach, limited)[0].startswith("warm_start: first was scored by another content of a metric's file. Leave it out")
    assert len(teach(here)[0].told) == 3, "neither searched for nor limited"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("warm_start: [firts]", "there is no run 'firts' in {0} or in {0}/results. Did you mean first?"),
        ("warm_start: nothing", "there is no run 'nothing' in {0} or in {0}/results. There are: first."),
        ("warm_start: [first, results/first-20261122-000000-abcd]", "which stands here already. Remove one of them."),
        ("warm_start: {a: b}", "warm_start"),
        ("warm_start: [[first]]", "warm_start"),
        ("warm_start: [~nobody/at/all]", "there is no run '~nobody/at/all'"),
        (
            "method: random\nwarm_start: first",
            "method random takes no notice of what has been found, so that no run can teach it anything.",
        ),
        ("method: grid\nwarm_start: first", "Use bayes, cmaes, gp, "),
    ],
)
def test_runs_that_can_not_be_meant(tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    told_run(tmp_path / "results" / "first-20261122-000000-abcd")
    file = tmp_path / "s.yaml"
    space = SPACE.replace("parameters:\n  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}", "parameters:")
    file.write_text(f"{space}{text}\n", encoding="utf-8")
    with pytest.raises(SettingsMistake) as caught:
        load_experiment(file, assignments=[f"general.output_dir={tmp_path / 'results'}"], environ={})
    assert said.format(tmp_path) in str(caught.value)
    assert str(caught.value).startswith(f"{file}:")


def test_a_path_is_relative_to_the_file_or_on_the_command_line_to_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told_run(tmp_path / "first")
    told_run(tmp_path / "results" / "2026-20261122-000000-abcd")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = tmp_path / "s.yaml"
    file.write_text(f"{SPACE}warm_start: [./first, 2026]\n", encoding="utf-8")
    results = f"general.output_dir={tmp_path / 'results'}"
    both = (str(tmp_path / "first"), str(tmp_path / "results" / "2026-20261122-000000-abcd"))
    assert load_experiment(file, assignments=[results], environ={}).warm_start == both
    assert load_experiment(file, assignments=[results, "warm_start=../first"], environ={}).warm_start == both[:1]
    with pytest.raises(SettingsMistake, match=r"--set warm_start: there is no run 'first' here or in"):
        load_experiment(file, assignments=[results, "warm_start=[first]"], environ={})


def search(method: str, state: RunState, count: int = 20) -> Search:
    found = Search(load(state).space, method, maximize=True, seed=3, count=count, identity=load(state).identity)
    found.replay(state)
    return found


def load(state: RunState) -> Experiment:
    assert state.opened is not None
    return Experiment.from_record(state.opened.experiment)


def test_what_a_run_was_told_is_what_a_run_of_the_same_space_learns(tmp_path: Path) -> None:
    run, experiment = make_run(tmp_path / "first")
    run.environment.write_text(json.dumps({"data": {split: {"fingerprint": one} for split, one in DATA.items()}}), encoding="utf-8")
    state = play_through(run, experiment)
    (tmp_path / "second.yaml").write_text(run.space.read_text(encoding="utf-8") + "warm_start: first\n", encoding="utf-8")
    (lesson,) = lessons(load_experiment(tmp_path / "second.yaml", environ={}), DATA)
    assert lesson.dropped == {}
    shutil.rmtree(run.folder)  # from here on the new run needs nothing of it
    learned, _ = make_run(tmp_path / "second", lessons=[lesson])
    before = study_digest(search("bayes", state))
    now = study_digest(search("bayes", fold(read_events(learned.events)[0])))
    assert {one.state for one in search("bayes", state).study.get_trials()} == {OptunaState.COMPLETE, OptunaState.PRUNED}
    seen = {json.dumps(one[2:5]) for one in before if one[1] == "COMPLETE"}
    assert {json.dumps(one[2:5]) for one in now if one[1] == "COMPLETE"} == seen
    assert {json.dumps([one[2], one[4]]) for one in now} <= {json.dumps([one[2], one[4]]) for one in before}


def test_the_default_has_no_random_start_where_it_was_taught_enough(tmp_path: Path) -> None:
    near = {}
    for name, taught in (("taught", [LESSON]), ("untaught", [])):
        run, _ = make_run(tmp_path / name, lessons=taught)
        live = search("bayes", mended_run(run)[0], count=8)
        rates = [drawn_point(live, number)["training.learning_rate"] for number in range(6)]
        near[name] = sum(1.5e-4 < rate < 6e-4 for rate in rates)
    assert near["taught"] > near["untaught"] + 2, "the best that it was taught is 3e-4"


@pytest.mark.parametrize("method", registry.names("search.methods"))
def test_methods_that_say_that_they_learn_nothing_draw_the_same_points_whatever_they_are_told(tmp_path: Path, method: str) -> None:
    run, _ = make_run(tmp_path / "run", FINITE, lessons=[WIDE])
    untaught, _ = make_run(tmp_path / "untaught", FINITE)
    points = [[drawn_point(search(method, mended_run(where)[0]), number) for number in range(3)] for where in (run, untaught)]
    assert (points[0] == points[1]) == (not getattr(registry.load("search.methods", method), "LEARNS", True))


FINITE = """
name: finite
parameters:
  warmup_steps: {values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
  weight_decay: {distribution: q_uniform, min: 0, max: 1, q: 0.01}
run_cap: 3
settings: {training: {num_train_epochs: 4, warmup_ratio: 0}, evaluation: {strategy: full}}
"""
WIDE = kinds.Taught(
    "wide",
    "/results/wide",
    30,
    [
        {
            "of": f"{number:04d}",
            "params": {"training.warmup_steps": 1 + number % 12, "training.weight_decay": round(0.01 * number, 2)},
            "state": "COMPLETE",
            "value": 0.01 * number,
            "values": [[1, 0.01 * number]],
            "excesses": {},
        }
        for number in range(30)
    ],
    {},
)


def drawn_point(live: Search, number: int) -> dict[str, Any]:
    proposal = live.propose(str(number), number)
    assert proposal is not None
    return proposal.point


def test_what_earlier_runs_found_counts_for_nothing_in_the_run_itself(tmp_path: Path) -> None:
    run, experiment = make_run(tmp_path / "run", lessons=[LESSON])
    state = play_through(run, experiment)
    assert len(state.searched) == experiment.count
    assert set(state.trials) == {f"{number:04d}" for number in range(7)}
    assert all(trial in state.trials for marks in state.rungs.values() for trial in marks)
    assert state.spent.epochs == sum(trial.iteration for trial in state.trials.values())
    study = search("bayes", state).study
    assert [trial.user_attrs.get("earlier_run") for trial in study.get_trials()][:5] == ["earlier"] * 4 + [None]


def test_a_lesson_that_is_lost_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    run, experiment = make_run(tmp_path / "run", SPACE)
    run.events.unlink()
    log = EventLog(run.events)
    record = {**experiment.to_record(), "warm_start": ["/results/earlier"]}
    log.append(kinds.RunOpened("run", "run", record, "results", []))
    log.append(LESSON)
    log.append(kinds.PointDrawn("0000", 0, experiment.baseline_point(), baseline=True))
    log.close()
    first, taught, *rest = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join([first, taught.replace(b"0.6", b"0.9"), *rest]))
    state, warnings = mended_run(run)
    assert "What earlier taught the search is lost: it goes on without." in warnings
    assert any("the line (taught) is damaged" in text for text in warnings), warnings
    assert state.taught == []
    assert "0000" in state.trials
    assert not state.lost
