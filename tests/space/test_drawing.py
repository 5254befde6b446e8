"""Points are drawn by their conditions and rules, never repaired afterwards; and a restored space goes on as the old one would have."""

from __future__ import annotations

import json
import pickle
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summtune.search.study import Search
from summtune.space.bundle import Bundle
from summtune.space.expressions import parse_expression
from summtune.space.parameters import Choice, Constant, Integers, Reals
from summtune.space.rules import Backdrop, Narrowing, Rule, When
from summtune.space.source import Dice
from summtune.space.space import Draw, Outside, Space
from tests.space.spaces import all_points, as_set, exists, finite_spaces

MIXED = Space.of(
    [
        Choice("optim", ("adam", "sgd")),
        Reals("lr", 1e-5, 1e-1, log=True),
        Reals("beta", 0.1, 0.9),
        Integers("batch", 1, 64),
        Bundle("size", (("small", (("length", 128), ("width", 1))), ("large", (("length", 512),)))),
        Choice("beams", (1, 2, 4), (0.5, 0.25, 0.25)),
        Reals("penalty", 0.5, 2.0),
    ],
    {"beta": (When("optim", ("adam",)),), "penalty": (When("beams", (2, 4)),)},
    [
        Rule("memory", parse_expression("length > 256"), (Narrowing("batch", high=16),)),
        Rule("steps", parse_expression("optim == 'sgd'"), (Narrowing("lr", low=1e-3),)),
        Rule("product", None, (), parse_expression("lr * batch <= 0.5 or size == 'small'")),
    ],
    Backdrop({"length": 256, "beta": 0.9, "penalty": 1.0}),
)


def check_mixed(point: dict[str, Any]) -> None:
    assert ("beta" in point) == (point["optim"] == "adam")
    assert ("penalty" in point) == (point["beams"] > 1)
    assert ("width" in point) == (point["length"] == 128)
    assert point["length"] <= 256 or point["batch"] <= 16
    assert point["optim"] == "adam" or point["lr"] >= 1e-3
    assert point["lr"] * point["batch"] <= 0.5 or point["length"] == 128


@given(finite_spaces(), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_any_point_keeps_its_rules_and_conditions(space: Space, seed: int) -> None:
    possible = as_set(all_points(space))
    for draw in (space.draw(Dice(seed)), space.draw_narrowed(Dice(seed), seed)):
        if draw is not None:
            assert as_set([draw.point]) <= possible
            values: dict[str, Any] = {**draw.answers, **draw.point}
            for name in space.searched:
                assert (name in draw.answers) == exists(space, name, values)
    assert (space.draw_narrowed(Dice(seed), seed) is not None) == bool(possible), "where there is a point, one is drawn"


@given(st.integers(0, 10_000))
@settings(max_examples=200, deadline=None)
def test_ranges_without_end_keep_their_rules_too(seed: int) -> None:
    draw = MIXED.draw_narrowed(Dice(seed), seed)
    assert draw is not None
    check_mixed(draw.point)


def test_the_one_point_among_thousands_is_found() -> None:
    parameters = [Integers(f"p{number}", 1, 10) for number in range(5)]
    space = Space.of(parameters, {}, [Rule("all", None, (), parse_expression("p0 + p1 + p2 + p3 + p4 >= 50"))])
    assert space.size() == 1
    draw = space.draw_narrowed(Dice(0), 0)
    assert draw is not None
    assert set(draw.point.values()) == {10}


def test_long_ranges_are_not_looked_through_to_their_end() -> None:
    product = Rule("memory", None, (), parse_expression("p0 * p1 <= 640"))
    space = Space.of([Integers("p0", 1, 32), Integers("p1", 1, 10**9)], {}, [product])
    for seed in range(3):
        draw = space.draw_narrowed(Dice(seed), seed)
        assert draw is not None
        assert draw.point["p0"] * draw.point["p1"] <= 640
    begun = time.process_time()
    assert not Space.of([Integers("p0", 10**8, 10**9), Integers("p1", 10**8, 10**9)], {}, [product]).possible()
    assert time.process_time() - begun < 5


def test_what_is_not_drawn_has_the_value_beneath_also_that_of_the_drawn_model() -> None:
    backdrop = Backdrop({"epochs": 3}, (({"model": "a"}, {}), ({"model": "b"}, {"epochs": 9})))
    space = Space.of(
        [Integers("batch", 1, 4), Choice("model", ("a", "b")), Choice("extra", (1, 2))],
        {"extra": (When("epochs", (9,)),)},
        [Rule("long", parse_expression("epochs > 5"), (Narrowing("batch", high=1),))],
        backdrop,
    )
    assert space.size() == 4 + 2
    points = list(space.points())
    assert {point["batch"] for point in points if point["model"] == "b"} == {1}
    assert all(("extra" in point) == (point["model"] == "b") for point in points)


@pytest.mark.parametrize(("own", "other", "long"), [(512, 768, "b"), (768, 512, "a")])
def test_the_drawn_model_counts_where_what_a_rule_names_is_set_at_some_points_only(own: int, other: int, long: str) -> None:
    space = Space.of(
        [Choice("model", ("a", "b")), Choice("optim", ("adam", "sgd")), Choice("length", (256, 512)), Choice("batch", (8, 32))],
        {"length": (When("optim", ("sgd",)),)},
        [Rule("memory", parse_expression("length > 512"), (Narrowing("batch", high=8),))],
        Backdrop({"length": own}, (({"model": "a"}, {}), ({"model": "b"}, {"length": other}))),
    )
    points = list(space.points())
    assert len(points) == space.size() == 8 + 3
    assert {point["batch"] for point in points if "length" not in point and point["model"] == long} == {8}
    assert drawn_of(space) == as_set(points)


def test_a_rule_waits_for_a_model_that_is_drawn_late() -> None:
    space = Space.of(
        [Choice("optim", ("adam", "sgd")), Choice("model", ("a", "b"))],
        {"model": (When("optim", ("sgd",)),)},
        [Rule("short", None, (), parse_expression("optim == 'adam' or length <= 512"))],
        Backdrop({"length": 768}, (({"model": "a"}, {}), ({"model": "b"}, {"length": 512}))),
    )
    assert list(space.points()) == [{"optim": "adam"}, {"optim": "sgd", "model": "b"}]
    assert drawn_of(space) == as_set(list(space.points()))


def test_what_does_not_exist_at_a_point_is_not_narrowed_there() -> None:
    space = Space.of(
        [
            Choice("schedule", ("linear", "constant")),
            Choice("epochs", (3, 8)),
            Choice("warmup", (0.0, 0.2)),
            Bundle("size", (("short", (("length", 256),)), ("long", (("length", 1024),)), ("plain", (("batch", 4),)))),
        ],
        {"warmup": (When("schedule", ("linear",)),)},
        [
            Rule("long", parse_expression("epochs == 8"), (Narrowing("warmup", high=0.1), Narrowing("length", high=512))),
            Rule("left", parse_expression("schedule == 'constant'"), (Narrowing("pinned", low=2),)),
        ],
        Backdrop({"warmup": 0.15, "length": None, "pinned": 2}),
    )
    points = list(space.points())
    assert len(points) == space.size() == 2 * 3 + 1 * 2 + 1 * 3 + 1 * 2
    assert {"schedule": "constant", "epochs": 8, "batch": 4} in points
    assert {"schedule": "linear", "epochs": 8, "warmup": 0.0, "batch": 4} in points
    assert drawn_of(space) == as_set(points)
    # What has left the space has a value at every point all the same, and is judged by it.
    pinned = replace(space, backdrop=Backdrop({**space.backdrop.values, "pinned": 1}))
    assert pinned.size() == 2 * 3 + 1 * 2


REGULARISED = Bundle(
    "reg",
    (
        ("base", (("lr", 5), ("epochs", 3))),
        ("plain", (("optim", "adam"),)),
        ("smooth", (("optim", "adam"), ("smoothing", 1))),
        ("t", (("model", "t"),)),
    ),
)


@pytest.mark.parametrize("label", REGULARISED.labels)
@pytest.mark.parametrize("whole", [False, True])
def test_a_label_is_told_from_others_that_set_less_or_the_same(label: str, whole: bool) -> None:
    beneath = {"lr": 5, "epochs": 3, "optim": "sgd", "smoothing": 0, "model": "k"}
    models = (({"model": "t"}, {"optim": "adam", "lr": 9}),)
    space = Space.of([REGULARISED], {}, (), Backdrop(beneath, models))
    point = REGULARISED.settings_of(label)
    assert REGULARISED.label_of(point) == label
    settings = {**beneath, **({"optim": "adam", "lr": 9} if label == "t" else {}), **point}
    assert space.located(settings if whole else point).answers == {"reg": label}


def test_settings_that_no_label_comes_to_are_outside() -> None:
    space = Space.of([REGULARISED], {}, (), Backdrop({"lr": 5, "epochs": 3, "optim": "sgd", "smoothing": 0, "model": "k"}))
    assert space.locate({"lr": 5, "epochs": 3, "optim": "adam", "smoothing": 2, "model": "k"}) is None


def drawn_of(space: Space) -> set[str]:
    """The points that many drawings give."""
    drawn = [space.draw_narrowed(Dice(seed), seed) for seed in range(150)]
    assert all(drawn), "where there are points, one is drawn"
    return as_set([draw.point for draw in drawn if draw])


@given(finite_spaces(), st.integers(0, 100))
@settings(max_examples=80, deadline=None)
def test_a_restored_space_draws_the_same(space: Space, seed: int) -> None:
    restored = Space.from_record(json.loads(json.dumps(space.to_record())))
    assert restored == space
    for copy in (restored, pickle.loads(pickle.dumps(space))):
        assert copy.draw_narrowed(Dice(seed), seed) == space.draw_narrowed(Dice(seed), seed)
        assert copy.size() == space.size()


def test_circles_are_found() -> None:
    space = Space.of([Choice("a", (1, 2)), Choice("b", (1, 2))], {"a": (When("b", (1,)),), "b": (When("a", (1,)),)})
    with pytest.raises(ValueError, match="a → b → a"):
        _ = space.order


def play(search: Search, count: int, begin: int = 0) -> list[dict[str, Any]]:
    points = []
    for number in range(begin, count):
        proposal = search.propose(f"{number:04d}", number)
        if proposal is None:
            break
        points.append(proposal.point)
    return points


@pytest.mark.parametrize("method", ["bayes", "random"])
def test_every_method_draws_by_the_rules(method: str) -> None:
    points = play(Search(MIXED, method, maximize=True, seed=3, count=40), 40)
    assert len(points) == 40
    for point in points:
        check_mixed(point)


@pytest.mark.parametrize("method", ["bayes", "random", "grid"])
def test_finite_spaces_are_drawn_to_their_last_point(method: str) -> None:
    space = Space.of(
        [Choice("a", (1, 2, 3)), Choice("b", (1, 2, 3)), Choice("c", ("x", "y"))],
        {"c": (When("a", (3,)),)},
        [Rule("r", None, (), parse_expression("a * b <= 6"))],
    )
    points = play(Search(space, method, maximize=True, seed=1, count=50), 50)
    assert as_set(points) == as_set(list(space.points()))
    assert len(points) == space.size() == 3 + 3 + 2 * 2


def test_points_that_are_the_same_training_are_drawn_once_and_the_baseline_s_never() -> None:
    space = Space.of([Choice("beams", (1, 2)), Choice("penalty", (0.5, 1.0, 2.0))])

    def identity(point: Any) -> str:
        full = {"beams": 1, "penalty": 1.0, **point}
        return "greedy" if full["beams"] == 1 else f"beams {full['penalty']}"

    for method in ("bayes", "random", "grid"):
        search = Search(space, method, maximize=True, seed=2, count=20, identity=identity)
        search.adopt_baseline("base", {"beams": 1, "penalty": 1.0})
        points = play(search, 20)
        assert sorted(identity(point) for point in points) == ["beams 0.5", "beams 1.0", "beams 2.0"]
        assert search.used_up


def test_a_grid_that_is_cut_short_is_mixed_and_never_repeats() -> None:
    space = Space.of([Integers("a", 1, 30), Integers("b", 1, 30)])
    search = Search(space, "grid", maximize=True, seed=5, count=90)
    points = play(search, 90)
    assert len(as_set(points)) == 90
    spread = Counter((point["a"] - 1) // 10 for point in points)
    assert len(spread) == 3
    assert min(spread.values()) >= 15, "an even sample of 900 points, not its first 90"
    longer = Search(space, "grid", maximize=True, seed=5, count=120)
    assert play(longer, 120)[:90] == points, "more trials go on where fewer left off"


def test_random_draws_by_probabilities() -> None:
    space = Space.of([Choice("a", ("x", "y", "z"), (0.7, 0.2, 0.1)), Reals("b", 0.0, 1.0)])
    drawn = Counter(point["a"] for point in play(Search(space, "random", maximize=True, seed=0, count=600), 600))
    assert abs(drawn["x"] - 420) < 50
    assert abs(drawn["y"] - 120) < 40
    assert abs(drawn["z"] - 60) < 30


def test_a_draw_is_a_point_and_the_answers_it_came_from() -> None:
    draw = MIXED.draw_narrowed(Dice(4), 4)
    assert isinstance(draw, Draw)
    located = MIXED.locate(draw.point)
    assert located is not None
    assert located.answers == draw.answers


def test_why_a_point_can_not_be_located() -> None:
    low = Rule("low", None, (), parse_expression("a.size < 4"))
    fixed = Space.of([Integers("a.size", 1, 4), Constant("b", 3)], {"b": (When("a.size", (2,)),)}, [low])
    assert fixed.located({"a.size": 1, "b": 7}).point == {"a.size": 1}, "there is no b here"
    with pytest.raises(Outside, match=r"^outside the range of size$"):
        fixed.located({"a.size": 5, "b": 3})
    with pytest.raises(Outside, match=r"^outside the range of b$"):
        fixed.located({"a.size": 2, "b": 7})
    with pytest.raises(Outside, match=r"^against the rule "):
        fixed.located({"a.size": 4})
    assert fixed.locate({"a.size": 2}) is None
