"""Faults that need no reference, on made-up summaries and on real ones, which people wrote and which ought to have none."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from summtune.metrics import Summaries
from summtune.metrics import _names as names
from summtune.metrics import _numbers as numbers
from summtune.metrics.guardrails import KEYS, faults, score
from tests.metrics.test_rouge import DATA

DIALOGUE = """#Person1#: 김민수 씨, 내일 열두 시에 서울역에서 봐요. 요금은 삼만오천 원이에요.
#Person2#: 네, Tom도 두 명과 함께 와요. 스물세 살이래요."""


@pytest.mark.parametrize(
    ("summary", "fault"),
    [
        ("#Person1#은 #Person2#와 열두 시에 서울역에서 만난다.", None),
        ("#Person1#은 12시에 35,000원을 낸다. Tom은 23살이다.", None),
        ("#Person1#은 3만 5천 원을 낸다.", None),
        ("두 사람은 한 번 만난다.", None),
        ("#Person3#은 #Person1#과 만난다.", "invented_speakers"),
        ("#Person1#은 박지성과 만난다.", "invented_names"),
        ("#Person1#은 어제 Jerry를 만났다.", "invented_names"),
        ("#Person1#은 11시에 만난다.", "invented_numbers"),
        ("#Person1#은 열한 시에 만난다.", "invented_numbers"),
        ("#Person1#은 오만 원을 낸다.", "invented_numbers"),
        ("#Person1은 만난다.", "torn_tags"),
        ("Person1은 만난다.", "torn_tags"),
        ("# 만난다.", "torn_tags"),
        ("", "empty"),
        (" ... ", "empty"),
    ],
)
def test_faults(summary: str, fault: str | None) -> None:
    found = [key for key, has in zip(KEYS, faults(summary, DIALOGUE), strict=True) if has]
    assert found == ([f"guardrails/{fault}"] if fault else [])


def test_the_mean_is_a_share_of_summaries() -> None:
    columns = score(Summaries(["#Person3# #Person4#", "#Person1#"], dialogues=[DIALOGUE] * 2))
    assert columns["guardrails/invented_speakers"] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("이천십구 년 오월 삼십일 일에 스물다섯 명", {2019, 31, 25}),
        ("3만 5천 원, 1,200.50달러", {35000, 1200.5}),
        ("twenty-five people paid two hundred and ten thousand dollars", {25, 210000}),
        ("one of the two men", set()),
        ("#Person1# called #Person2#", set()),
        ("이 사람은 만족하고 사과한다", set()),
        ("열심히 공부한 다섯 명", {5}),
    ],
)
def test_claimed_numbers(text: str, values: set[object]) -> None:
    assert numbers.claimed(text) == {Decimal(str(value)) for value in values}


@pytest.mark.parametrize("text", ["삼십오 분", "35분", "thirty five minutes", "서른다섯 개"])
def test_every_spelling_of_a_number_is_supported(text: str) -> None:
    assert Decimal(35) in numbers.supported(text)


def test_numbers_that_corpora_tear_are_supported() -> None:
    assert {Decimal(20000), Decimal(911)} <= numbers.supported("20, 000 RMB, 구일일에 전화해")
    assert {Decimal("4.5"), Decimal("1.8")} <= numbers.supported("4. 5 %, that's a 1. 8 liter engine")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("가격이 13달러 99센트라", "13.99"),
        ("They are 12 dollars and 50 cents", "12.5"),
        ("more than 10 thousand people", "10000"),
        ("1.5 million", "1500000"),
    ],
)
def test_what_is_said_in_two_units_supports_one_number(text: str, value: str) -> None:
    assert Decimal(value).normalize() in numbers.supported(text)


@pytest.mark.parametrize(
    ("summary", "dialogue"),
    [
        ("#Person1#은 2시 30분에 만난다.", "두 시 반에 만나요."),
        ("They meet at 2:30.", "Half past two."),
        ("They meet at 2.30.", "Half past two."),
        ("They meet at 7:00.", "At seven o'clock."),
        ("It takes 45 minutes.", "Three quarters of an hour."),
        ("#Person1#은 12시에 만난다.", "정오에 만나요."),
        ("#Person1#은 12시에 만난다.", "자정에 만나요."),
        ("회의는 30분 동안 한다.", "반 시간이면 돼요."),
        ("회의는 2.5시간 걸린다.", "두 시간 반 걸려요."),
        ("#Person1#은 50% 할인을 받는다.", "반값이에요."),
        ("15분 걸린다.", "It takes a quarter of an hour."),
    ],
)
def test_halves_quarters_and_the_middle_of_the_day_support_what_they_are_in_digits(summary: str, dialogue: str) -> None:
    assert numbers.claimed(summary) <= numbers.supported(f"#Person1#: {dialogue}")


def test_not_every_letter_that_means_half_is_one() -> None:
    assert Decimal(30) not in numbers.supported("#Person1#: 반갑습니다. 일반적으로 반드시 와요.")
    assert Decimal(30) in numbers.claimed("They meet at 2:30.")
    assert Decimal(0) in numbers.claimed("It costs 0 dollars.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yesterday Tom met Mrs. Dawson on Monday. Then Tom's dog left.", {"Tom", "Dawson"}),
        ("Having lunch is nice. I agree.", set()),
        ("There's a garden. She's fine, so They sign. Then Jim'll go. Who's that? It's Mom's.", {"Jim"}),
        ("#Person1#에게 호킨스 의사가 말한다.", {"호킨스"}),
        ("#Person1#이 식당에서 밥을 먹는다.", set()),
    ],
)
def test_claimed_names(text: str, found: set[str]) -> None:
    assert names.claimed(text) == found


def test_dots_of_an_abbreviation_are_no_letters() -> None:
    assert names.supported("US", "#Person1#: I went to the U. S. last year.")
    assert not names.supported("USA", "#Person1#: I went to the U. S. last year.")


@pytest.mark.parametrize(("file", "honest", "foreign"), [("dialogsum_ko/train.csv", 0.02, 0.4), ("dialogsum_en/dev.csv", 0.02, 0.4)])
def test_people_are_not_blamed_and_strangers_are_caught(file: str, honest: float, foreign: float) -> None:
    """Summaries that people wrote of these dialogues have next to no fault; those of other dialogues do."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:340]
    dialogues, summaries = [row["dialogue"] for row in rows], [row["summary"] for row in rows]
    own = score(Summaries(summaries, dialogues=dialogues))
    other = score(Summaries(summaries[1:] + summaries[:1], dialogues=dialogues))
    assert {key: sum(column) / len(rows) <= honest for key, column in own.items()} == dict.fromkeys(KEYS, True)
    assert sum(other["guardrails/invented_names"]) / len(rows) >= foreign
    assert sum(other["guardrails/invented_numbers"]) / len(rows) >= 0.08
