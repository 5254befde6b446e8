"""What every file of search/stopping keeps to; a new one is tested without being named here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import summtune
from summtune import registry
from summtune.config.space_file import EarlyTerminateSpec
from summtune.config.stopping import Stopping, stopping
from summtune.events.kinds import Decided, Event, Reported
from summtune.events.log import read_events
from summtune.events.mending import mended_run
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, worked

NAMES = registry.names("search.stopping")
SCORES = st.lists(st.integers(-50, 50).map(lambda score: score / 10), min_size=1, max_size=12)
SEEN = SCORES.map(sorted)

every_rule = pytest.mark.parametrize("name", NAMES)
pausing_rule = pytest.mark.parametrize("name", [name for name in NAMES if registry.load("search.stopping", name).PAUSES])
stopping_rule = pytest.mark.parametrize("name", [name for name in NAMES if not registry.load("search.stopping", name).PAUSES])


NEEDED = {"hyperband": {"min_iter": 1}}
"""What a person has to say besides a rule's name."""


def of(name: str, iterations: int = 9) -> tuple[ModuleType, Stopping]:
    """A rule, and what it is told where a person says no more than has to be said."""
    return registry.load("search.stopping", name), stopping(EarlyTerminateSpec(type=name, **NEEDED.get(name, {})), iterations)


def numbered(scores: list[float]) -> dict[int, float]:
    """By iteration, as a rule is told."""
    return dict(enumerate(scores, start=1))


@every_rule
def test_it_declares_itself(name: str) -> None:
    rule, _ = of(name)
    assert rule.SUMMARY
    assert rule.PAUSES in (True, False)
    assert set(rule.TAKES) <= set(EarlyTerminateSpec.model_fields) - {"type"}


@every_rule
def test_no_trial_is_judged_at_its_last_iteration_or_after(name: str) -> None:
    for longest in (1, 2, 9, 40):
        rule, told = of(name, longest)
        for last in range(1, longest + 1):
            judged = [one for one in range(1, longest + 3) if rule.rung(told, one, last) is not None]
            assert all(one < last for one in judged)
            assert all(rule.rung(told, one, last) == one for one in judged), "a rung is where it is judged"


@stopping_rule
@given(scores=SCORES, maximize=st.booleans())
def test_the_first_to_arrive_is_never_stopped(name: str, scores: list[float], maximize: bool) -> None:
    rule, told = of(name)
    score, _ = rule.measure(told, numbered(scores), maximize)
    assert rule.judge(told, score, [], maximize) == (None, False)


@pausing_rule
@given(arrived=st.integers(1, 200))
def test_some_have_a_place_and_others_have_not(name: str, arrived: int) -> None:
    rule, told = of(name)
    assert 1 <= rule.places(told, arrived, last=True) <= arrived
    assert rule.places(told, arrived, last=False) < arrived, "never all of them"
    assert rule.places(told, arrived, last=False) <= rule.places(told, arrived, last=True)
    assert 0 <= rule.places(told, arrived + 1, last=False) - rule.places(told, arrived, last=False) <= 1, "no place is taken back"


@every_rule
@given(scores=SCORES, seen=SEEN, maximize=st.booleans())
def test_it_keeps_and_changes_nothing(name: str, scores: list[float], seen: list[float], maximize: bool) -> None:
    rule, told = of(name)

    def said() -> tuple[object, object]:
        verdict = rule.places(told, len(seen), last=False) if rule.PAUSES else rule.judge(told, scores[-1], seen, maximize)
        return rule.measure(told, by_iteration, maximize), verdict

    by_iteration, given_seen = numbered(scores), list(seen)
    first = said()
    assert said() == first
    assert (by_iteration, seen) == (numbered(scores), given_seen)


@every_rule
@given(scores=SCORES)
def test_to_minimise_is_to_measure_the_opposite(name: str, scores: list[float]) -> None:
    rule, told = of(name)
    least, mark = rule.measure(told, numbered(scores), False)
    assert (least, mark) == pytest.approx(tuple(-one for one in rule.measure(told, numbered([-score for score in scores]), True)))


@stopping_rule
@given(score=st.integers(-50, 50).map(lambda score: score / 10), seen=SEEN)
def test_to_minimise_is_to_maximise_the_opposite(name: str, score: float, seen: list[float]) -> None:
    rule, told = of(name)
    cutoff, stop = rule.judge(told, score, seen, False)
    assume(cutoff is None or abs(score - cutoff) > 1e-9)  # the dust of interpolated percentiles
    assert stop == rule.judge(told, -score, [-one for one in reversed(seen)], True)[1]


@stopping_rule
@given(seen=SEEN, score=st.integers(-50, 50).map(lambda score: score / 10), maximize=st.booleans())
def test_what_is_stopped_is_below_the_cutoff_and_what_is_worse_is_stopped_too(
    name: str, seen: list[float], score: float, maximize: bool
) -> None:
    rule, told = of(name)
    cutoff, stop = rule.judge(told, score, seen, maximize)
    worse = score - 1 if maximize else score + 1
    assert not rule.judge(told, max(seen) if maximize else min(seen), seen, maximize)[1], "as good as the best is never stopped"
    if stop and cutoff is not None:
        assert score < cutoff if maximize else score > cutoff
        assert rule.judge(told, worse, seen, maximize)[1]


CURVES = [
    *[(0.5, 0.6, 0.7, 0.75), (0.4, 0.41, 0.42, 0.43), (0.1, 0.2, 0.9, 0.95)],
    *[(0.6, 0.5, 0.4, 0.3), (0.3, 0.5, 0.65, 0.6), (0.55, 0.56, 0.1, 0.1)],
]


def step(driver: Driver, trial: str, score: float) -> bool:
    """One evaluation, whatever is searched for."""
    state = driver.state.trials[trial]
    iteration = state.iteration + 1
    checkpoint = worked(driver.run.trial(trial).attempt(state.attempts), iteration, best=True)
    metrics = {"iteration": iteration, "epoch": float(iteration), "loss": score, "rouge_combined_f1": score}
    return driver.report(Reported(trial, state.attempts, iteration, metrics, checkpoint))


def played(folder: Path, name: str, metric: str, *, reopened: bool) -> list[tuple[object, ...]]:
    """Six trials, two at a time, in a driver that dies after every report, or doesn't; the verdicts."""
    space = f"""
name: plain
parameters: {{learning_rate: {{distribution: log_uniform_values, min: 1e-5, max: 1e-2}}}}
run_cap: 6
baseline: false
metric: {{name: {metric}}}
early_terminate: {{type: {name}{"".join(f", {key}: {value}" for key, value in NEEDED.get(name, {}).items())}}}
settings: {{training: {{num_train_epochs: 4}}}}
"""
    driver, log = open_driver(folder, space)

    def after(driver: Driver) -> Driver:
        nonlocal log
        if not reopened:
            return driver
        log.close()
        driver, log = open_driver(folder, space)
        while driver.waiting:
            drawn(driver)
        return driver

    for begun in range(0, len(CURVES), 2):
        under_way = {drawn(driver): CURVES[begun + place] for place in range(2)}
        for iteration in range(4):
            for trial, curve in under_way.items():
                if driver.state.trials[trial].status == "running" and not step(driver, trial, curve[iteration]):
                    driver.over(trial)
                driver = after(driver)
        for trial in under_way:
            driver.over(trial)
    log.close()
    events: list[Event] = read_events(driver.run.events)[0]
    judged = [event for event in events if isinstance(event, Decided)]
    return [(one.trial, one.rung, one.score, one.mark, one.cutoff, one.stop or one.pause) for one in judged]


@pytest.mark.parametrize("metric", ["rouge_combined_f1", "loss"])
@every_rule
def test_verdicts_are_the_same_after_any_number_of_restarts(name: str, metric: str, tmp_path: Path) -> None:
    once = played(tmp_path / "once", name, metric, reopened=False)
    assert played(tmp_path / "often", name, metric, reopened=True) == once
    assert any(stop for *_, stop in once) == (name != "none")


@pytest.mark.parametrize("name", [name for name in NAMES if "min_iter" in registry.load("search.stopping", name).TAKES])
def test_a_trial_is_judged_though_the_log_has_lost_one_of_its_evaluations(name: str, tmp_path: Path) -> None:
    """What a rule is told of an evaluation says which one it is: it can't be counted off."""
    space = f"""
name: plain
parameters: {{learning_rate: {{distribution: log_uniform_values, min: 1e-5, max: 1e-2}}}}
run_cap: 6
baseline: false
early_terminate: {{type: {name}, min_iter: 3}}
settings: {{training: {{num_train_epochs: 4}}}}
"""
    driver, log = open_driver(tmp_path / "run", space)
    trial = drawn(driver)
    step(driver, trial, 0.1)
    step(driver, trial, 0.2)
    log.close()
    lines = driver.run.events.read_bytes().splitlines(keepends=True)
    first = next(line for line in lines if b'"kind": "reported"' in line)
    driver.run.events.write_bytes(b"".join(line.replace(b"0.1", b"0.7") if line == first else line for line in lines))
    mended_run(driver.run)
    driver, log = open_driver(tmp_path / "run", space)
    assert [report.iteration for report in driver.state.trials[drawn(driver)].reports] == [2]
    step(driver, trial, 0.3)
    log.close()
    (judged,) = [event for event in read_events(driver.run.events)[0] if isinstance(event, Decided)]
    assert (judged.rung, judged.score, judged.mark or judged.score) == (3, 0.3, 0.3)


RULE = '''"""A rule that stops whatever is below a half."""

SUMMARY = "a half"
TAKES = ("min_iter",)
PAUSES = False


def rung(stopping, iteration, last):
    return iteration if stopping.min_iter <= iteration < last else None


def measure(stopping, scores, maximize):
    return scores[max(scores)], scores[max(scores)]


def judge(stopping, score, seen, maximize):
    return (0.5, bool(score < 0.5)) if seen else (None, False)
'''

SCRIPT = """
import sys
from pathlib import Path
from summtune.config.experiment import load_experiment
from summtune.config.schema import space_schema
from tests.search import test_stopping_contract as contract

assert "half" in contract.NAMES, "its tests are collected"
experiment = load_experiment(Path("space.yaml"), environ={})
assert experiment.stopping.judged_at(4) == (2, 3), experiment.stopping
assert "half" in str(space_schema()["properties"]["early_terminate"])
"""


def test_a_new_rule_is_one_file(tmp_path: Path) -> None:
    """A copy of the package with one file more: spaces name it, the schema has it, and it is among those that are tested."""
    package = Path(summtune.__file__).parent
    shutil.copytree(package, tmp_path / "summtune", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package.parent / "search_spaces", tmp_path / "search_spaces")
    (tmp_path / "summtune/search/stopping/half.py").write_text(RULE, encoding="utf-8")
    text = "parameters: {learning_rate: {min: 1e-5, max: 1e-2}}\nearly_terminate: {type: half, min_iter: 2}\n"
    (tmp_path / "space.yaml").write_text(text + "settings: {training: {num_train_epochs: 4}}\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(package.parent)])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
