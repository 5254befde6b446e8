"""What every file of metrics/ keeps to; runs over all of them without being told."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune import registry
from summtune.config.metrics import NEEDS, RESERVED, declared
from summtune.config.settings import Evaluation
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring

KOREAN = Summaries(
    predictions=["#Person1#은 학교에 간다. 간다 간다.", "", ".", "간다 " * 5_000, "#Person9#는 Jerry와 7시에 만난다"],
    references=[["#Person1#은 학교에 간다."], ["가다", "오다"], ["."], ["#Person1#은 간다."], ["만난다"]],
    dialogues=["#Person1#: 학교에 간다."] * 5,
    seconds=[0.5] * 5,
    finished=[True, True, False, False, True],
)
NOTHING = Summaries([], [], [], [], [])
NAMES = registry.names("metrics")


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_is_whole(name: str) -> None:
    one = declared(name)
    assert one.keys
    assert set(one.goal) == set(one.unit) == set(one.keys)
    assert set(one.goal.values()) <= {"maximize", "minimize", None}
    assert all(one.unit.values())
    assert set(one.needs) <= set(NEEDS)
    assert not set(one.keys) & set(RESERVED)
    assert (registry.load("metrics", name).__doc__ or "").strip()


def test_no_key_belongs_to_two_metrics() -> None:
    keys = [key for name in NAMES for key in declared(name).keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("summaries", [KOREAN, NOTHING], ids=["korean", "nothing"])
def test_scores_are_what_is_declared(name: str, summaries: Summaries, tmp_path: Path) -> None:
    """`Scoring` itself holds a metric to its keys, one finite number per dialogue, and the range that its unit promises."""
    scoring = Scoring(Evaluation(metrics=(name,)), tmp_path, NEEDS)
    first, second = scoring.score(summaries), scoring.score(summaries)
    assert first == second
    assert set(first.means) == set(first.per_dialogue) == set(declared(name).keys)
    assert {len(column) for column in first.per_dialogue.values()} == {len(summaries.predictions)}
    assert scoring.description[name]
    assert all(isinstance(value, str) for value in scoring.description[name].values())


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_asks_for_what_it_needs_and_no_more(name: str, tmp_path: Path) -> None:
    needs = declared(name).needs
    told = {need: getattr(KOREAN, need) for need in needs}
    scoring = Scoring(Evaluation(metrics=(name,)), tmp_path, needs)
    assert scoring.score(Summaries(KOREAN.predictions, **told)) == Scoring(Evaluation(metrics=(name,)), tmp_path, NEEDS).score(KOREAN)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_dialogues_does_not_matter(name: str, tmp_path: Path) -> None:
    fields = {field: list(reversed(getattr(KOREAN, field))) for field in ("predictions", *NEEDS)}
    scoring = Scoring(Evaluation(metrics=(name,)), tmp_path, NEEDS)
    forward, backward = scoring.score(KOREAN).per_dialogue, scoring.score(Summaries(**fields)).per_dialogue
    assert forward == {key: list(reversed(column)) for key, column in backward.items()}
