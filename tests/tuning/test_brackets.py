"""Rungs that are kept apart: a model is compared with its like only."""

from __future__ import annotations

from pathlib import Path

from summtune.cli.event_lines import event_line
from summtune.events.fold import fold
from summtune.events.kinds import Decided
from summtune.events.log import read_events
from summtune.tuning.driver import Driver
from tests.tuning.driving import open_driver
from tests.tuning.test_driver import drawn, step

SPACE = """
name: plain
method: grid
parameters: {size: {bundle: {small: {weight_decay: 0.0}, large: {weight_decay: 0.1}}}, max_grad_norm: {values: [0.3, 0.5, 0.8]}}
run_cap: 6
baseline: false
early_terminate: {type: hyperband, eta: 2, min_iter: 1BRACKETS}
settings: {training: {num_train_epochs: 4}, evaluation: {strategy: full}}
"""


def verdicts(folder: Path, brackets: str) -> tuple[Driver, dict[str, Decided]]:
    """The first verdict on each of six trials; the small ones begin better."""
    driver, log = open_driver(folder, SPACE.replace("BRACKETS", brackets))
    for score in (0.5, 0.6, 0.55, 0.2, 0.3, 0.1):
        step(driver, drawn(driver), score)
    log.close()
    return driver, {event.trial: event for event in read_events(driver.run.events)[0] if isinstance(event, Decided)}


def test_values_of_the_named_parameter_compete_among_themselves(tmp_path: Path) -> None:
    driver, judged = verdicts(tmp_path / "run", ", brackets: size")
    assert [event.bracket for event in judged.values()] == ["small"] * 3 + ["large"] * 3
    assert [event.cutoff for event in judged.values()] == [None, 0.5, 0.55, None, 0.2, 0.25]
    assert [trial for trial, event in judged.items() if event.stop] == ["0006"]
    assert driver.state.brackets[1, "large"].marks == [0.1, 0.2, 0.3]
    assert fold(read_events(driver.run.events)[0]) == driver.state
    said = event_line(judged["0006"], driver.state, 4)
    assert said == "0006  stopped after 1 of 4: 0.1000 at rung 1 among large, 0.2500 needed"


def test_without_brackets_all_compete(tmp_path: Path) -> None:
    driver, judged = verdicts(tmp_path / "run", "")
    assert {event.bracket for event in judged.values()} == {""}
    assert [trial for trial, event in judged.items() if event.stop] == ["0004", "0005", "0006"]
    assert event_line(judged["0006"], driver.state, 4) == "0006  stopped after 1 of 4: 0.1000 at rung 1, 0.5000 needed"


def test_the_median_s_averages_are_in_the_events(tmp_path: Path) -> None:
    """A best is compared with averages: both are recorded, since reports may be taken back by a restart."""
    driver, log = open_driver(tmp_path / "run", SPACE.replace("{type: hyperband, eta: 2, min_iter: 1BRACKETS}", "median"))
    trials = [drawn(driver) for _ in range(4)]
    for scores in ((0.2, 0.4, 0.6, 0.50), (0.6, 0.6, 0.2, 0.1)):
        for trial, score in zip(trials, scores, strict=True):
            step(driver, trial, score)
    log.close()
    second = [event for event in read_events(driver.run.events)[0] if isinstance(event, Decided) and event.rung == 2]
    assert [(event.score, event.mark, event.cutoff) for event in second[:2]] == [(0.6, 0.4, None), (0.6, 0.5, None)]
    assert (second[3].score, second[3].cutoff, second[3].stop) == (0.5, 0.4, False), "the median of 0.4, 0.5 and 0.4"
    assert driver.state.rungs[2] == {trials[0]: 0.4, trials[1]: 0.5, trials[2]: 0.4, trials[3]: 0.3}


def test_strict_judges_by_the_evaluation_at_the_rung(tmp_path: Path) -> None:
    space = SPACE.replace("BRACKETS", ", strict: true").replace("min_iter: 1", "min_iter: 2")
    driver, log = open_driver(tmp_path / "run", space)
    first, second = drawn(driver), drawn(driver)
    for score in (0.5, 0.4):
        assert step(driver, first, score)
    assert step(driver, second, 0.9)
    assert not step(driver, second, 0.3), "it was better once"
    assert driver.state.trials[second].verdict == Decided(second, 2, 2, 0.3, 0.4, True, time=driver.state.spent.now)
    log.close()
